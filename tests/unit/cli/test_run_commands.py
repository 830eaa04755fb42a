"""`headgate train` and `headgate runs`: what people are told of runs, and how a log is followed."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.run_log import PAUSE, pages, said, show_log
from rich.console import Console

from tests.unit.cli.fake_platform import Workplace

RUN, OTHER = "a" * 64, "b" * 64
RUNS = "/products/shop/runs"
AT = 1_893_456_000_000


def record(digest: str = RUN, **changes: Any) -> dict[str, Any]:
    told = {"digest": digest, "state": "REGISTERED", "model": "late", "attempt": 1, "trigger": "manual"}
    return {
        **told,
        "compute_class": "cpu",
        "created_at": "2030-01-01T00:00:00.000Z",
        "reason": None,
        **changes,
    }


def line(event: str, **facts: Any) -> dict[str, Any]:
    return {"at": AT, "message": json.dumps({"level": "INFO", "event": event, **facts})}


def page(*lines: dict[str, Any], ended: bool = False, after: str = "s|1") -> dict[str, Any]:
    told = {"run": RUN, "state": "SUBMITTED", "reason": None, "job": "RUNNING"}
    return {**told, "lines": list(lines), "after": after, "ended": ended}


def scripted(*answers: dict[str, Any]) -> tuple[Callable[[str | None], dict[str, Any]], list[str | None]]:
    """A log that answers one page after the other, and what it was asked for."""
    left, asked = list(answers), []

    def fetch(after: str | None) -> dict[str, Any]:
        asked.append(after)
        return left.pop(0)

    return fetch, asked


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path).set_up()
    made.api.on("GET", RUNS, {"runs": [record(), record(OTHER, state="FAILED", reason="exit code 64")]})
    return made


def test_runs_are_listed_with_what_asked_for_them(place: Workplace) -> None:
    code, text = place.run("runs", "list")
    first, second = (" ".join(each.split()) for each in text.splitlines()[1:])
    assert code == 0
    assert first.startswith("aaaaaaaaaaaa REGISTERED manual late cpu")
    assert second.endswith("exit code 64")


@pytest.mark.parametrize(("words", "digest"), [((), RUN), (("bbb",), OTHER), ((RUN,), RUN)])
def test_a_run_is_named_by_its_start(place: Workplace, words: tuple[str, ...], digest: str) -> None:
    code, text = place.run("--json", "runs", "show", *words)
    assert (code, json.loads(text)["digest"]) == (0, digest)


def test_a_run_that_is_none_is_refused(place: Workplace) -> None:
    code, text = place.run("runs", "show", "cc")
    assert (code, text) == (1, "")
    assert "no run 'cc': there is none; `headgate runs list` shows them" in place.notes


def test_a_log_is_printed_to_its_present_end(place: Workplace) -> None:
    place.api.on("GET", f"{RUNS}/{RUN}/log", page(line("run_started", trainer="lightgbm", partitions=9)))
    answers = [page(line("run_started", trainer="lightgbm", partitions=9)), page()]
    fetch, asked = scripted(*answers)
    out = io.StringIO()

    show_log(Console(file=out, width=120), fetch, follow=False)

    assert out.getvalue() == "00:00:00  run started  trainer lightgbm  partitions 9\n"
    assert asked == [None, "s|1"]


def test_a_followed_log_waits_for_its_end() -> None:
    waits: list[float] = []
    fetch, asked = scripted(page(), page(line("data_read"), after="s|2"), page(after="s|2"), page(ended=True))

    found = list(pages(fetch, follow=True, sleep=waits.append))

    assert ([len(each["lines"]) for each in found], found[-1]["ended"]) == ([0, 1, 0, 0], True)
    assert (asked, waits) == ([None, "s|1", "s|2", "s|2"], [PAUSE, PAUSE])


def test_a_terminal_gets_a_bar_in_place_of_progress_lines() -> None:
    fetch, _ = scripted(
        page(line("data_read", train_rows=244737)),
        page(line("training", iteration=50, iterations=200, holdout_auc=0.7512), after="s|2"),
        page(line("training", iteration=200, iterations=200, holdout_auc=0.7613), after="s|3"),
        page(ended=True),
    )
    out = io.StringIO()

    show_log(Console(file=out, width=140, force_terminal=True), fetch, follow=True, sleep=lambda _: None)

    told = out.getvalue()
    assert "data read" in told
    assert "200/200" in told
    assert "holdout_auc 0.7613" in told
    assert "of 200" not in told


def test_elsewhere_progress_is_a_line() -> None:
    found = said(AT, json.dumps({"event": "training", "iteration": 50, "iterations": 200, "auc": 0.75}))
    assert found.line().plain == "00:00:00  training  50 of 200  auc 0.75"


def test_intervals_and_groups_are_told_in_words() -> None:
    facts = {"test": {"from": "2013-06-02", "to": "2013-07-02"}, "rows": {"train": 81069, "test": 27166}}
    told = said(AT, json.dumps({"event": "backtest", **facts})).line().plain
    assert told == "00:00:00  backtest  test 2013-06-02 to 2013-07-02  rows train 81,069, test 27,166"


def test_following_ends_with_what_became_of_the_run(place: Workplace) -> None:
    place.api.on("GET", f"{RUNS}/{RUN}/log", page(ended=True))
    place.api.on("GET", f"{RUNS}/{RUN}", record(model_version=4))
    code, text = place.run("runs", "logs", "-f")
    assert (code, text.strip()) == (0, "run aaaaaaaaaaaa: REGISTERED, version 4")


@pytest.mark.parametrize("message", ["Traceback (most recent call last):", "[1, 2]", '{"no": "event"}', "{"])
def test_what_is_no_journal_line_is_shown_as_it_is(message: str) -> None:
    assert said(AT, message).line().plain == f"00:00:00  {message}"


def test_training_is_asked_for(place: Workplace) -> None:
    place.api.on("POST", RUNS, {"product": "shop", "reason": "manual", "principal": "user/alice"}, status=202)
    code, text = place.run("--json", "train")
    assert (code, json.loads(text)["reason"]) == (0, "manual")


def test_a_run_is_stopped_with_a_reason(place: Workplace) -> None:
    place.api.on("POST", f"{RUNS}/{RUN}/stop", {"run": RUN, "state": "SUBMITTED"})
    code, _ = place.run("runs", "stop", "aaa", "--reason", "too dear")
    assert (code, place.api.asked[-1].body) == (0, {"reason": "too dear"})


class Consents:
    """A platform in which the request becomes a run of the given end."""

    def __init__(self, place: Workplace, ended: dict[str, Any]) -> None:
        self.place, self.ended = place, ended
        self.inner = place.api

    def __call__(self, method: str, url: str, headers: Any, body: bytes | None) -> Any:
        reply = self.inner(method, url, headers, body)
        if method == "POST":
            self.inner.on("GET", RUNS, {"runs": [self.ended, record()]})
            self.inner.on("GET", f"{RUNS}/{self.ended['digest']}", self.ended)
        return reply


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [("REGISTERED", 0, ""), ("REFUSED", 1, "run cccccccccccc refused: min_auc: 0.5 is not >= 0.7")],
)
def test_training_is_waited_for(place: Workplace, state: str, code: int, told: str) -> None:
    ended = record("c" * 64, state=state, reason="min_auc: 0.5 is not >= 0.7" if code else None)
    place.api.on("POST", RUNS, {"product": "shop"}, status=202)
    place.api = Consents(place, ended)  # type: ignore[assignment]

    found, _ = place.run("train", "--wait")

    assert found == code
    assert told in place.notes
