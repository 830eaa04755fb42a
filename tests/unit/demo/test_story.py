"""Acts of the story that judge what the platform answers, and the report of a failure."""

import io
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.state import Home
from headgate_local import demo_failure, demo_story
from headgate_local.demo_context import DemoFailed
from headgate_local.platform import down
from headgate_local.platform_process import end, is_emulator
from rich.console import Console

from tests.unit.demo.stage_set import P, demo, dropped

KEY = "flights/flights/flights-2013-10.csv"
NODE = f"object/landing/{KEY}?versionId=v1"


def trace_answer(sha256: str, version_id: str = "v1") -> dict[str, Any]:
    leaf = {"node": NODE, "upstream": []}
    tree = {"node": "prediction/p", "upstream": [{"node": "model/late/1", "upstream": [leaf]}]}
    source = {"node": NODE, "key": KEY, "version_id": version_id, "sha256": sha256}
    return {"prediction": {}, "tree": tree, "sources": [source], "truncated": False}


def test_trace_keeps_its_promise_when_bytes_and_version_are_those_dropped(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    context.drops, context.found["prediction"] = {KEY: dropped(KEY)}, {"id": "p"}
    api.on("GET", f"{P}/predictions/p/trace", trace_answer("aa" * 32))
    demo_story.trace(context)
    assert [check.passed for check in context.checks] == [True]
    assert context.found["trace"]["path"] == ["prediction/p", "model/late/1", NODE]


@pytest.mark.parametrize(("sha256", "version_id"), [("bb" * 32, "v1"), ("aa" * 32, "v2")])
def test_trace_to_other_bytes_breaks_the_promise(tmp_path: Path, sha256: str, version_id: str) -> None:
    context, api, _ = demo(tmp_path)
    context.drops, context.found["prediction"] = {KEY: dropped(KEY)}, {"id": "p"}
    api.on("GET", f"{P}/predictions/p/trace", trace_answer(sha256, version_id))
    assert f"not as dropped: {KEY}" in demo_story.trace(context)
    assert [check.passed for check in context.checks] == [False]


def test_trace_waits_for_the_prediction_to_be_recorded(tmp_path: Path) -> None:
    context, _, _ = demo(tmp_path)
    context.found["prediction"] = {"id": "p"}
    with pytest.raises(DemoFailed, match="waited 60 s for the trace of p"):
        demo_story.trace(context)


def test_refused_promotion_is_kept_with_its_statement(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    context.found["model"] = {"version": 1}
    denied = {"error": "denied", "type": "AccessDenied", "statement": "flights.OnlyEngineersPromote"}
    api.on("POST", f"{P}/models/1/promote", denied, 403)
    assert "OnlyEngineersPromote" in demo_story.refusal(context)
    assert context.found["refused"]["statement"] == "flights.OnlyEngineersPromote"
    assert context.checks[0].passed


def test_promotion_that_goes_through_fails_the_demo(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    context.found["model"] = {"version": 1}
    api.on("POST", f"{P}/models/1/promote", {"to_version": 1})
    with pytest.raises(DemoFailed, match="bob promoted"):
        demo_story.refusal(context)


def test_auc_below_the_target_breaks_the_promise(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    context.found["features"] = {"digest": "f1"}
    performance = {
        "auc": 0.71,
        "baselines": {"constant": 0.5},
        "rows": 9,
        "window": ["2013-10-01", "2013-12-31"],
    }
    drift = {"psi": {"temp": 0.9, "dest": 0.1}, "drifted": ["temp"], "threshold": 0.2}
    reports = [{"kind": "performance", **performance}, {"kind": "drift", **drift}]
    api.on("GET", f"{P}/monitoring", {"reports": [{**r, "feature_version": "f1"} for r in reports]})
    assert "most drift: temp" in demo_story.monitor(context)
    assert [check.passed for check in context.checks] == [False]


def test_failure_shows_the_error_lines_of_the_function_that_failed(tmp_path: Path) -> None:
    context, api, aws = demo(tmp_path)
    context.emulator = _Alive()  # type: ignore[assignment]
    trace = (
        '{"level": "ERROR", "message": "build failed", "exception": "Traceback\\nValueError: no such column"}'
    )
    aws.log_events["/aws/lambda/headgate-build-features"] = [{"timestamp": 1, "message": trace}]
    aws.log_events["/aws/batch/job"] = [{"timestamp": 1, "message": "iteration 3"}]
    refused = {"key": "a.csv", "rule": "range", "reason": "distance is 0"}
    api.on("GET", f"{P}/quarantine", {"quarantine": [refused]})
    out = io.StringIO()
    demo_failure.explain(context, Console(file=out, width=200))
    told = out.getvalue()
    assert "build-features: 1 error line(s)" in told and "ValueError: no such column" in told
    assert "iteration 3" in told and "a.csv: range: distance is 0" in told


def test_failure_without_an_emulator_shows_its_log(tmp_path: Path) -> None:
    context, _, _ = demo(tmp_path)
    context.place.home.emulator_log.write_text("it broke\n")
    out = io.StringIO()
    demo_failure.explain(context, Console(file=out, width=200))
    assert "it broke" in out.getvalue()


class _Process:
    def poll(self) -> None:
        return None


class _Alive:
    """An emulator whose process runs and whose administrator can reach nothing."""

    process = _Process()
    region = "us-east-1"
    endpoint = "http://127.0.0.1:9"

    @property
    def root_credentials(self) -> Any:
        from headgate_local.demo_context import DemoFailed

        raise DemoFailed("no administrator in this test")


def test_down_without_a_platform_stops_nothing(tmp_path: Path) -> None:
    assert down(Home(tmp_path)) is False


def test_process_that_is_not_the_recorded_emulator_is_left_alone(tmp_path: Path) -> None:
    import os

    assert not is_emulator(os.getpid(), tmp_path / "emulator.json")
    assert end(os.getpid(), tmp_path / "emulator.json") is False
