"""The training story's summary: what is printed of a result, and that a verdict names what changed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from headgate_local import training_summary
from rich.console import Console

SHA = "aa32" * 16


def answer(when: str, release: int, version: int) -> dict[str, Any]:
    kind = "rollback" if release == 3 else "promote"
    told = f"late v{version}, run abc"
    return {"when": when, "at": "2026-11-23T08:00:00Z", "release": release, "kind": kind, "told": told}


def trial(number: int, auc: float | None, best: bool = False) -> dict[str, Any]:
    digests = {"config": f"config{number}", "environment": f"sha256:environment{number}"}
    params = {"rounds": number, "objective": "binary"}
    state = "FAILED" if auc is None else "SUCCEEDED"
    return {
        "run": f"run{number}",
        "params": params,
        "auc": auc,
        "state": state,
        "best": best,
        "digests": digests,
    }


def reason(kind: str, what: str, was: Any, found: Any) -> dict[str, Any]:
    return {"kind": kind, "what": what, "recorded": was, "found": found}


def reproduction(state: str, *reasons: dict[str, Any], note: str = "") -> dict[str, Any]:
    return {"verdict": {"state": state, "reasons": list(reasons), "note": note}}


def result() -> dict[str, Any]:
    own = {"principal": "alice", "statement": "flights#TwoPersonsPromote"}
    return {
        "model": {
            "name": "late",
            "holdout_auc": 0.7622,
            "holdout_baselines": {"naive": 0.5, "seasonal": 0.665},
        },
        "experiment": {
            **{"metric": "auc", "verdict": "The best auc is 0.76.", "seconds": 9.0, "cost_usd": None},
            **{"files": {"parallel.png": "/a/parallel.png"}},
            "trials": [trial(10, 0.7), trial(20, 0.76, best=True), trial(30, None)],
        },
        "two_persons": {
            **{"version": 2, "own_proposal": own, "proposed_by": "user/alice", "promoted_by": "user/erin"},
        },
        "live_at": {
            "first": answer("at first", 1, 1),
            "answers": [answer("before", 2, 2), answer("after", 3, 1)],
        },
        "race": {"submitted": 50, "accepted": 1, "refused": 49, "reasons": ["0.06 of 0.19 USD left"]},
        "spot": {
            **{"lost_because": "Your Spot Task was interrupted", "lost_at_iteration": 120, "sha256": SHA},
            **{"resumed_from": 90, "exit_codes": [137, 0]},
        },
        "twin": {"sha256": SHA},
        "reproductions": {
            "recorded": reproduction("identical", note="the same byte for byte"),
            "byte": reproduction("differs", reason("data", "object june", "11" * 32, "22" * 32)),
            "library": reproduction("identical", reason("library", "lightgbm", "4.7.0", "4.6.0")),
        },
        "checks": [
            {"name": "kept", "passed": True, "found": "yes"},
            {"name": "broken", "passed": False, "found": "no"},
        ],
        "seconds": {"total": 300.0, "search": 120.0, "race": 0.01},
        "peak_memory": {"mb": None, "method": "not measured here"},
    }


def printed() -> list[str]:
    out = io.StringIO()
    training_summary.show(Console(file=out, width=160), result(), Path("build/demo-training.json"))
    return [line.strip("│ ") for line in out.getvalue().splitlines()]


def row(start: str) -> str:
    (found,) = [line for line in printed() if line.startswith(start)]
    return " ".join(found.split())


def test_trials_are_ranked_and_a_failed_one_is_last() -> None:
    lines = printed()
    ranked = [line.split()[0] for line in lines if line.startswith("run")]
    assert ranked == ["run", "run20", "run10", "run30"]
    assert row("run20") == "run20 20 0.7600 config20 environment2"
    assert row("run30") == "run30 30 failed config30 environment3"


def test_what_changed_is_named_beside_the_verdict() -> None:
    assert row("nothing") == "nothing identical the same byte for byte"
    assert row("byte") == "byte differs data: object june 111111111111 222222222222"
    assert row("library ") == "library identical library: lightgbm 4.7.0 4.6.0"


def test_promises_and_refusals_are_told() -> None:
    assert row("refused") == "refused alice: promoting their own proposal, by flights#TwoPersonsPromote"
    assert row("race") == "race 50 at once: 1 accepted, 49 refused"
    assert "0.06 of 0.19 USD left" in printed()
    assert row("✓") == "✓ kept: yes"
    assert row("✗") == "✗ broken: no"
    assert row("seconds") == "seconds search 120.0"
