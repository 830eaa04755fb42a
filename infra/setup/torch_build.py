"""PyTorch for the trainer's environment: the build for the processor alone, which needs a step of its own.

Owns where that build is looked for, and how long. The registry's own wheel for Linux brings gigabytes of
CUDA, and the builds without it are local versions that the lock cannot name. Must not fail a set-up: a
machine where it cannot be had does everything else, and the tests that need it say so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from installer import PIP_SETTINGS, TOOLS, SetupError, run

INDEX_LINE = "# cpu-index:"
PATIENCE = ("--timeout", "20", "--retries", "1")


def wanted_requirement(requirements: Path, platform: str = sys.platform) -> str:
    """``torch==<version>``, as the build for the processor alone is called on ``platform``."""
    lines = [line for line in requirements.read_text().splitlines() if line.startswith("torch==")]
    if len(lines) != 1:
        raise SetupError(f"{requirements}: exactly one line torch==<version> is needed")
    return lines[0] if platform == "darwin" else f"{lines[0]}+cpu"


def cpu_index(requirements: Path) -> str:
    """The address of PyTorch's own index, from the file that names the version."""
    lines = [line for line in requirements.read_text().splitlines() if line.startswith(INDEX_LINE)]
    if len(lines) != 1:
        raise SetupError(f"{requirements}: exactly one line {INDEX_LINE} <address> is needed")
    return lines[0].removeprefix(INDEX_LINE).strip()


def add_torch(python: Path, requirements: Path) -> None:
    """Installs it, or prints a note why not: nothing else depends on it."""
    if reason := install_torch(python, requirements):
        print(f"  note: {reason}", file=sys.stderr, flush=True)


def install_torch(python: Path, requirements: Path) -> str:
    """Installs it from where pip is configured to look here, then from PyTorch's index.

    Returns why it could not be had, or the empty text. What it depends on is in the environment's own lock.
    """
    requirement = wanted_requirement(requirements)
    reasons = []
    for source in ((), ("--index-url", cpu_index(requirements))):
        try:
            run(
                _command(python, requirement, source), what=f"installing {requirement}", settings=PIP_SETTINGS
            )
        except SetupError as failed:
            reasons.append(_reason(str(failed)))
        else:
            return ""
    version = "{}.{}".format(*sys.version_info)
    return (
        f"{requirement} cannot be had for Python {version} on this machine ({reasons[-1]}); the trainer "
        "`torch` and its tests are left out. `make setup-torch` tries again; another Python may have it: "
        "`make setup PYTHON=python3.11`"
    )


def _reason(said: str) -> str:
    """pip's first error: its last line is advice."""
    lines = [line.strip(" |") for line in said.splitlines()]
    return next((line for line in lines if line.startswith("ERROR:")), lines[-1]).removeprefix("ERROR: ")


def _command(python: Path, requirement: str, source: Sequence[str]) -> list[str]:
    command = [str(TOOLS / "bin/python"), "-m", "pip", "--python", str(python), "install", "--quiet"]
    command += ["--no-deps", "--only-binary", ":all:", "--no-compile", *PATIENCE, *source]
    return [*command, requirement]


def has_torch(home: Path) -> bool:
    """Whether the environment at ``home`` holds it; nothing is imported."""
    return any(home.glob("lib/python3.*/site-packages/torch/version.py"))
