"""From dropped files to a served prediction and back to the files, on real events alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from headgate.domain import audit, events

from tests.e2e import shops
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Document, Stack
from tests.e2e.story import Story
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator
TENSORS = {"double_size": [90.0, 4.0], "warmth": [12.5, None], "shop": ["north", "south"]}
VISIT = {"visit_id": "tomorrow", "visited_at": "2024-02-29T18:10:00Z", "shop": "south", "size": 44}


def test_every_dropped_file_is_the_source_of_a_version(trained: Story, stack: Stack) -> None:
    for dataset, make in (("visits", shops.visits_csv), ("sensor", shops.sensor_csv)):
        versions = stack.api("alice").dataset_versions(shops.PRODUCT, dataset)["versions"]

        sources = {s["key"]: s for version in versions for s in version["sources"]}
        for drop, month in zip(
            (d for d in trained.drops if d.dataset == dataset), shops.TRAINED_MONTHS, strict=True
        ):
            assert sources[drop.key]["version_id"] == drop.version_id
            assert sources[drop.key]["sha256"] == hashlib.sha256(make(month)).hexdigest()
        rows = sum(len(make(month).splitlines()) - 1 for month in shops.TRAINED_MONTHS)
        assert rows in [version["rows"] for version in versions]


def test_features_hold_every_visit_at_the_versions_they_were_built_from(trained: Story, stack: Stack) -> None:
    built = next(
        f
        for f in stack.api("alice").features(shops.PRODUCT)["features"]
        if f["digest"] == trained.features.detail["digest"]
    )

    versions = stack.api("alice").dataset_versions(shops.PRODUCT, "visits")["versions"]
    rows = {version["digest"]: version["rows"] for version in versions}
    assert built["rows"] == rows[built["inputs"]["visits"]]
    assert built["partitions"] == len(shops.TRAINED_MONTHS)
    assert (built["min_event_time"][:7], built["max_event_time"][:7]) == ("2024-01", "2024-02")


def test_the_model_was_trained_by_a_batch_job(trained: Story, stack: Stack) -> None:
    job = stack.client("batch", stack.state.operator).describe_jobs(jobs=[trained.run["job_id"]])["jobs"][0]

    assert job["status"] == "SUCCEEDED"
    assert job["jobQueue"] == stack.outputs["CpuJobQueueArn"]
    assert job["container"]["exitCode"] == 0
    assert any(trained.run["digest"] in line.message for line in stack.log("job"))
    (attempt,) = job["attempts"]
    assert trained.run["seconds"] == pytest.approx((attempt["stoppedAt"] - attempt["startedAt"]) / 1000)


def test_the_registered_model_passed_every_gate_and_is_champion(trained: Story, stack: Stack) -> None:
    listing = stack.api("alice").models(shops.PRODUCT)

    assert listing["aliases"]["champion"] == trained.model["version"] == 1
    assert all(gate["passed"] for gate in trained.model["gates"])
    always = {"max_signature_differences", "max_rows_out_of_tolerance"}
    declared = set(shops.bundle()["training"]["gates"])
    assert {gate["name"] for gate in trained.model["gates"]} == declared | always
    assert trained.model["metrics"]["auc"] > 0.85
    assert trained.model["metrics"]["skill"]["low"] > 0


def test_a_prediction_by_tensor_is_the_score_of_the_onnx_artifact(trained: Story, stack: Stack) -> None:
    answer = stack.api("carol").infer(shops.MODEL, _by_tensor())

    assert answer["model_version"] == "1"
    assert answer["parameters"]["alias"] == "champion"
    expected = _scored_here(stack, trained.model["artifact_key"])
    assert answer["outputs"][0]["data"] == pytest.approx(expected, abs=1e-6)
    assert answer["outputs"][0]["data"][0] > 0.8 > 0.2 > answer["outputs"][0]["data"][1]


def test_a_prediction_by_entity_is_logged_with_the_features_it_saw(trained: Story, stack: Stack) -> None:
    online = stack.api("alice").infer(shops.MODEL, _by_entity())

    row = _logged(stack, online["id"])[0]
    assert row["input"] == VISIT
    assert row["score"] == pytest.approx(online["outputs"][0]["data"][0])
    assert row["features"]["double_size"] == 88
    assert row["features"]["shop"] == "south"
    # Once a later month is there, the store holds a reading that was not known yet at this visit.
    only_these = len(stack.api("alice").features(shops.PRODUCT)["features"]) == 1
    assert row["features"]["warmth"] == (shops.newest_warmth(2)["south"] if only_these else None)


def test_a_prediction_leads_back_to_the_bytes_that_were_dropped(trained: Story, stack: Stack) -> None:
    prediction = stack.api("alice").infer(shops.MODEL, _by_tensor())["id"]

    trace = _trace(stack, prediction)

    found = {source["key"]: (source["version_id"], source["sha256"]) for source in trace["sources"]}
    assert found == {drop.key: (drop.version_id, drop.sha256) for drop in trained.drops}
    landing = stack.administrator("s3")
    for source in trace["sources"]:
        kept = landing.get_object(Bucket=source["bucket"], Key=source["key"], VersionId=source["version_id"])
        assert hashlib.sha256(kept["Body"].read()).hexdigest() == source["sha256"]
    kinds = [step["node"].split("/")[0] for step in _first_branch(trace["tree"])]
    assert kinds[:5] == ["prediction", "model", "run", "features", "dataset"]
    assert kinds[-1] == "object"


def test_every_step_left_a_lineage_event(trained: Story, stack: Stack) -> None:
    s3, bucket = stack.administrator("s3"), stack.outputs["LogsBucketName"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="lineage/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    recorded = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    assert {event["job"]["name"] for event in recorded} >= {
        "ingest/shops/visits",
        "ingest/shops/sensor",
        "features/shops/visit",
        "train/buys",
        "register/buys",
    }
    assert all(event["eventType"] == "COMPLETE" and event["run"]["runId"] for event in recorded)


def test_decisions_are_chained_and_the_chain_holds(trained: Story, stack: Stack) -> None:
    def whole_chain() -> audit.ChainReport | None:
        # The services go on deciding: a tip that moved between the two reads is read again.
        tip = _tip(stack)
        entries = stack.api("alice").get(f"/products/{shops.PRODUCT}/decisions", limit=1000)["decisions"]
        links = [audit.AuditEntry.from_json(entry) for entry in reversed(entries)]
        until = [link for link in links if link.sequence <= tip.sequence]
        report = audit.verify(until, audit.genesis(shops.PRODUCT), tip)
        assert report.ok, report.broken
        return report if report.checked == len(until) > 5 else None

    eventually("a chain of decisions that holds", whole_chain, 10)
    decided = stack.api("alice").get(f"/products/{shops.PRODUCT}/decisions", limit=1000)["decisions"]
    acts = {(entry.get("principal"), entry.get("action")) for entry in decided}
    assert acts >= {
        ("user/alice", "headgate:ApplyProduct"),
        ("service/ingest", "headgate:CommitVersion"),
        ("service/build_features", "headgate:BuildFeatures"),
        ("service/train", "headgate:SubmitTraining"),
        ("service/register", "headgate:RegisterModel"),
        ("service/register", "headgate:PromoteModel"),
    }
    assert {entry["type"] for entry in decided} >= {
        events.ACCESS_DECIDED,
        events.ALIAS_MOVED,
        events.PRODUCT_APPLIED,
    }


def test_the_training_is_on_the_bill(trained: Story, stack: Stack) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"

    def billed() -> Document | None:
        listing = stack.api("alice").costs(shops.PRODUCT, month)
        return listing if any(line["kind"] == "training" for line in listing["costs"]) else None

    listing = eventually("a cost line of the training", billed, 10)
    lines = [line for line in listing["costs"] if line["run"] == trained.run["digest"]]
    assert [(line["unit"], line["quantity"]) for line in lines] == [("seconds", trained.run["seconds"])]
    assert lines[0]["usd"] == pytest.approx(trained.run["cost_usd"])
    assert 0 < listing["usd"] < trained.run["estimated_cost_usd"]


def test_later_data_shows_drift_and_performance_without_training_again(
    monitored: Story, stack: Stack, tap: EventTap
) -> None:
    drift, performance = monitored.reports["drift"], monitored.reports["performance"]

    assert drift["drifted"] == ["double_size"]
    assert drift["psi"]["double_size"] > drift["threshold"] > drift["psi"]["warmth"]
    assert drift["feature_version"] == performance["feature_version"]
    assert 0.5 < performance["auc"] < performance["holdout_auc"]
    assert performance["baselines"].keys() == {"constant", "naive", "seasonal", "by_shop"}
    drifted = tap.wait(events.DRIFT_DETECTED, shops.PRODUCT)
    assert {event.detail["feature"] for event in drifted} == {"double_size"}
    assert tap.wait(events.PERFORMANCE_MEASURED, shops.PRODUCT)[0].detail["version"] == 1
    assert len(stack.api("alice").runs(shops.PRODUCT)["runs"]) == 1


def test_the_online_store_follows_the_newest_reading(monitored: Story, stack: Stack) -> None:
    visit = {**VISIT, "visited_at": f"2024-0{shops.LATER_MONTH}-31T18:10:00Z"}

    answer = stack.api("alice").infer(shops.MODEL, _by_entity(visit))

    assert (
        _logged(stack, answer["id"])[0]["features"]["warmth"]
        == shops.newest_warmth(shops.LATER_MONTH)["south"]
    )
    keys = {source["key"] for source in _trace(stack, answer["id"])["sources"]}
    assert keys == {drop.key for drop in (*monitored.drops, *monitored.later)}


def test_nothing_was_given_up_on_the_way(monitored: Story, stack: Stack) -> None:
    stack.drained()

    assert stack.given_up() == {}


def _by_tensor() -> Document:
    def tensor(name: str, datatype: str) -> Document:
        return {"name": name, "datatype": datatype, "shape": [2, 1], "data": TENSORS[name]}

    numeric = [tensor(name, "FP32") for name in ("double_size", "warmth")]
    return {"inputs": [*numeric, tensor("shop", "BYTES")]}


def _by_entity(visit: dict[str, Any] = VISIT) -> Document:
    inputs = [
        {
            "name": name,
            "datatype": "INT32" if isinstance(value, int) else "BYTES",
            "shape": [1],
            "data": [value],
        }
        for name, value in visit.items()
    ]
    return {"parameters": {"input": "entity"}, "inputs": inputs}


def _scored_here(stack: Stack, artifact_key: str) -> list[float]:
    """The same rows through ONNX Runtime, without the platform."""
    import numpy as np
    import onnxruntime

    stored = stack.administrator("s3").get_object(Bucket=stack.outputs["ModelsBucketName"], Key=artifact_key)
    runtime = onnxruntime.InferenceSession(stored["Body"].read(), providers=["CPUExecutionProvider"])
    feeds = {
        name: np.array(values, dtype=object if name == "shop" else np.float32).reshape(-1, 1)
        for name, values in TENSORS.items()
    }
    return [float(score) for score in np.ravel(runtime.run(["score"], feeds)[0])]


def _logged(stack: Stack, prediction: str) -> list[dict[str, Any]]:
    """The rows of a prediction in the log, once they are there."""
    s3, bucket = stack.administrator("s3"), stack.outputs["LogsBucketName"]

    def look() -> list[dict[str, Any]] | None:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="predictions/shops/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        mine = [key for key in keys if prediction in key]
        if not mine:
            return None
        lines = s3.get_object(Bucket=bucket, Key=mine[0])["Body"].read().splitlines()
        return [json.loads(line) for line in lines]

    return eventually(f"prediction {prediction} in the log", look, 20)


def _trace(stack: Stack, prediction: str) -> Document:
    """The trace, once the prediction was recorded."""

    def look() -> Document | None:
        status, found = stack.call(
            "GET", f"/products/shops/predictions/{prediction}/trace", f"Bearer {stack.token('alice')}"
        )
        assert status in (200, 404), found
        return found if status == 200 and found["sources"] else None

    return eventually(f"the trace of {prediction}", look, 20)


def _first_branch(step: Document) -> Iterator[Document]:
    yield step
    if step["upstream"]:
        yield from _first_branch(step["upstream"][0])


def _tip(stack: Stack) -> audit.Tip:
    head = stack.administrator("dynamodb").get_item(
        TableName=stack.outputs["LedgerTableName"],
        Key={"pk": {"S": f"AUDIT#{shops.PRODUCT}"}, "sk": {"S": "HEAD"}},
        ConsistentRead=True,
    )["Item"]
    return audit.Tip(int(head["sequence"]["N"]), head["hash"]["S"])
