"""What the patches decide by themselves, without MiniStack."""

from __future__ import annotations

import io
import json
import queue
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from headgate_local.patches.batch_access import resource_arns
from headgate_local.patches.batch_resources import request_document
from headgate_local.patches.batch_workflow import result_document
from headgate_local.patches.metrics import points
from headgate_local.patches.queue_sources import Windows
from headgate_local.patches.reports import warn_if_over
from headgate_local.patches.runtime import LayerStore, extract
from headgate_local.patches.speed import END_OF_LOG, read_to_marker

PREFIX = "arn:aws:batch:us-east-1:000000000000"


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, text in files.items():
            target.writestr(name, text)
    return packed.getvalue()


def embedded(**changes: Any) -> str:
    directive = {"Namespace": "N", "Dimensions": [["s"]], "Metrics": [{"Name": "m", "Unit": "Count"}]}
    return json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, "s": "x", "m": 2, **changes})


def test_metric_line_yields_each_value() -> None:
    assert [tuple(point) for point in points(embedded())] == [("N", "m", 2.0, "Count", {"s": "x"})]
    assert [point.value for point in points(embedded(m=[1, 2.5]))] == [1.0, 2.5]


@pytest.mark.parametrize(
    "line",
    ["plain", '{"_aws": 1}', '"_aws"{', embedded(m="many"), '{"_aws": {"CloudWatchMetrics": [3]}}', ""],
)
def test_line_that_is_no_metric_yields_nothing(line: str) -> None:
    assert list(points(line)) == []


def test_log_ends_at_the_marker_and_the_rest_stays() -> None:
    lines: queue.Queue[str] = queue.Queue()
    for line in ("a", "b" + END_OF_LOG, "next"):
        lines.put(line)

    assert read_to_marker(lines, time.monotonic() + 5) == "a\nb"
    assert lines.get_nowait() == "next"


def test_log_without_a_marker_ends_at_the_deadline() -> None:
    lines: queue.Queue[str] = queue.Queue()
    lines.put("a")

    assert read_to_marker(lines, time.monotonic() + 0.05) == "a"


def test_layers_merge_with_the_later_one_winning(tmp_path: Path) -> None:
    store = LayerStore(tmp_path / "layers")
    first, second = archive(a="1", both="1"), archive(b="2", both="2")

    merged = store.merged([first, second])

    assert merged is not None
    assert {path.name: path.read_text() for path in merged.iterdir()} == {"a": "1", "b": "2", "both": "2"}
    assert store.merged([first, second]) == merged
    assert store.merged([]) is None
    alone = store.merged([first])
    assert alone is not None
    assert (alone / "both").read_text() == "1"


def test_archive_that_leaves_its_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves its directory"):
        extract(archive(**{"../outside": "x"}), tmp_path / "in")

    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        (
            "submitjob",
            {"jobQueue": "q", "jobDefinition": "d:1"},
            [f"{PREFIX}:job-queue/q", f"{PREFIX}:job-definition/d:1"],
        ),
        ("submitjob", {"jobQueue": "arn:q"}, ["arn:q"]),
        ("terminatejob", {"jobId": "j"}, [f"{PREFIX}:job/j"]),
        ("createjobqueue", {"jobQueueName": "q"}, [f"{PREFIX}:job-queue/q"]),
        ("describejobs", {"jobs": ["j"]}, ["*"]),
        ("listjobs", {"jobQueue": "q"}, ["*"]),
        ("submitjob", [], ["*"]),
    ],
)
def test_access_is_checked_on_the_resources_named(operation: str, request_: Any, expected: list[str]) -> None:
    assert resource_arns(f"/v1/{operation}", json.dumps(request_).encode(), PREFIX) == expected


def test_access_to_a_broken_body_is_checked_on_everything() -> None:
    assert resource_arns("/v1/submitjob", b"{", PREFIX) == ["*"]


def test_template_words_become_the_api_s_and_user_words_stay() -> None:
    template = {"ComputeResources": {"MaxvCpus": 4}, "Parameters": {"Who": "a"}, "Tags": {"Team": "b"}}

    assert request_document(template) == {
        "computeResources": {"maxvCpus": 4},
        "parameters": {"Who": "a"},
        "tags": {"Team": "b"},
    }
    assert result_document({"jobId": "1", "tags": {"team": "b"}}) == {"JobId": "1", "Tags": {"team": "b"}}


def test_function_above_its_memory_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert warn_if_over({"FunctionName": "f", "MemorySize": 256}, 300)
    assert not warn_if_over({"FunctionName": "f", "MemorySize": 256}, 256)
    assert caplog.messages == ["function f used 300 MB of 256 MB: AWS Lambda would have killed it"]


def test_batch_waits_for_its_window_or_until_it_is_full() -> None:
    now = [0.0]
    windows = Windows(wake=lambda: None, now=lambda: now[0])

    def holds(waiting: int) -> bool:
        return windows.holds("m", waiting, batch_size=10, window_seconds=5)

    assert not holds(0)
    assert holds(1)
    assert not holds(10)
    assert holds(3)
    now[0] = 4.9
    assert holds(4)
    now[0] = 5.0
    assert not holds(4)
    assert holds(4)
