"""`headgate reproduce`: what is asked, each step as it comes, and the verdict as sentence, table and exit
code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.client import Reply
from headgate.cli.commands import reproduce

from tests.unit.cli.fake_platform import FakeApi, Workplace

MODEL = "/products/shop/models/3"
ONE = f"{MODEL}/reproductions/v3-1"
REASON = {"kind": "library", "what": "lightgbm", "recorded": "4.6.0", "found": "4.7.0"}


def verdict(state: str, **changes: Any) -> dict[str, Any]:
    found = {"state": state, "reasons": [], "note": "a note", "scores": None, "unknown": [], "more": 0}
    return {**found, **changes}


def record(**changes: Any) -> dict[str, Any]:
    return {
        "product": "shop",
        "id": "v3-1",
        "model": "churn",
        "version": 3,
        "against": "recorded",
        "requested_by": "user/alice",
        "requested_at": "2030-01-01T00:00:00.000Z",
        "state": "asked",
        "job_id": "",
        "run": "",
        "problem": "",
        "verdict": {},
        **changes,
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr(reproduce, "POLL_SECONDS", 0.0)
    made = Workplace(tmp_path).set_up()
    made.api.on("GET", MODEL, {"model": "churn", "version": 3})
    made.api.on("POST", f"{MODEL}/reproduce", record(), 202)
    return made


@pytest.mark.parametrize(
    ("state", "code"),
    [("identical", 0), ("within tolerance", 0), ("differs", 3), ("cannot be reproduced", 4)],
)
def test_the_exit_code_is_the_verdict(place: Workplace, state: str, code: int) -> None:
    place.api.on("GET", ONE, record(state="judged", verdict=verdict(state)))

    found, text = place.run("reproduce", "model/churn/3")

    assert found == code
    assert f"model/churn/3: {state}" in text and "a note" in text
    assert place.api.asked[1].body == {"with": "recorded"}


def test_reasons_are_a_table_and_scores_a_sentence(place: Workplace) -> None:
    scores = {"rows": 1200, "largest": 0.25, "beyond": 7}
    told = verdict("differs", reasons=[REASON], scores=scores, unknown=["the hardware of the fresh run"])
    place.api.on("GET", ONE, record(state="judged", verdict=told))

    code, text = place.run("reproduce", "model/churn/3", "--with", "declared")

    assert code == 3
    assert place.api.asked[1].body == {"with": "declared"}
    row = next(line for line in text.splitlines() if "lightgbm" in line)
    assert row.split() == ["library", "lightgbm", "4.6.0", "4.7.0"]
    assert "1,200 held-out scores, at most 0.25 apart, 7 by more than the tolerance" in text
    assert "not compared: the hardware of the fresh run" in text


@dataclass
class Stepping(FakeApi):
    """Answers the reproduction with the next of its steps each time."""

    steps: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        if url.endswith("/reproductions/v3-1"):
            self.on("GET", ONE, self.steps.pop(0))
        return super().__call__(method, url, headers, body)


def test_every_step_is_told_once_as_it_comes(place: Workplace) -> None:
    rebuilding = record(state="rebuilding", job_id="job-7")
    training = record(state="training", run="a" * 64)
    judged = record(state="judged", verdict=verdict("identical"))
    place.api = Stepping(place.api.answers, steps=[rebuilding, rebuilding, training, judged])

    assert place.run("reproduce", "3")[0] == 0

    assert place.notes.splitlines() == [
        "asked for; waiting for the platform",
        "reading what was recorded, and making its features again (job job-7)",
        "training again (run aaaaaaaaaaaa)",
    ]


def test_without_waiting_the_answer_is_what_was_asked(place: Workplace) -> None:
    code, document = place.json("reproduce", "v3", "--no-wait")

    assert (code, document) == (0, record())


def test_one_that_failed_is_a_failure_with_its_reason(place: Workplace) -> None:
    place.api.on("GET", ONE, record(state="failed", problem="the training run was refused: no money"))

    code, text = place.run("reproduce", "model/churn/3")

    assert code == 1
    assert "no money" in text + place.notes


@pytest.mark.parametrize(
    ("model", "said"),
    [("model/other/3", "is churn, not other"), ("churn", "names no model version")],
)
def test_a_model_that_is_none_is_refused_before_anything_is_asked(
    place: Workplace, model: str, said: str
) -> None:
    code, _ = place.run("reproduce", model)

    assert code == 1
    assert said in place.notes
    assert [each.method for each in place.api.asked if each.method == "POST"] == []


def test_reproductions_of_a_version_are_listed_and_shown(place: Workplace) -> None:
    judged = record(state="judged", verdict=verdict("differs", reasons=[REASON], more=12))
    place.api.on("GET", f"{MODEL}/reproductions", {"reproductions": [judged]})
    place.api.on("GET", ONE, judged)

    listed, shown = place.run("reproductions", "model/churn/3"), place.run("reproductions", "3", "v3-1")

    assert listed[0] == shown[0] == 0
    assert "v3-1" in listed[1] and "differs" in listed[1]
    assert "lightgbm" in shown[1] and "and 12 more" in shown[1]


def test_waiting_ends_at_the_deadline_and_says_where_to_look(place: Workplace) -> None:
    place.api.on("GET", ONE, record(state="rebuilding", job_id="job-7"))

    code, _ = place.run("reproduce", "3", "--timeout", "0")

    assert code == 1
    assert "headgate reproductions 3 v3-1" in place.notes
