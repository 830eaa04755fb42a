"""find-python.sh picks the newest interpreter that really runs, and says why it took none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

MINOR = "{}.{}".format(*sys.version_info)
SHIM = "#!/bin/sh\necho 'pyenv: python: command not found' >&2\nexit 127\n"
BARE = "#!/bin/sh\necho 'has no module ensurepip' >&2\nexit 1\n"


@dataclass
class Machine:
    """A machine with nothing but the commands that the script itself uses, and fake interpreters."""

    root: Path
    script: Path

    def __post_init__(self) -> None:
        self.bin.mkdir()
        self.home.mkdir()
        for command in ("sh", "sed", "ls", "sort", "grep", "cat"):
            (self.bin / command).symlink_to(shutil.which(command) or "/bin/false")

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def home(self) -> Path:
        return self.root / "home dir"

    def put(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def works(self, path: Path, *, says: str = "") -> Path:
        """An interpreter that runs the probe and finds itself fit; `says` is the path it answers with."""
        return self.put(path, f"#!/bin/sh\necho '{says or path}'\n")

    def find(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "HOME": str(self.home), **settings}
        return subprocess.run(
            [str(self.bin / "sh"), str(self.script), *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root / "infra/setup/find-python.sh")


def test_the_newest_on_path_is_chosen(machine: Machine) -> None:
    machine.works(machine.bin / "python3.11")
    newest = machine.works(machine.bin / "python3.12")

    assert machine.find().stdout.strip() == str(newest)


def test_a_shim_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.put(machine.bin / "python3.13", SHIM)
    older = machine.works(machine.bin / "python3.12")

    assert machine.find().stdout.strip() == str(older)


def test_a_newer_one_under_pyenv_wins_over_an_older_one_on_path(machine: Machine) -> None:
    machine.works(machine.bin / "python3.12")
    machine.works(machine.home / ".pyenv/versions/3.13.2/bin/python3.13")
    newest = machine.works(machine.home / ".pyenv/versions/3.13.10/bin/python3.13")

    assert machine.find().stdout.strip() == str(newest)


def test_pyenv_root_is_honoured(machine: Machine) -> None:
    elsewhere = machine.works(machine.root / "elsewhere/versions/3.12.1/bin/python3.12")

    found = machine.find(PYENV_ROOT=str(machine.root / "elsewhere"))

    assert found.stdout.strip() == str(elsewhere)


def test_one_version_can_be_asked_for(machine: Machine) -> None:
    machine.works(machine.bin / "python3.13")
    wanted = machine.works(machine.bin / "python3.12")

    assert machine.find("3.12").stdout.strip() == str(wanted)
    assert machine.find("3.11").returncode == 1


def test_python_overrides(machine: Machine) -> None:
    machine.works(machine.bin / "python3.13")
    wanted = machine.works(machine.root / "mine/python")

    assert machine.find(PYTHON=str(wanted)).stdout.strip() == str(wanted)


def test_an_override_that_does_not_fit_is_refused_and_not_replaced(machine: Machine) -> None:
    machine.works(machine.bin / "python3.13")
    broken = machine.put(machine.root / "mine/python", BARE)

    found = machine.find(PYTHON=str(broken))

    assert found.returncode == 1
    assert found.stdout == ""
    assert f"{broken}: has no module ensurepip" in found.stderr


def test_a_machine_without_python_is_told_what_to_get(machine: Machine) -> None:
    found = machine.find()

    assert found.returncode == 1
    assert "needs CPython 3.11, 3.12 or 3.13" in found.stderr
    assert "apt-get install python3 python3-venv" in found.stderr


def test_each_refused_candidate_is_named_with_its_reason(machine: Machine) -> None:
    machine.put(machine.bin / "python3.13", SHIM)
    machine.put(machine.bin / "python3.11", BARE)

    said = machine.find().stderr

    assert f"{machine.bin}/python3.13: pyenv: python: command not found" in said
    assert f"{machine.bin}/python3.11: has no module ensurepip" in said


def test_this_interpreter_is_found_through_its_virtual_environment(machine: Machine) -> None:
    # Given a PATH on which the only Python is a virtual environment's, as after `activate`
    (machine.bin / f"python{MINOR}").symlink_to(sys.executable)

    found = machine.find()

    # Then set-up uses the interpreter that the environment was made from
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).resolve() == Path(os.path.realpath(sys.executable))
