"""A run that is killed goes on where it was, and says in the end what it would have said uninterrupted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from headgate_trainer.errors import OtherNode, Terminated
from headgate_trainer.stopping import Stop
from headgate_trainer.storage import FileStorage

from tests.unit.trainer.slow_trainer import SlowTrainer
from tests.unit.trainer.small_runs import SmallRun

SAME = ("model.onnx", "metrics.json", "reference.json", "holdout_scores.parquet", "card.json", "card.md")


class Killed(BaseException):
    """SIGKILL: nothing of the process is left."""


class Clock:
    """A minute passes at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 60.0
        return self.now


def declared(run: SmallRun) -> SmallRun:
    run.document |= {
        "checkpoint_minutes": 2,
        "backtest": {"windows": 3, "test_days": 7, "embargo_hours": 6},
        "threshold": {"choose": "max_f1"},
        "segments": ["shop"],
    }
    return run


def attempt(run: SmallRun, trainer: SlowTrainer, uri: str, **options: Any) -> dict[str, Any]:
    return run.run_at(uri, find_trainer=lambda _: trainer, clock=Clock(), **options)


def killed_at(step: int) -> SlowTrainer:
    def kill(now: int) -> None:
        if now == step:
            raise Killed

    return SlowTrainer(before=kill)


def events(run: SmallRun) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.log.getvalue().splitlines()]


def outputs(run: SmallRun) -> dict[str, bytes]:
    return {name: (run.out / name).read_bytes() for name in SAME}


@pytest.mark.parametrize("step", [1, 5, 11])
def test_a_run_killed_while_it_learns_ends_as_if_it_had_not_been(small_run: SmallRun, step: int) -> None:
    uri = declared(small_run).write()
    attempt(small_run, SlowTrainer(), uri)
    uninterrupted = outputs(small_run)
    (small_run.out / "manifest.json").unlink()
    for name in SAME:
        (small_run.out / name).unlink()

    with pytest.raises(Killed):
        attempt(small_run, killed_at(step), uri)
    again = SlowTrainer()
    attempt(small_run, again, uri, attempt=2)

    assert outputs(small_run) == uninterrupted
    manifest = json.loads((small_run.out / "manifest.json").read_bytes())
    resumed = manifest["resumed_from"]
    assert manifest["attempt"] == 2
    assert again.done[0] == (resumed or 0)
    assert (resumed or 0) >= step - 2, "more was done again than the minutes between two checkpoints"
    assert not list((small_run.out.parent / "checkpoints").iterdir())


def test_a_run_killed_in_its_backtest_keeps_the_windows_it_had(small_run: SmallRun) -> None:
    uri = declared(small_run).write()

    class DiesInThirdWindow(SlowTrainer):
        def fit(self, *arguments: Any) -> Any:
            if self.fits == 3:
                raise Killed
            return super().fit(*arguments)

    with pytest.raises(Killed):
        attempt(small_run, DiesInThirdWindow(), uri)
    again = SlowTrainer()
    attempt(small_run, again, uri)

    assert again.fits == 2, "the model, and the one window that was missing"
    told = [(e["window"], e["windows"]) for e in events(small_run) if e["event"] == "backtest"]
    assert told == [(1, 3), (2, 3), (3, 3)]
    metrics = json.loads((small_run.out / "metrics.json").read_bytes())
    assert len(metrics["backtest"]["windows"]) == 3
    assert metrics["threshold"]["chosen_on"] == "backtest"


def test_a_run_told_to_stop_saves_what_it_has_and_goes_on_from_there(small_run: SmallRun) -> None:
    small_run.document["checkpoint_minutes"] = 600
    uri = small_run.write()
    stop = Stop(alarm=lambda _: None)

    def told(step: int) -> None:
        if step == 4:
            stop.handle(15, None)

    with pytest.raises(Terminated, match="step 5 was saved"):
        attempt(small_run, SlowTrainer(before=told), uri, stop=stop)
    again = SlowTrainer()
    attempt(small_run, again, uri)

    assert again.done == list(range(5, 12))


