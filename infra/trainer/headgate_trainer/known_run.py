"""Whether a run was done before. Equal specs are one run, so doing it again would only cost money."""

import hashlib
import json
from typing import Any

from headgate_trainer.errors import Absent
from headgate_trainer.journal import Journal
from headgate_trainer.outputs import MANIFEST, MANIFEST_FORMAT
from headgate_trainer.storage import Storage


def known_manifest(storage: Storage, base: str, run: str, journal: Journal) -> dict[str, Any] | None:
    """The manifest under ``base`` if it is this run's and every file has the digest it names.

    One that is damaged, or whose files are, is told and counts for nothing: the run is done again.
    """
    try:
        content = storage.read(f"{base}/{MANIFEST}")
    except Absent:
        return None
    try:
        document = json.loads(content)
        if (document["format"], document["run"]) != (MANIFEST_FORMAT, run):
            raise ValueError("it is of another run or format")
        for name, entry in document["files"].items():
            if hashlib.sha256(storage.read(f"{base}/{name}")).hexdigest() != entry["sha256"]:
                raise ValueError(f"{name} is not what it names")
    except (Absent, ValueError, KeyError, TypeError, AttributeError) as damage:
        journal.info("manifest_ignored", reason=f"{type(damage).__name__}: {damage}")
        return None
    found: dict[str, Any] = document
    return found
