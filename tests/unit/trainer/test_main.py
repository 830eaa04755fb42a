"""The program's ends as exit codes, each with one line that says why."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from headgate_trainer.__main__ import main
from headgate_trainer.errors import ModelRefused, Terminated, TryAgain
from headgate_trainer.journal import Journal
from headgate_trainer.storage import FileStorage

from tests.unit.trainer.small_runs import SmallRun


def last_line(stream: io.StringIO) -> dict[str, Any]:
    return json.loads(stream.getvalue().splitlines()[-1])  # type: ignore[no-any-return]


def test_a_finished_run_is_0(small_run: SmallRun) -> None:
    stream = io.StringIO()

    assert main([small_run.write()], Journal(stream)) == 0

    assert last_line(stream)["event"] == "run_finished"
    assert (small_run.out / "manifest.json").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["file:///absent/spec.json"], ["file:///tmp"], ["a", "b"], ["gopher://x/spec.json"]]
)
def test_a_bad_call_is_64(arguments: list[str]) -> None:
    stream = io.StringIO()

    assert main(arguments, Journal(stream)) == 64

    assert (last_line(stream)["event"], last_line(stream)["exit_code"]) == ("run_ended", 64)


class EndingStorage(FileStorage):
    """Reading ends in ``end``."""

    def __init__(self, end: BaseException) -> None:
        self.end = end

    def read(self, uri: str) -> bytes:
        raise self.end

    def download(self, uri: str, path: Path) -> str:
        raise self.end


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (TryAgain("slow down"), 75),
        (ModelRefused("differ by 1.4"), 70),
        (Terminated("stopped by SIGTERM"), 75),
        (MemoryError(), 75),
        (ZeroDivisionError("a bug"), 1),
    ],
)
def test_every_other_end_has_its_code(end: BaseException, code: int) -> None:
    stream = io.StringIO()

    assert main(["file:///runs/spec.json"], Journal(stream), EndingStorage(end)) == code

    line = last_line(stream)
    assert (line["level"], line["event"], line["exit_code"]) == ("ERROR", "run_ended", code)
    assert ("trace" in line) == (code == 1)
