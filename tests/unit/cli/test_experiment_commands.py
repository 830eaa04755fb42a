"""`headgate experiments` and `headgate models compare|card|verify`: what is asked for, and what is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.experiment_view import trial_columns, trial_rows

from tests.unit.cli.fake_platform import Workplace

ID, GONE = "e" * 64, "9" * 64
BASE = "/products/shop/experiments"
DIGESTS = {"data": "d" * 64, "code": "c" * 64, "config": "f" * 64, "environment": "0" * 64}


def trial(run: str, auc: float | None, **changes: Any) -> dict[str, Any]:
    metrics = {} if auc is None else {"auc": auc, "log_loss": 0.5}
    curve = [{"iteration": 10, "holdout_auc": 0.6}, {"iteration": 20, "holdout_auc": auc or 0.6}]
    told = {"run": run * 64, "state": "SUCCEEDED", "reason": None, "params": {"rounds": 20, "leaves": 7}}
    told |= {
        "metrics": metrics,
        "seconds": 3.5,
        "cost_usd": 0.0002,
        "digests": DIGESTS,
        "model_version": None,
    }
    return {**told, "best": False, "computed_here": True, "learning_curve": curve, **changes}


def experiment(**changes: Any) -> dict[str, Any]:
    told = {
        "product": "shop",
        "id": ID,
        "model": "late",
        "state": "FINISHED",
        "method": "grid",
        "metric": "auc",
    }
    told |= {"direction": "max", "runs": ["a" * 64, "b" * 64, "c" * 64], "compute_class": "cpu", "attempt": 1}
    told |= {"estimated_cost_usd": 0.3, "cost_usd": 0.01, "seconds": 10.5, "submitted_by": "user/alice"}
    told |= {"purpose": "which depth", "created_at": "2030-01-01T00:00:00.000Z", "reason": None}
    told |= {"best_run": "b" * 64, "model_version": 4, "job_id": "j", "array": ["a" * 64]}
    gain = {
        "against": "version 3",
        "metric": "auc",
        "value": 0.02,
        "low": 0.01,
        "high": 0.03,
        "resamples": 500,
    }
    return {**told, "significance": gain, **changes}


TRIALS = [
    trial("a", 0.71),
    trial("b", 0.75, best=True, params={"rounds": 40, "leaves": 7}, model_version=4),
    trial("c", None, state="FAILED", reason="exit code 64"),
]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path).set_up()
    made.api.on("GET", BASE, {"experiments": [experiment(), experiment(id=GONE, state="REFUSED")]})
    made.api.on("GET", f"{BASE}/{ID}", {**experiment(), "trials": TRIALS})
    return made


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_experiments_are_listed(place: Workplace) -> None:
    code, text = place.run("experiments", "list")
    assert code == 0
    assert lines(text)[1].startswith(
        "eeeeeeeeeeee FINISHED grid 3 auc bbbbbbbbbbbb 4 0.01 2030-01-01 00:00:00"
    )


def test_an_experiment_is_a_row_a_trial_the_best_first(place: Workplace) -> None:
    code, text = place.run("experiments", "show", "eee")
    told = lines(text)
    heading = next(at for at, line in enumerate(told) if line.startswith("run state"))
    assert code == 0
    assert told[heading] == "run state rounds auc log_loss config seconds cost $ version reason"
    assert told[heading + 1].startswith("bbbbbbbbbbbb best SUCCEEDED 40 0.75 0.5 ffffffffffff")
    assert told[heading + 3].startswith("cccccccccccc - FAILED 20 - -")
    assert told[heading + 3].endswith("exit code 64")
    assert "The best auc is 0.75" in told[-1]


def test_the_smallest_is_the_best_where_less_is_better() -> None:
    found = trial_rows({"metric": "log_loss", "direction": "min", "trials": TRIALS})
    swapped = trial_rows({"metric": "auc", "direction": "min", "trials": TRIALS})
    assert [row["run"][0] for row in found][-1] == "c"
    assert [row["run"][0] for row in swapped] == ["a", "b", "c"]


def test_digests_that_are_the_same_for_all_are_no_columns() -> None:
    other = trial("d", 0.7, digests={**DIGESTS, "data": "1" * 64})
    document = {"metric": "auc", "direction": "max", "trials": [TRIALS[0], other]}
    assert [field for _, field in trial_columns(document) if field.startswith("digests")] == [
        "digests.config",
        "digests.data",
    ]


def test_pictures_and_a_page_are_written(place: Workplace, tmp_path: Path) -> None:
    code, text = place.run("--json", "experiments", "plot", "--out", str(tmp_path / "pictures"))
    files = [Path(name) for name in json.loads(text)["files"]]
    assert (code, [file.name for file in files]) == (
        0,
        ["experiment-eeeeeeeeeeee-parallel.png", "experiment-eeeeeeeeeeee-curves.png"],
    )
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)

    code, _ = place.run("experiments", "report", "--out", str(tmp_path / "page"))
    page = (tmp_path / "page" / "experiment-eeeeeeeeeeee.html").read_text()
    assert code == 0
    assert "bbbbbbbbbbbb" in page


def test_a_search_is_asked_for_and_waited_for(place: Workplace) -> None:
    place.api.on("POST", BASE, {"product": "shop", "reason": "experiment", "trials": 3}, status=202)
    place.api.on("GET", BASE, {"experiments": []})
    inner = place.api

    def consents(method: str, url: str, headers: Any, body: bytes | None) -> Any:
        reply = inner(method, url, headers, body)
        if method == "POST":
            inner.on("GET", BASE, {"experiments": [experiment()]})
        return reply

    place.api = consents  # type: ignore[assignment]

    code, text = place.run("experiments", "start", "--reason", "which depth", "--wait")

    posted = next(each for each in inner.asked if each.method == "POST")
    assert (code, posted.body) == (0, {"reason": "which depth"})
    assert "The best auc is 0.75" in text


def test_the_budget_is_told(place: Workplace) -> None:
    told = {"product": "shop", "month": "2030-01", "limit": 5.0, "reserved": 0.2, "spent": 1.0, "left": 3.8}
    place.api.on("GET", "/products/shop/budget", told)
    code, text = place.run("budget", "--month", "2030-01")
    assert (code, place.api.asked[-1].query) == (0, "month=2030-01")
    assert "left 3.8" in lines(text)


def test_two_versions_are_compared(place: Workplace) -> None:
    side = {
        "created_at": "2030-01-01T00:00:00.000Z",
        "digest": "d",
        "run": "r",
        "window": ["2013-09-01", "2013-10-01"],
    }
    changed = [
        {"part": "dataset", "name": "flights", "a": {"ordinal": 9, "digest": "1" * 64}, "b": {"ordinal": 12}},
        {"part": "library", "name": "lightgbm", "a": "4.6.0", "b": "4.7.0"},
    ]
    found = {
        "a": {**side, "version": 1},
        "b": {**side, "version": 2},
        "same_window": True,
        "changed": changed,
    }
    found["metrics"] = [{"name": "auc", "a": 0.75, "b": 0.77, "difference": 0.02}]
    found["auc_difference"] = {"value": 0.02, "low": 0.01, "high": 0.03, "resamples": 500, "measured_with": 2}
    place.api.on("GET", "/products/shop/models/1/compare/2", found)

    code, text = place.run("models", "compare", "v1", "v2")

    assert code == 0
    assert "auc 0.75 0.77 0.02" in lines(text)
    assert "AUC of b over a on the same rows: +0.0200, 95% in [+0.0100, +0.0300]" in lines(text)
    assert "dataset flights v9 111111111111 v12 -" in lines(text)
    assert "library lightgbm 4.6.0 4.7.0" in lines(text)


@pytest.mark.parametrize(("valid", "code", "told"), [(True, 0, "✓ what was"), (False, 1, "✗ not what was")])
def test_a_version_is_verified(place: Workplace, valid: bool, code: int, told: str) -> None:
    checks = [{"name": "artifact", "passed": valid, "detail": "sha256"}]
    found = {"model": "late", "version": 2, "valid": valid, "signature": None, "checks": checks}
    place.api.on("GET", "/products/shop/models/2/verify", found)
    answered, text = place.run("models", "verify", "2")
    assert answered == code
    assert told in text


def test_a_card_is_shown_and_written(place: Workplace, tmp_path: Path) -> None:
    place.api.on("GET", "/products/shop/models/2/card", {"card": {}, "markdown": "# late\n\nMeasured."})
    code, text = place.run("models", "card", "2", "--out", str(tmp_path / "card.md"))
    assert (code, (tmp_path / "card.md").read_text()) == (0, "# late\n\nMeasured.")
    assert "Measured." in text
