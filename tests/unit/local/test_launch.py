"""Starting the emulator: what goes wrong before it runs is said clearly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from headgate_local.emulator import SCRATCH_PREFIX, WrongVersionError, alive, check_version, sweep
from headgate_local.launch import SUPPORTED_MINISTACK, EmulatorError, EmulatorState, end, start
from headgate_local.options import parse


def test_supported_version_is_accepted() -> None:
    assert check_version(lambda _name: SUPPORTED_MINISTACK) == SUPPORTED_MINISTACK


def test_another_version_is_refused_naming_both() -> None:
    with pytest.raises(WrongVersionError) as refusal:
        check_version(lambda _name: "1.6.0")

    assert "1.6.0" in str(refusal.value)
    assert SUPPORTED_MINISTACK in str(refusal.value)


def test_absent_ministack_is_said_to_be_absent() -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    with pytest.raises(WrongVersionError, match="not installed"):
        check_version(absent)


def test_failed_start_tells_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="ended with status 1"):
        # This interpreter has no MiniStack, so the emulator ends by itself.
        start(sys.executable, sys.executable, state_file=tmp_path / "s.json", log_file=tmp_path / "log")

    assert "ministack is not installed" in (tmp_path / "log").read_text()


def test_slow_start_ends_the_process_at_the_deadline(tmp_path: Path) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\necho $$ > $(dirname $0)/pid; echo waiting; exec sleep 60\n")
    sleeper.chmod(0o700)

    with pytest.raises(EmulatorError, match="not ready in time:\nwaiting"):
        start(sleeper, "p", state_file=tmp_path / "s", log_file=tmp_path / "l", ready_within_seconds=0.5)

    assert not alive(int((tmp_path / "pid").read_text()))


def test_state_file_is_read_back(tmp_path: Path) -> None:
    state = {
        "endpoint": "http://127.0.0.1:1",
        "pid": 1,
        "region": "us-east-1",
        "account_id": "000000000000",
        "root_access_key_id": "AKIA",
        "root_secret_access_key": "s",
        "started_at": "2026-01-01T00:00:00Z",
        "ministack_version": SUPPORTED_MINISTACK,
    }
    (tmp_path / "state.json").write_text(json.dumps(state))

    found = EmulatorState.read(tmp_path / "state.json")

    assert (found.endpoint, found.root_credentials.access_key_id) == ("http://127.0.0.1:1", "AKIA")
    assert found.root_credentials.environment() == {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}


def test_zombie_counts_as_gone() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert not alive(process.pid)
    assert alive(os.getpid())
    process.wait()


def test_end_kills_what_does_not_listen() -> None:
    process = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"], stdout=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline() == b"up\n"

    with process.stdout:
        end(process, grace_seconds=0.1)

    assert process.returncode == -9


def test_command_line_is_read_whole() -> None:
    options = parse(
        [
            *(
                "--state-file",
                "s",
                "--function-python",
                "bin/python",
                "--batch-image",
                "a=b",
                "--batch-vcpus",
                "3",
            ),
            *("--batch-gpus", "1", "--batch-entrypoint", "python -m trainer", "--parent-pid", "7"),
        ]
    )

    assert options.function_python == str(Path.cwd() / "bin/python")
    assert (options.capacity.vcpus, options.capacity.gpus) == (3, 1)
    assert (options.batch_entrypoint, options.parent_pid) == (("python", "-m", "trainer"), 7)


def test_scratch_of_killed_emulators_is_swept_and_that_of_others_kept(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, used = (tmp_path / f"{SCRATCH_PREFIX}{pid}-x" for pid in (ended.pid, os.getpid()))
    for directory in (left, used, tmp_path / "other"):
        directory.mkdir()

    assert sweep(tmp_path) == [left]
    assert sorted(tmp_path.iterdir()) == sorted([used, tmp_path / "other"])
