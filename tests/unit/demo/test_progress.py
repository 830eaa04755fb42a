"""The board of stages and its plain display."""

import io

import pytest
from headgate_local.progress import Board, PlainDisplay, Stage, display_for
from rich.console import Console


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def board_with_plain_display(clock: Clock) -> tuple[Board, io.StringIO]:
    out = io.StringIO()
    board = Board([Stage("ingest", "drop files"), Stage("train", "train")], clock)
    board.displays.append(PlainDisplay(Console(file=out, width=200), clock))
    return board, out


def test_plain_display_tells_beginning_and_end_on_lines_without_control_codes() -> None:
    clock = Clock()
    board, out = board_with_plain_display(clock)
    board.start("ingest")
    clock.now += 2.5
    board.done("ingest", "21 files")
    assert out.getvalue().splitlines() == ["[running] drop files", "[done] drop files (2.5 s): 21 files"]
    assert "\x1b" not in out.getvalue()


def test_plain_display_does_not_repeat_details_every_moment() -> None:
    clock = Clock()
    board, out = board_with_plain_display(clock)
    board.start("ingest")
    for count in range(105):
        clock.now += 0.1
        board.tell("ingest", f"{count} files")
    assert len(out.getvalue().splitlines()) == 3


def test_seconds_are_told_of_stages_that_began() -> None:
    clock = Clock()
    board, _ = board_with_plain_display(clock)
    board.start("ingest")
    clock.now += 1.25
    assert board.seconds() == {"ingest": 1.25}
    board.done("ingest")
    clock.now += 50
    assert board.seconds() == {"ingest": 1.25}


def test_failure_marks_what_was_under_way_and_keeps_its_detail() -> None:
    board, out = board_with_plain_display(Clock())
    board.start("train", "iteration 7")
    board.fail_running()
    assert board.stage("train").state == "failed"
    assert board.stage("ingest").state == "waiting"
    assert "[failed] train (0.0 s): iteration 7" in out.getvalue()


def test_stage_that_is_not_on_the_board_is_an_error() -> None:
    with pytest.raises(KeyError):
        Board([]).start("nothing")


def test_display_is_plain_where_there_is_no_terminal() -> None:
    board = Board([])
    assert isinstance(display_for(board, Console(file=io.StringIO())), PlainDisplay)


def test_live_display_draws_every_stage() -> None:
    out = io.StringIO()
    board = Board([Stage("ingest", "drop files"), Stage("train", "train")])
    display = display_for(board, Console(file=out, force_terminal=True, width=100))
    board.displays.append(display)
    board.start("ingest")
    board.done("ingest", "21 files")
    board.close()
    assert "21 files" in out.getvalue() and "train" in out.getvalue()
