"""Playing a story: its result, its exit code, and that it ends where an act fails."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from headgate_local.demo import Story, run
from headgate_local.demo_context import DemoContext, DemoFailed, Step
from headgate_local.demo_memory import MemorySampler
from rich.console import Console


def document(context: DemoContext, _memory: MemorySampler, seconds: float) -> dict[str, Any]:
    return {"found": context.found, "timed": sorted(context.board.seconds()), "seconds": seconds}


def show(console: Console, result: dict[str, Any], file: Path) -> None:
    console.print(f"found {result['found']} in {file.name}")


def story(*acts: Callable[[DemoContext], str]) -> Story:
    steps = [Step(act.__name__, act) for act in acts]
    return Story("tale", steps, {step.name: f"the {step.name}" for step in steps}, document, show)


def opening(context: DemoContext) -> str:
    context.found["said"] = "once"
    context.promise("it begins", passed=True, found="once")
    return "once"


def broken(context: DemoContext) -> str:
    context.promise("it ends well", passed=False, found="badly")
    return "badly"


def failing(_context: DemoContext) -> str:
    raise DemoFailed("the dragon won")


@pytest.mark.parametrize(("acts", "code"), [((opening,), 0), ((opening, broken), 1)])
def test_the_exit_code_says_whether_every_promise_was_kept(
    tmp_path: Path, acts: tuple[Callable[[DemoContext], str], ...], code: int
) -> None:
    out = io.StringIO()

    assert run(tmp_path, Console(file=out, width=100), story(*acts)) == code

    result = json.loads((tmp_path / "build" / "tale.json").read_text(encoding="utf-8"))
    assert result["found"] == {"said": "once"}
    assert result["timed"] == sorted(act.__name__ for act in acts)
    assert "found {'said': 'once'} in tale.json" in out.getvalue()
    assert "the opening" in out.getvalue()


def test_a_failure_ends_the_story_and_leaves_no_older_result(tmp_path: Path) -> None:
    out = io.StringIO()
    run(tmp_path, Console(file=out, width=100), story(opening))

    assert run(tmp_path, Console(file=out, width=100), story(failing, opening)) == 1

    assert "failed: the dragon won" in out.getvalue()
    assert not (tmp_path / "build" / "tale.json").exists()
