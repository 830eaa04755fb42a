"""What the demo says of features, and which answers of the platform break its promises."""

from pathlib import Path
from typing import Any

import pytest
from headgate_local import demo_features
from headgate_local.demo_context import DemoContext, DemoFailed

from tests.unit.cli.fake_platform import FakeApi
from tests.unit.demo.stage_set import P, demo

SET = f"{P}/features/departure"
LEAK = {"name": "leak", "passed": True, "instants": 5}
WINDOW = {"name": "window", "passed": True}
PLAN = {"to_build": 14, "partitions": 79, "bytes": 20_900_000, "kinds": ["function"], "usd": 0.00031}


@pytest.fixture
def shown(tmp_path: Path) -> tuple[DemoContext, FakeApi]:
    """A version of three views, of which `plane` has no times."""
    context, api, _ = demo(tmp_path)
    timed = {"event_time": "at", "windows": [{"input": "flights"}]}
    context.bundle["views"] = {
        "flight": timed,
        "weather": timed,
        "plane": {"event_time": None, "windows": []},
    }
    show(api, flight=[LEAK, WINDOW], weather=[LEAK, WINDOW])
    return context, api


def show(api: FakeApi, **tests: list[dict[str, Any]]) -> None:
    views = [{"name": name, "incremental": True, "tests": found} for name, found in tests.items()]
    plane = {"name": "plane", "incremental": False, "tests": []}
    api.on("GET", f"{SET}/versions/latest", {"views": [*views, plane]})


def test_a_plan_in_a_line() -> None:
    assert (
        demo_features.said_of_plan(PLAN) == "14 of 79 partitions, 20.9 MB to read, function, about $0.00031"
    )
    assert demo_features.said_of_plan({**PLAN, "to_build": 0}) == "nothing left of 79 partitions"


def test_a_plan_names_the_places_where_something_is_built(shown: tuple[DemoContext, FakeApi]) -> None:
    context, api = shown
    stages = [{"kind": "function", "tasks": 3}, {"kind": "job", "tasks": 1}, {"kind": "array", "tasks": 0}]
    total = {name: PLAN[name] for name in ("to_build", "partitions", "bytes", "usd")}
    api.on("GET", f"{SET}/plan", {"stages": stages, "views": [], "total": total})
    demo_features.plan(context, "ingest")
    assert context.found["plan"]["kinds"] == ["function", "job"]


def test_all_views_with_times_that_passed_keep_the_promise(shown: tuple[DemoContext, FakeApi]) -> None:
    context, _ = shown
    demo_features.tested(context)
    assert [(c.passed, c.found) for c in context.checks] == [(True, "2 views, 10 instants")]
    assert context.found["tests"]["window"] == {"views": 2, "of": 2}


@pytest.mark.parametrize("found", [[WINDOW], [{**LEAK, "passed": False}]], ids=["untested", "failed"])
def test_a_view_that_did_not_pass_breaks_it(
    shown: tuple[DemoContext, FakeApi], found: list[dict[str, Any]]
) -> None:
    context, api = shown
    show(api, flight=[LEAK, WINDOW], weather=found)
    demo_features.tested(context)
    assert [(c.passed, c.found) for c in context.checks] == [(False, "not shown of weather")]


@pytest.mark.parametrize(("made", "kept"), [(6, True), (7, False), (0, False)])
def test_a_build_of_more_than_a_drop_touches_breaks_the_promise(
    shown: tuple[DemoContext, FakeApi], made: int, kept: bool
) -> None:
    context, api = shown
    versions = [{"ordinal": n, "built": built, "steps": 40} for n, built in ((3, made), (2, 40))]
    api.on("GET", f"{P}/features", {"features": versions})
    assert demo_features.built(context, "october", before=2) == f"{made} of 40"
    assert [check.passed for check in context.checks] == [kept]


def report(**result: Any) -> dict[str, Any]:
    return {"state": "done", "problem": "", "result": {"version": 3, **result}}


@pytest.mark.parametrize(("equal", "different"), [(4, 0), (3, 1), (3, 0)], ids=["equal", "differ", "gone"])
def test_only_rows_that_are_all_equal_keep_the_promise(
    shown: tuple[DemoContext, FakeApi], equal: int, different: int
) -> None:
    context, api = shown
    api.on("POST", f"{SET}/parity", {"id": "p"}, 202)
    found = report(checked=4, different=different, views=[{"view": "weather", "equal": equal}])
    api.on("GET", f"{SET}/parity/p", found)
    demo_features.compare(context)
    assert demo_features.compared(context) == f"{equal} of 4 online rows equal those of v3"
    assert [check.passed for check in context.checks] == [equal == 4]


def test_a_comparison_that_failed_fails_the_demo(shown: tuple[DemoContext, FakeApi]) -> None:
    context, api = shown
    context.found["_parity"] = "p"
    api.on("GET", f"{SET}/parity/p", {"state": "failed", "problem": "no version", "result": {}})
    with pytest.raises(DemoFailed, match="could not be compared: no version"):
        demo_features.compared(context)
