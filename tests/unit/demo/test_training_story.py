"""Acts of the training story that judge what the platform answers: a promise is broken where it should be."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from headgate_local import (
    training_again,
    training_library,
    training_race,
    training_release,
    training_search,
    training_story,
    training_watch,
)
from headgate_local.demo import ROOT
from headgate_local.demo_context import DemoContext, DemoFailed
from headgate_local.progress import Stage

from tests.unit.cli.fake_platform import FakeApi
from tests.unit.demo.stage_set import P, demo

PROMOTE = f"{P}/models/2/promote"


def story(tmp_path: Path) -> tuple[DemoContext, FakeApi]:
    context, api, _ = demo(tmp_path)
    context.board.stages += [Stage(name, name) for name in training_story.TITLES]
    return context, api


def reproduction(state: str, *reasons: tuple[str, str]) -> dict[str, Any]:
    told = [{"kind": kind, "what": what, "recorded": "a" * 64, "found": None} for kind, what in reasons]
    verdict = {"state": state, "reasons": told, "note": ""}
    return {
        "id": "r1",
        "against": "recorded",
        "run": "run",
        "version": 3,
        "state": "judged",
        "verdict": verdict,
    }


def test_every_step_has_a_title_and_a_name_of_its_own() -> None:
    names = [step.name for step in training_story.STEPS]
    assert len(names) == len(set(names))
    assert set(names) <= set(training_story.TITLES)


@pytest.mark.parametrize(
    ("state", "reasons", "kept"),
    [
        ("differs", [("data", "the object")], True),
        ("identical", [("data", "the object")], False),
        ("differs", [("data", "another object")], False),
        ("differs", [("data", "the object"), ("seed", "training")], False),
        ("differs", [], False),
    ],
)
def test_a_verdict_keeps_the_promise_when_it_names_the_change_alone(
    tmp_path: Path, state: str, reasons: list[tuple[str, str]], kept: bool
) -> None:
    context, _ = story(tmp_path)
    record = reproduction(state, *reasons)
    training_again.judged(context, "byte", record, [("data", "the object")], ("differs",))
    assert [check.passed for check in context.checks] == [kept]
    assert context.found["reproductions"]["byte"]["verdict"] == record["verdict"]


def test_a_reproduction_without_a_verdict_ends_the_story(tmp_path: Path) -> None:
    context, api = story(tmp_path)
    api.on("POST", f"{P}/models/3/reproduce", {"id": "r1"})
    failed = {**reproduction("differs"), "state": "failed", "problem": "the job ended with 64"}
    api.on("GET", f"{P}/models/3/reproductions/r1", failed)
    with pytest.raises(DemoFailed, match="r1 failed: the job ended with 64"):
        training_watch.reproduce(context, "byte", 3, "recorded")


def test_an_experiment_that_failed_ends_the_story_with_its_reason(tmp_path: Path) -> None:
    context, api = story(tmp_path)
    api.on("GET", f"{P}/experiments", {"experiments": [{"id": "e1"}]})
    failed = {"id": "e1", "state": "FAILED", "reason": "no trial ended well", "trials": [], "metric": "auc"}
    api.on("GET", f"{P}/experiments/e1", failed)
    with pytest.raises(DemoFailed, match="e1 is FAILED: no trial ended well"):
        training_watch.experiment(context, "search")


def trial(number: int, auc: float, **more: Any) -> dict[str, Any]:
    digests = {"data": "d", "code": "c", "config": f"config{number}", "environment": "e"}
    shown = {
        "run": f"run{number}",
        "state": "SUCCEEDED",
        "params": {"rounds": number},
        "metrics": {"auc": auc},
    }
    return {**shown, "digests": digests, "best": False, "learning_curve": [], **more}


def experiment(*trials: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {
        **{
            "id": "e1",
            "state": "FINISHED",
            "model": "late",
            "method": "grid",
            "metric": "auc",
            "reason": None,
        },
        **{"model_version": 2, "best_run": "run1", "job_id": "j", "cost_usd": 0.1, "seconds": 9.0},
        **{
            "submitted_by": "user/alice",
            "estimated_cost_usd": 1.0,
            "created_at": "",
            "runs": [],
            "array": [],
        },
        **{"compute_class": "cpu", "trials": list(trials)},
    }
    interval = {"against": "version 1", "metric": "auc", "value": 0.01, "low": 0.005, "high": 0.02}
    return {**found, "significance": interval, **more}


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (experiment(*(trial(n, 0.7 + n / 100) for n in range(1, 13))), [True, True]),
        (experiment(*(trial(n, 0.7) for n in range(1, 12))), [False, True]),
        (experiment(*(trial(1, 0.7) for _ in range(12))), [False, True]),
        (
            experiment(*(trial(n, 0.7) for n in range(1, 13)), significance={"reason": "no rows in common"}),
            [True, False],
        ),
    ],
)
def test_an_experiment_is_twelve_configurations_with_an_interval(
    tmp_path: Path, found: dict[str, Any], kept: list[bool]
) -> None:
    context, api = story(tmp_path)
    api.on("PUT", P, {"spec": "s", "stage": "poc"})
    api.on("POST", f"{P}/experiments", {"estimated_cost_usd": 1.4})
    api.on("GET", f"{P}/experiments", {"experiments": [{"id": "e1"}]})
    api.on("GET", f"{P}/experiments/e1", found)
    training_search.search(context)
    assert [check.passed for check in context.checks] == kept
    folder = context.place.home.folder
    assert (folder / "parallel.png").read_bytes().startswith(b"\x89PNG")
    assert "<h2>Trials</h2>" in (folder / "experiment.html").read_text(encoding="utf-8")


def test_an_own_proposal_that_goes_through_ends_the_story(tmp_path: Path) -> None:
    context, api = story(tmp_path)
    context.found["experiment"] = {"model_version": 2}
    api.on("POST", PROMOTE, {"principal": "user/alice"})
    with pytest.raises(DemoFailed, match="alice promoted version 2 alone"):
        training_release.two_persons(context)


def test_the_story_stays_in_the_poc_when_its_gate_does_not_pass(tmp_path: Path) -> None:
    context, api = story(tmp_path)
    criterion = {"name": "skill_over_baseline", "passed": False, "found": "none", "needed": "some"}
    api.on("POST", f"{P}/gates/poc/check", {"passed": False, "criteria": [criterion]})
    with pytest.raises(DemoFailed, match="skill_over_baseline: none"):
        training_release.stage(context)


def test_the_other_library_is_another_version_than_the_trainers_own() -> None:
    wanted = f"{training_library.LIBRARY}==(.+?) "
    (own,) = re.findall(wanted, (ROOT / "infra/trainer/requirements.txt").read_text(encoding="utf-8"))
    (other,) = re.findall(wanted, (ROOT / training_library.REQUIREMENTS).read_text(encoding="utf-8"))
    assert (other == training_library.NEXT_VERSION, other == own) == (True, False)


def test_an_environment_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    context, _ = story(tmp_path)
    interpreter = tmp_path / ".envs" / "trainer" / "bin" / "python"
    requirements = tmp_path / training_library.REQUIREMENTS
    for file in (interpreter, requirements):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    folder = training_library.environment(context.place)
    folder.mkdir(parents=True)
    (folder / hashlib.sha256(b"x").hexdigest()).touch()
    told: list[str] = []
    training_library.make_environment(context.place, told.append)
    assert told == []


def raced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *outcomes: tuple[str, str]) -> DemoContext:
    """The race, with these outcomes: state and reason."""
    context, api = story(tmp_path)
    context.bundle["training"]["params"] = {}
    api.on("GET", f"{P}/runs", {"runs": [{"estimated_cost_usd": 0.1}]})
    api.on("GET", f"{P}/budget", {"reserved": 0.0, "spent": 1.0})
    api.on("PUT", P, {"spec": "s", "stage": "prototype"})
    told = [
        {"seed": seed, "state": state, "reason": reason, "run": f"run{seed}"}
        for seed, (state, reason) in enumerate(outcomes)
    ]
    monkeypatch.setattr(training_race, "as_train", lambda *_: {})
    monkeypatch.setattr(training_race, "let_go", lambda *_: told)
    training_race.race(context)
    (applied,) = [asked.body for asked in api.asked if asked.method == "PUT"]
    assert applied["training"]["budget_usd_per_month"] == pytest.approx(1.15)
    return context


LEFT = ("refused", "product flights has 0.05 of 1.15 USD left in 2026-11, 0.10 needed")


@pytest.mark.parametrize(
    ("outcomes", "kept"),
    [
        ([("submitted", "job 1"), *[LEFT] * 49], True),
        ([("submitted", "job 1"), ("submitted", "job 2"), *[LEFT] * 48], False),
        ([("submitted", "job 1"), ("refused", "denied"), *[LEFT] * 48], False),
        ([("submitted", "job 1"), *[LEFT] * 48], False),
    ],
)
def test_the_race_is_fair_when_one_of_fifty_is_accepted_and_all_others_hear_of_the_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcomes: list[tuple[str, str]], kept: bool
) -> None:
    context = raced(tmp_path, monkeypatch, *outcomes)
    assert [check.passed for check in context.checks] == [kept]


def test_a_race_without_a_winner_ends_the_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DemoFailed, match="0 accepted, 50 refused: product flights has"):
        raced(tmp_path, monkeypatch, *[LEFT] * 50)
