"""Pictures and the page of an experiment: what they show is what the trials were."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headgate.cli.experiment_plots import learning_curves, parallel_coordinates
from headgate.cli.experiment_report import report, verdict

PNG = b"\x89PNG\r\n\x1a\n"


def trial(number: int, rate: float, auc: float | None, best: bool = False, **changes: Any) -> dict[str, Any]:
    curve = [{"iteration": n, "auc": (auc or 0.5) * n / 4} for n in range(1, 5)] if auc else []
    return {
        "run": f"{number:064x}",
        "state": "SUCCEEDED" if auc else "FAILED",
        "reason": None if auc else "exit code 1",
        "params": {"learning_rate": rate, "objective": "binary", "leaves": 15 if number % 2 else None},
        "metrics": {"auc": auc, "log_loss": 1 - auc} if auc else {},
        "seconds": 36.0,
        "cost_usd": 0.00233,
        "digests": {"data": "d" * 64, "code": "c" * 64, "config": f"{number:064x}", "environment": "e" * 64},
        "best": best,
        "learning_curve": curve,
        **changes,
    }


def experiment(**changes: Any) -> dict[str, Any]:
    trials = [trial(1, 0.001, 0.71), trial(2, 0.1, 0.74, best=True), trial(3, 0.3, None)]
    return {
        "id": "e" * 64,
        "model": "late_arrival",
        "state": "FINISHED",
        "method": "grid",
        "metric": "auc",
        "runs": [each["run"] for each in trials],
        "array": [each["run"] for each in trials],
        "compute_class": "cpu",
        "estimated_cost_usd": 0.35,
        "cost_usd": 0.00699,
        "seconds": 108.0,
        "submitted_by": "user/alice",
        "purpose": "which rate",
        "created_at": "2030-01-01T00:00:00.000Z",
        "finished_at": "2030-01-01T00:05:00.000Z",
        "best_run": trials[1]["run"],
        "significance": {"against": "late_arrival/1", "value": 0.02, "low": 0.01, "high": 0.03},
        "model_version": 2,
        "reason": None,
        "trials": trials,
        **changes,
    }


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    import io

    from matplotlib.image import imread

    assert png.startswith(PNG)
    found: np.ndarray[Any, Any] = imread(io.BytesIO(png), format="png")
    return found


def red(png: bytes) -> int:
    """How many dots are of the best trial's colour."""
    found = pixels(png)[:, :, :3]
    return int(np.sum(np.all(np.abs(found - np.array([0.839, 0.153, 0.157])) < 0.05, axis=2)))


def test_the_best_trial_is_red_and_no_other() -> None:
    rows = experiment()["trials"]
    plain = [{**row, "best": False} for row in rows]
    for draw in (lambda r: parallel_coordinates(r, "auc"), learning_curves):
        assert red(draw(rows)) > 300
        assert red(draw(plain)) == 0


def test_the_same_trials_are_the_same_picture_and_others_another() -> None:
    rows = experiment()["trials"]
    assert parallel_coordinates(rows, "auc") == parallel_coordinates(rows, "auc")
    other = [trial(1, 0.001, 0.72), *rows[1:]]
    assert parallel_coordinates(other, "auc") != parallel_coordinates(rows, "auc")
    assert learning_curves(other) != learning_curves(rows)


def test_a_parameter_that_differs_has_an_axis() -> None:
    # Given trials that differ in one parameter, and in two
    one = [trial(1, rate, 0.7) for rate in (0.1, 0.2)]
    two = [{**row, "params": {**row["params"], "leaves": n}} for n, row in enumerate(one)]
    # Then a second axis makes the picture wider
    width = [pixels(parallel_coordinates(rows * 2, "auc")).shape[1] for rows in (one, two)]
    assert width[0] <= width[1]
    assert parallel_coordinates(one, "auc") != parallel_coordinates(two, "auc")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"run": "0" * 64, "state": "SUBMITTED", "computed_here": True}],
        [trial(3, 0.3, None)],
        [trial(1, 0.1, 0.7, learning_curve=[{"iteration": 1, "binary_logloss": 0.6}])],
        [trial(1, 0.1, 0.7), trial(2, 0.1, 0.7)],
        [trial(n, 10.0**-n, 0.5 + n / 100) for n in range(1, 9)],
    ],
)
def test_whatever_the_trials_are_there_is_a_picture(rows: list[dict[str, Any]]) -> None:
    assert pixels(parallel_coordinates(rows, "auc")).ndim == 3
    assert pixels(learning_curves(rows)).ndim == 3


class Page(HTMLParser):
    """The texts of a page's cells, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.rows and data.strip():
            self.rows[-1].append(data)


def test_the_page_holds_its_pictures_and_a_row_for_each_trial() -> None:
    page = Page(report(experiment()))
    assert len(page.sources) == 2
    assert all(
        b64decode(source.removeprefix("data:image/png;base64,")).startswith(PNG) for source in page.sources
    )
    assert "script" not in page.tags
    table = page.rows[-4:]
    assert table[0][:3] == ["run", "state", "learning_rate"]
    assert [row[0] for row in table[1:]] == ["000000000000"] * 3
    assert "FAILED: exit code 1" in table[3]
    assert "0.74" in table[2]


def test_what_all_trials_have_in_common_is_said_once() -> None:
    page = report(experiment())
    heads = Page(page).rows[-4]
    assert "learning_rate" in heads
    assert "objective" not in heads
    assert page.count("objective binary") == 1


def test_what_comes_from_a_product_is_escaped() -> None:
    sly = experiment(purpose="<script>alert(1)</script>", model="<b>x</b>")
    sly["trials"][0]["params"]["objective"] = "<img src=x>"
    page = report(sly)
    assert not re.search(r"<script|<b>x|<img src=x", page)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The best auc is 0.74, of learning_rate 0.1, leaves None. It is version 2"),
        ({}, "Against late_arrival/1 it gains 0.02, with 95% between 0.01 and 0.03: better beyond chance."),
        (
            {
                "significance": {"against": "x/1", "value": 0.01, "low": -0.01, "high": 0.02},
                "model_version": None,
            },
            "better but not beyond chance.",
        ),
        (
            {
                "significance": {"against": "x/1", "value": -0.01, "low": -0.02, "high": 0.0},
                "model_version": None,
            },
            "It is not better than x/1: the difference is -0.01.",
        ),
        ({"state": "SUBMITTED", "best_run": None}, "3 of 3 trials have ended."),
        (
            {"state": "FAILED", "best_run": None, "reason": "no trial has a auc"},
            "No trial won: no trial has a auc.",
        ),
        (
            {"significance": {"against": "x/1", "reason": "other rows"}, "reason": "it may not challenge"},
            "it may not challenge",
        ),
    ],
)
def test_the_verdict_says_what_came_of_it(changes: dict[str, Any], said: str) -> None:
    assert said in verdict(experiment(**changes))


def test_pictures_do_not_need_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    assert learning_curves(experiment()["trials"]).startswith(PNG)
