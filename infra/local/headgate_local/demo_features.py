"""What the demo says of features beside their versions: the plan of a build, the generated tests, and parity.

Owns the judgement of each: which of the platform's answers keeps a promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.cli.features_client import FeaturesClient
from headgate.cli.plan_view import size, usd

from headgate_local.demo_context import PRODUCT, DemoContext, DemoFailed

PARITY_SECONDS = 120.0
TOUCHED = 2
"""Partitions of a view that a month's drop may touch: the month's, and one at its edge (UTC, and windows)."""


def plan(context: DemoContext, stage: str) -> None:
    """What a build would make of the files that have just come. One that was faster leaves less to say."""
    told = _set(context).plan()
    total = told["total"]
    kinds = sorted({each["kind"] for each in told["stages"] if each["tasks"]})
    context.found["plan"] = {"stage": stage, **total, "kinds": kinds, "views": told["views"]}
    context.board.tell(stage, f"plan: {said_of_plan(context.found['plan'])}")


def said_of_plan(found: Mapping[str, Any]) -> str:
    """``29 of 104 partitions, 8.1 MB to read, function, about $0.0002``."""
    if not found["to_build"]:
        return f"nothing left of {found['partitions']:,} partitions"
    count = f"{found['to_build']:,} of {found['partitions']:,} partitions"
    return (
        f"{count}, {size(found['bytes'])} to read, {' and '.join(found['kinds'])}, about {usd(found['usd'])}"
    )


def built(context: DemoContext, stage: str, before: int) -> str:
    """What the versions after the one at ``before`` made anew, of all there is."""
    newer = [v for v in context.api().features(PRODUCT)["features"] if v["ordinal"] > before]
    made, steps = max(v["built"] for v in newer), newer[0]["steps"]
    views = _set(context).show("latest")["views"]
    most = TOUCHED * (1 + sum(view["incremental"] for view in views))
    said = f"{made:,} of {steps:,}"
    context.found["built"] = {"stage": stage, "built": made, "steps": steps}
    context.promise("a month's build makes only what the drop touches", 0 < made <= most, said)
    return said


def tested(context: DemoContext) -> None:
    """The generated tests of the newest version: of every view that has times, the leak test."""
    views = {view["name"]: view["tests"] for view in _set(context).show("latest")["views"]}
    declared = context.bundle["views"]
    timed = [name for name in views if declared[name]["event_time"]]
    leak = {name: _test(views[name], "leak") for name in timed}
    windows = [name for name in timed if _test(views[name], "window")]
    passed = [test for test in leak.values() if test and test["passed"]]
    instants = sum(test["instants"] for test in passed)
    context.found["tests"] = {
        "leak": {"views": len(passed), "of": len(timed), "instants": instants},
        "window": {"views": len(windows), "of": sum(bool(declared[n]["windows"]) for n in timed)},
    }
    untested = sorted(name for name, test in leak.items() if not test or not test["passed"])
    said = f"not shown of {', '.join(untested)}" if untested else f"{len(passed)} views, {instants} instants"
    context.promise("no view knows the future", not untested, said)


def compare(context: DemoContext) -> None:
    """Asks for the comparison of all online rows; it goes on while the story does."""
    context.found["_parity"] = _set(context).ask("parity")["id"]


def compared(context: DemoContext) -> str:
    """Waits for the comparison that was asked for."""
    name = context.found.pop("_parity")

    def look() -> dict[str, Any] | None:
        report = _set(context).report("parity", name)
        if report["state"] == "failed":
            raise DemoFailed(f"online rows could not be compared: {report['problem']}")
        return report if report["state"] == "done" else None

    result = context.wait("the comparison of online rows", look, PARITY_SECONDS)["result"]
    equal = sum(view["equal"] for view in result["views"])
    counts = {name: result[name] for name in ("version", "checked", "different")}
    context.found["parity"] = {**counts, "equal": equal, "views": result["views"]}
    said = f"{equal:,} of {result['checked']:,}"
    context.promise("online rows equal the offline ones", equal == result["checked"] > 0, said)
    return f"{said} online rows equal those of v{result['version']}"


def _test(tests: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((test for test in tests if test["name"] == name), None)


def _set(context: DemoContext) -> FeaturesClient:
    return FeaturesClient(context.api(), PRODUCT, context.bundle["training"]["feature_set"])
