"""What computed a run: interpreter, architecture and every installed package, under one digest; the hardware
beside it.

The digest leaves the hardware out: the same image on another machine is the same environment, and whether the
machine changed is told apart from whether a library did.
"""

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from typing import Any

from headgate_trainer.hardware import hardware
from headgate_trainer.run_spec import canonical_json


def environment() -> dict[str, Any]:
    """``digest`` is the sha256 of the canonical JSON of python, machine and packages."""
    software = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": packages(distributions()),
    }
    digest = hashlib.sha256(canonical_json(software)).hexdigest()
    return {**software, "digest": digest, "hardware": hardware()}


def packages(found: Iterable[Distribution]) -> dict[str, str]:
    """Versions by normalized name, sorted. The first of a name counts: it is the one that is imported."""
    versions: dict[str, str] = {}
    for distribution in found:
        # A folder that lost its metadata has no name.
        name = distribution.metadata["Name"] if distribution.metadata else None
        if name:
            versions.setdefault(name.lower().replace("_", "-").replace(".", "-"), distribution.version)
    return dict(sorted(versions.items()))