def test_a_run_that_keeps_no_checkpoints_stops_at_once_and_begins_anew(small_run: SmallRun) -> None:
    uri = small_run.write()
    stop = Stop(alarm=lambda _: None)

    def told(step: int) -> None:
        if step == 4:
            stop.handle(15, None)

    with pytest.raises(Terminated, match="nothing was published"):
        attempt(small_run, SlowTrainer(before=told), uri, stop=stop)
    again = SlowTrainer()
    attempt(small_run, again, uri)

    assert again.done == list(range(12))
    assert not (small_run.out.parent / "checkpoints").exists()


def test_a_run_that_is_known_is_not_done_again(small_run: SmallRun) -> None:
    uri = small_run.write()
    first = attempt(small_run, SlowTrainer(), uri)
    before = {path: path.stat().st_mtime_ns for path in small_run.out.iterdir()}
    again = SlowTrainer()

    metrics = attempt(small_run, again, uri)

    assert (metrics, again.fits) == (first, 0)
    assert {path: path.stat().st_mtime_ns for path in small_run.out.iterdir()} == before
    assert events(small_run)[-1]["event"] == "run_known"


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "metrics.json"])
def test_a_known_run_that_is_damaged_is_done_again(small_run: SmallRun, name: str) -> None:
    uri = small_run.write()
    attempt(small_run, SlowTrainer(), uri)
    whole = outputs(small_run)
    (small_run.out / name).write_bytes(b"{}")

    attempt(small_run, SlowTrainer(), uri)

    assert outputs(small_run) == whole
    assert "manifest_ignored" in [event["event"] for event in events(small_run)]


def test_checkpoints_that_a_killed_run_left_behind_go_when_it_is_known(small_run: SmallRun) -> None:
    uri = declared(small_run).write()

    class DiesBeforeItCleans(FileStorage):
        def delete(self, uri: str) -> None:
            raise Killed

    with pytest.raises(Killed):
        attempt(small_run, SlowTrainer(), uri, storage=DiesBeforeItCleans())
    left = small_run.out.parent / "checkpoints"
    assert list(left.iterdir())

    attempt(small_run, SlowTrainer(), uri)

    assert not list(left.iterdir())


def test_progress_tells_how_fast_and_the_curve_holds_no_duration(small_run: SmallRun) -> None:
    uri = small_run.write()

    attempt(small_run, SlowTrainer(), uri)

    told = [event for event in events(small_run) if event["event"] == "training"]
    assert all(event["seconds"] > 0 and event["rows_per_second"] > 0 for event in told)
    curve = json.loads((small_run.out / "metrics.json").read_bytes())["learning_curve"]
    assert [point["iteration"] for point in curve] == list(range(1, 13))
    assert all(set(point) == {"iteration", "watched_brier"} for point in curve)


def test_the_card_speaks_of_a_model_without_trees(small_run: SmallRun) -> None:
    uri = declared(small_run).write()

    attempt(small_run, SlowTrainer(), uri)

    card = (small_run.out / "card.md").read_text()
    assert card.splitlines()[2].startswith("Logistic regression (numpy, 6 parameters) of the product shops")
    for heading in ("Backtest", "Segments", "Threshold", "Calibration", "Environment"):
        assert f"## {heading}" in card


class OnAnotherNode(SlowTrainer):
    """Learns with the main node, which alone has the model in the end."""

    def fit(self, *arguments: Any) -> Any:
        super().fit(*arguments)
        raise OtherNode("node 1 of 2 is done")


def test_a_node_that_is_not_the_main_one_learns_every_window_and_writes_nothing(
    small_run: SmallRun,
) -> None:
    uri = declared(small_run).write()
    trainer = OnAnotherNode()

    with pytest.raises(OtherNode):
        attempt(small_run, trainer, uri)

    assert trainer.fits == 4, "the model, and three windows"
    assert not small_run.out.exists()
