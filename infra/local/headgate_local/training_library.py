"""An environment for the trainer that differs in one library: really another version, from the registry.

Owns the environment: a virtual one of the trainer's interpreter, that holds the one package and sees all
others where they are. It stands in for an image derived from the trainer's.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from headgate_local.demo_context import DemoFailed
from headgate_local.platform_steps import Place

LIBRARY = "lightgbm"
NEXT_VERSION = "4.6.0"
REQUIREMENTS = "infra/local/next-library.txt"
"""The version above, by its hashes."""
NAME = "headgate-trainer-next"
PATTERN = f"{NAME}@*"
NEXT_IMAGE = f"{NAME}@sha256:{hashlib.sha256(f'{LIBRARY}=={NEXT_VERSION}'.encode()).hexdigest()}"
PIP_INSTALL = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
    *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
)
INSTALL_SECONDS = 120


def environment(place: Place) -> Path:
    return place.root / "build" / "trainer-next"


def make_environment(place: Place, note: Callable[[str], None]) -> None:
    """Made once; it lies in build/. Raises DemoFailed when the package cannot be had."""
    folder, trainer = environment(place), place.python(".envs/trainer")
    requirements = place.root / REQUIREMENTS
    stamp = folder / hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists():
        return
    note(f"installing {LIBRARY} {NEXT_VERSION} beside the trainer's packages")
    _run([trainer, "-m", "venv", "--clear", "--without-pip", folder])
    site = _site_packages(folder)
    _run([sys.executable, *PIP_INSTALL, "--requirement", requirements, "--target", site])
    (site / "trainer.pth").write_text(f"{_site_packages(trainer.parents[1])}\n", encoding="utf-8")
    stamp.touch()


def _site_packages(environment_: Path) -> Path:
    found = sorted(environment_.glob("lib/python*/site-packages"))
    if not found:
        raise DemoFailed(f"{environment_} has no site-packages")
    return found[0]


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise DemoFailed(f"{LIBRARY} {NEXT_VERSION} cannot be installed: {' '.join(last)}")
