"""Watching the platform: what ends a wait well, and what ends it at once."""

from pathlib import Path
from typing import Any

import pytest
from headgate_local import demo_watch
from headgate_local.demo_context import DemoFailed, Step, perform

from tests.unit.demo.stage_set import P, demo, dropped, version


def test_waiting_ends_when_every_file_is_part_of_a_version(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    context.drops = {"flights/flights/a.csv": dropped("flights/flights/a.csv")}
    api.on("GET", f"{P}/datasets/flights/versions", {"versions": [version(1, "d1", "aa" * 32)]})
    assert demo_watch.committed(context, "ingest") == "1 of 1 files, 100 rows"


def test_deadline_says_what_was_awaited_and_what_was_seen(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    context.drops = {"flights/flights/a.csv": dropped("flights/flights/a.csv")}
    api.on("GET", f"{P}/datasets/flights/versions", {"versions": []})
    context.board.start("ingest")
    with pytest.raises(DemoFailed, match=r"waited 90 s for every dropped file .* ingest: 0 of 1 files"):
        demo_watch.committed(context, "ingest")


def test_refused_drop_ends_the_wait_with_its_reason(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    refused = {"key": "flights/flights/a.csv", "rule": "not_null", "reason": "3 rows lack carrier"}
    api.on("GET", f"{P}/quarantine", {"quarantine": [refused]})
    with pytest.raises(DemoFailed, match="a.csv was refused by not_null: 3 rows lack carrier"):
        demo_watch.committed(context, "ingest")
    assert context.clock() == 0


def test_given_up_message_ends_the_wait(tmp_path: Path) -> None:
    context, api, aws = demo(tmp_path)
    aws.depths["FeatureDlq"] = 1
    api.on("GET", f"{P}/datasets/flights/versions", {"versions": []})
    with pytest.raises(DemoFailed, match="1 message.* of FeatureQueue were given up"):
        demo_watch.features_built(context, "features")


def test_feature_version_of_older_data_is_not_the_awaited_one(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    api.on("GET", f"{P}/datasets/flights/versions", {"versions": [version(2, "d2")]})
    built: dict[str, Any] = {
        "feature_set": "departure",
        "ordinal": 1,
        "rows": 5,
        "max_event_time": "2013-10-01T00:00:00Z",
        "inputs": {"flights": "d1"},
    }
    api.on("GET", f"{P}/features", {"features": [built]})
    with pytest.raises(DemoFailed, match="a feature version of every file"):
        demo_watch.features_built(context, "features")
    api.on("GET", f"{P}/features", {"features": [{**built, "ordinal": 2, "inputs": {"flights": "d2"}}]})
    assert demo_watch.features_built(context, "features")["ordinal"] == 2


@pytest.mark.parametrize("state", ["FAILED", "REFUSED"])
def test_run_that_ended_badly_ends_the_wait_with_its_reason(tmp_path: Path, state: str) -> None:
    context, api, _ = demo(tmp_path)
    api.on("GET", f"{P}/runs", {"runs": [{"digest": "ab" * 32, "state": state, "reason": "auc 0.5 < 0.7"}]})
    with pytest.raises(DemoFailed, match=f"run abababababab is {state}: auc 0.5 < 0.7"):
        demo_watch.trained(context, "train")


def test_last_line_of_the_job_is_shown_while_it_trains(tmp_path: Path) -> None:
    context, api, aws = demo(tmp_path)
    run = {"digest": "ab" * 32, "state": "RUNNING", "reason": None}
    api.on("GET", f"{P}/runs", {"runs": [run]})
    api.on("GET", f"{P}/models", {"aliases": {"champion": None}, "models": []})
    aws.log_events["/aws/batch/job"] = [{"timestamp": 1, "message": "iteration 100 auc 0.71"}]
    context.board.start("train")
    with pytest.raises(DemoFailed, match=r"train: running abababababab  iteration 100 auc 0\.71"):
        demo_watch.trained(context, "train")


def test_champion_is_the_version_the_alias_names(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    api.on("GET", f"{P}/runs", {"runs": []})
    api.on("GET", f"{P}/models", {"aliases": {"champion": 2}, "models": [{"version": 3}, {"version": 2}]})
    assert demo_watch.champion(context, "champion") == {"version": 2}


def test_reports_of_older_features_are_not_the_awaited_ones(tmp_path: Path) -> None:
    context, api, _ = demo(tmp_path)
    reports = [
        {"kind": kind, "feature_version": v} for v in ("new", "old") for kind in ("performance", "drift")
    ]
    api.on("GET", f"{P}/monitoring", {"reports": reports})
    found = demo_watch.monitored(context, "monitor", "old")
    assert {report["feature_version"] for report in found.values()} == {"old"}


def test_failing_step_is_marked_and_later_ones_never_begin(tmp_path: Path) -> None:
    context, _, _ = demo(tmp_path)

    def fail(_: object) -> str:
        raise DemoFailed("no")

    with pytest.raises(DemoFailed):
        perform(context, [Step("ingest", fail), Step("train", fail)])
    assert (context.board.stage("ingest").state, context.board.stage("train").state) == ("failed", "waiting")


def test_wait_that_stands_still_ends_early_with_the_function_that_fails(tmp_path: Path) -> None:
    context, api, aws = demo(tmp_path)
    context.drops = {"flights/flights/a.csv": dropped("flights/flights/a.csv")}
    api.on("GET", f"{P}/datasets/flights/versions", {"versions": []})
    denied = '{"level": "ERROR", "message": "AccessDenied on s3:GetObject"}'
    aws.log_events["/aws/lambda/headgate-ingest"] = [{"timestamp": 1, "message": denied}]
    with pytest.raises(DemoFailed, match="ingest fails: AccessDenied on s3:GetObject"):
        demo_watch.committed(context, "ingest")
    assert context.clock() < 30
