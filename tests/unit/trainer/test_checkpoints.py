"""Checkpoints survive whatever is cut short, and none is resumed from that is not wholly this run's own."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate_trainer.checkpoints import FIT, CheckpointFolder, KeptCheckpoints
from headgate_trainer.errors import BadSpec, Terminated, TryAgain
from headgate_trainer.journal import Journal
from headgate_trainer.stopping import Stop
from headgate_trainer.storage import FileStorage
from headgate_trainer.trainers import Checkpoint
from hypothesis import given
from hypothesis import strategies as st


class CutStorage(FileStorage):
    """The n-th write is cut: the object keeps what it was, is torn, or is written and then the machine dies.

    A torn content stands for what the pointer must guard against; the pointer itself is one small object.
    """

    def __init__(self, cuts: dict[int, str] | None = None) -> None:
        self.cuts, self.writes = cuts or {}, 0

    def write(self, uri: str, path: Path) -> None:
        cut = self.cuts.get(self.writes)
        self.writes += 1
        if cut == "lost" or (cut == "torn" and uri.endswith(".json")):
            raise Died
        if cut == "torn":
            path.write_bytes(path.read_bytes()[:-1])
        super().write(uri, path)
        if cut is not None:
            raise Died


class Died(BaseException):
    """The machine is gone."""


class Desk:
    """A folder of checkpoints on disk, with a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.log = folder, 0.0, io.StringIO()

    def kept(self, storage: FileStorage | None = None, **changes: Any) -> KeptCheckpoints:
        stop = changes.pop("stop", None) or Stop(alarm=lambda _: None)
        journal = Journal(self.log, clock=lambda: "now")
        place = CheckpointFolder(
            storage or FileStorage(), self.folder.as_uri(), "r" * 64, "e" * 64, self.folder, journal
        )
        return KeptCheckpoints(replace(place, **changes), FIT, 5.0, stop, lambda: self.now)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_newest_is_had_back_with_the_curve_so_far(desk: Desk) -> None:
    kept = desk.kept()
    assert kept.latest() is None
    for steps in (10, 20, 30):
        kept.points.append({"iteration": steps, "auc": steps / 100})
        kept.save(Checkpoint(steps, b"state %d" % steps))

    again = desk.kept()

    assert again.latest() == Checkpoint(30, b"state 30")
    assert (again.resumed_from, len(again.points)) == (30, 3)
    assert sorted(path.name for path in desk.folder.iterdir()) == ["fit.0", "fit.1", "fit.json"]


def test_one_is_due_when_the_declared_minutes_have_passed_since_the_last(desk: Desk) -> None:
    kept = desk.kept()
    desk.now = 299.0
    assert not kept.due()
    desk.now = 300.0
    assert kept.due()
    kept.save(Checkpoint(1, b""))
    assert not kept.due()
    desk.now = 601.0
    assert kept.due()


STEPS = st.lists(st.integers(0, 3), min_size=1, max_size=6)
CUTS = st.dictionaries(st.integers(0, 12), st.sampled_from(["lost", "torn", "then died"]), max_size=4)


@given(saves=STEPS, cuts=CUTS)
def test_whatever_is_cut_the_newest_whole_one_is_found(saves: list[int], cuts: dict[int, str]) -> None:
    """``saves`` is how many checkpoints each life of the run takes before it ends by itself."""
    with tempfile.TemporaryDirectory() as folder:
        desk, storage, certain = Desk(Path(folder)), CutStorage(cuts), 0
        for count in saves:
            kept = desk.kept(storage)
            found = kept.latest()
            steps = found.steps if found else 0
            assert found is None or found.content == b"state %d" % steps
            assert steps >= certain, "a checkpoint that was saved is gone"
            try:
                for _ in range(count):
                    steps += 1
                    kept.save(Checkpoint(steps, b"state %d" % steps))
                    certain = steps
            except Died:
                continue


def spoil_content(folder: Path) -> None:
    (folder / "fit.1").write_bytes(b"half")


def lose_content(folder: Path) -> None:
    (folder / "fit.1").unlink()


@pytest.mark.parametrize("spoil", [spoil_content, lose_content])
def test_a_torn_one_is_told_and_the_one_before_is_used(desk: Desk, spoil: Callable[[Path], None]) -> None:
    kept = desk.kept()
    kept.save(Checkpoint(1, b"one"))
    kept.save(Checkpoint(2, b"two"))
    spoil(desk.folder)

    again = desk.kept()

    assert again.latest() == Checkpoint(1, b"one")
    ignored = [line for line in desk.told if line["event"] == "checkpoint_ignored"]
    assert [line["steps"] for line in ignored] == [2]
    again.save(Checkpoint(2, b"two"))
    assert desk.kept().latest() == Checkpoint(2, b"two")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"run": "s" * 64}, "its run is rrr"), ({"environment": "f" * 64}, "its environment is eee")],
)
def test_one_of_another_run_or_other_libraries_is_not_used(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    desk.kept().save(Checkpoint(1, b"one"))

    assert desk.kept(**changes).latest() is None

    assert desk.told[-1]["reason"].startswith(reason)


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"checkpoints": [{"steps": 1}]}'])
def test_a_damaged_pointer_is_told_and_begun_anew(desk: Desk, content: bytes) -> None:
    (desk.folder / "fit.json").write_bytes(content)
    kept = desk.kept()

    assert kept.latest() is None

    assert desk.told[-1]["reason"] == "its pointer is damaged"
    kept.save(Checkpoint(1, b"one"))
    assert desk.kept().latest() == Checkpoint(1, b"one")


class Failing(FileStorage):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, uri: str, path: Path) -> None:
        raise self.error

    def delete(self, uri: str) -> None:
        raise self.error


@pytest.mark.parametrize("error", [TryAgain("slow down"), BadSpec("may not be written")])
def test_one_that_cannot_be_written_or_removed_does_not_end_the_run(desk: Desk, error: Exception) -> None:
    kept = desk.kept(Failing(error))
    desk.now = 1000.0

    kept.save(Checkpoint(1, b"one"))
    kept.folder.remove()

    assert [line["event"] for line in desk.told] == ["checkpoint_failed", "checkpoint_left"]
    assert not kept.due()


def test_when_the_run_is_done_nothing_is_left(desk: Desk) -> None:
    kept = desk.kept()
    kept.save(Checkpoint(1, b"one"))
    kept.save(Checkpoint(2, b"two"))

    kept.folder.remove()

    assert list(desk.folder.iterdir()) == []


def test_a_run_that_is_told_to_stop_saves_first(desk: Desk) -> None:
    alarms: list[float] = []
    stop = Stop(alarms.append)
    kept = desk.kept(stop=stop)
    with stop.waiting_for_a_checkpoint():
        stop.handle(15, None)
        assert alarms and 0 < alarms[0] < 30
        assert kept.due()
        with pytest.raises(Terminated, match="stopped by SIGTERM; step 7 was saved"):
            kept.save(Checkpoint(7, b"seven"))

    assert desk.kept().latest() == Checkpoint(7, b"seven")


def test_where_nothing_would_be_saved_it_stops_at_once() -> None:
    stop = Stop(alarm=lambda _: None)
    with pytest.raises(Terminated, match="SIGTERM"):
        stop.handle(15, None)


def test_when_no_checkpoint_comes_in_time_it_stops_without() -> None:
    stop = Stop(alarm=lambda _: None)
    with stop.waiting_for_a_checkpoint():
        stop.handle(15, None)
        with pytest.raises(Terminated, match="newest checkpoint"):
            stop.hurry(14, None)
