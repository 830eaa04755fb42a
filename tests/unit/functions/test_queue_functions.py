"""Handlers behind queues: payloads as AWS sends them, and a bad message harms no neighbour."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from headgate.domain.errors import Throttled
from headgate.domain.model import CHAMPION
from headgate.services.features.feature_build import BuildOutcome
from moto import mock_aws

from tests.support.experiments import leave_outputs, run_experiment, searching
from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.reproduction_desk import ReproductionDesk
from tests.support.small_product import sensor_csv, visits_csv
from tests.support.trained_run import FAIR, GOOD, TrainedRun, build, take_in
from tests.unit.functions.conftest import CONTEXT, Load, Payload, cases, failed, message_ids, payload

RUN = "4f5c21aa0b9be3d1c1d0a54b2f7a6e3b98c7f9d2e45a0b6c8d7e1f2a3b4c5d6e"
FUNCTIONS = ("ingest", "build_features", "train", "register", "monitor", "record", "publish", "maintain")


def with_objects(platform: MemoryPlatform, event: Payload) -> Payload:
    """Puts an object for every notification, and gives the notification its VersionId."""
    days = count(1)
    for message in event["Records"]:
        try:
            records = json.loads(message["body"])["Records"]
        except (ValueError, KeyError):
            continue
        for record in (r for r in records if isinstance(r, dict) and "versionId" in r["s3"]["object"]):
            key = {
                "shops/visits/january+2024.csv": "shops/visits/january 2024.csv",
                "shops/visits/jan%2Bfeb.csv": "shops/visits/jan+feb.csv",
                "shops/visits/100%25.csv": "shops/visits/100%.csv",
                "shops/visits/caf%C3%A9+%E2%82%AC.csv": "shops/visits/café €.csv",
            }.get(record["s3"]["object"]["key"], record["s3"]["object"]["key"])
            platform.landing.put(key, visits_csv(1, days=next(days)))
            record["s3"]["object"]["versionId"] = platform.landing.version_ids(key)[-1]
        message["body"] = json.dumps({"Records": records})
    return event


@pytest.fixture
def remembered() -> Iterator[None]:
    """The table in which the train function remembers messages."""
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="idempotency",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_payload_is_a_batch_of_one_queue(function: str) -> None:
    for case in cases(function):
        event = payload(function, case)
        assert len(set(message_ids(event))) == len(event["Records"]) >= 1, case
        for message in event["Records"]:
            assert message["eventSource"] == "aws:sqs", case
            assert isinstance(message["body"], str), case


# --- ingest


def test_dropped_objects_become_a_version(empty: MemoryPlatform, load: Load) -> None:
    app = load("ingest", empty.ingest)
    assert failed(app.handler(with_objects(empty, payload("ingest", "object-created")), CONTEXT)) == []
    head = empty.catalog.dataset_head("shops", "visits")
    assert head is not None
    assert [s.key for s in head.sources] == ["shops/visits/2024-01.csv"]


def test_keys_are_decoded_and_a_burst_is_one_version(empty: MemoryPlatform, load: Load) -> None:
    app = load("ingest", empty.ingest)
    event = with_objects(empty, payload("ingest", "keys-with-special-characters"))
    assert failed(app.handler(event, CONTEXT)) == []
    (version,) = empty.catalog.dataset_versions("shops", "visits")
    assert {s.key for s in version.sources} == {
        "shops/visits/january 2024.csv",
        "shops/visits/jan+feb.csv",
        "shops/visits/100%.csv",
        "shops/visits/café €.csv",
    }


@pytest.mark.parametrize(
    ("case", "sources"), [("multipart-upload-and-copy", 2), ("two-records-in-one-message", 2)]
)
def test_every_way_to_create_an_object_counts(
    empty: MemoryPlatform, load: Load, case: str, sources: int
) -> None:
    app = load("ingest", empty.ingest)
    assert failed(app.handler(with_objects(empty, payload("ingest", case)), CONTEXT)) == []
    head = empty.catalog.dataset_head("shops", "visits")
    assert head is not None
    assert len(head.sources) == sources


@pytest.mark.parametrize("case", ["test-event", "object-removed"])
def test_what_is_no_drop_is_nothing(empty: MemoryPlatform, load: Load, case: str) -> None:
    assert failed(load("ingest", empty.ingest).handler(payload("ingest", case), CONTEXT)) == []
    assert empty.faults.effects == ()


def test_a_bucket_without_versions_is_given_back(empty: MemoryPlatform, load: Load) -> None:
    event = payload("ingest", "bucket-without-versions")
    assert failed(load("ingest", empty.ingest).handler(event, CONTEXT)) == message_ids(event)


def test_malformed_notifications_do_not_harm_the_good_one(empty: MemoryPlatform, load: Load) -> None:
    event = with_objects(empty, payload("ingest", "malformed-beside-good"))
    first, good, *others = message_ids(event)
    assert set(failed(load("ingest", empty.ingest).handler(event, CONTEXT))) == {first, *others}
    assert good not in others
    assert empty.catalog.dataset_head("shops", "visits") is not None


def test_a_failure_of_one_dataset_gives_back_its_messages_alone(empty: MemoryPlatform, load: Load) -> None:
    # Given drops into two datasets, and a catalog that breaks in an unforeseen way at the first
    event = payload("ingest", "two-records-in-one-message")
    other = payload("ingest", "object-created")["Records"][0]
    other["body"] = other["body"].replace("visits", "sensor")
    event["Records"].append(other)
    with_objects(empty, event)
    empty.landing.put("shops/sensor/2024-01.csv", sensor_csv(1))
    version = empty.landing.version_ids("shops/sensor/2024-01.csv")[-1]
    record = json.loads(other["body"])
    record["Records"][0]["s3"]["object"]["versionId"] = version
    other["body"] = json.dumps(record)
    empty.faults.fail_at("catalog.commit_version", 1, "before", KeyError("unforeseen"))
    # When the batch is handled
    response = load("ingest", empty.ingest).handler(event, CONTEXT)
    # Then the second dataset has its version
    assert failed(response) == [event["Records"][0]["messageId"]]
    assert empty.catalog.dataset_head("shops", "sensor") is not None
    assert empty.catalog.dataset_head("shops", "visits") is None


# --- build_features


def test_a_version_event_builds_features(platform: MemoryPlatform, load: Load) -> None:
    take_in(platform, 3)
    app = load("build_features", platform.build)
    assert failed(app.handler(payload("build_features", "dataset-version-committed"), CONTEXT)) == []
    assert [v.partitions for v in platform.catalog.feature_versions("shops", "visit")] == [3, 2]


def test_a_champion_that_moved_is_looked_after(platform: MemoryPlatform, load: Load) -> None:
    asked: list[str] = []

    class Noting:
        def on_alias_moved(self, product: str) -> list[BuildOutcome]:
            asked.append(product)
            return [BuildOutcome("visit", "kept")]

    app = load("build_features", Noting())
    assert failed(app.handler(payload("build_features", "alias-moved"), CONTEXT)) == []
    assert asked == ["shops"]


def test_the_end_of_a_job_is_taken_and_one_that_failed_is_given_back(
    platform: MemoryPlatform, load: Load
) -> None:
    """One of a recipe that is declared no more ends nothing; the other, of what is newest, has failed."""
    event = payload("build_features", "jobs-ended")
    declared = platform.products.get("shops").product.feature_sets["visit"]
    last = json.loads(event["Records"][-1]["body"])
    build = json.loads(last["detail"]["parameters"]["build"])
    heads = {name: platform.catalog.dataset_head("shops", name) for name in build["inputs"]}
    build |= {"recipe": declared.recipe_digest(), "inputs": {n: h.ordinal for n, h in heads.items() if h}}
    last["detail"]["parameters"]["build"] = json.dumps(build)
    event["Records"][-1]["body"] = json.dumps(last)
    response = load("build_features", platform.build).handler(event, CONTEXT)
    assert failed(response) == message_ids(event)[1:]


@pytest.mark.parametrize("case", ["two-versions-of-one-dataset", "versions-of-two-datasets"])
def test_events_of_one_batch_make_one_feature_version(
    platform: MemoryPlatform, load: Load, case: str
) -> None:
    take_in(platform, 3)
    app = load("build_features", platform.build)
    assert failed(app.handler(payload("build_features", case), CONTEXT)) == []
    assert len(platform.catalog.feature_versions("shops", "visit")) == 2


@pytest.mark.parametrize(("case", "bad"), [("unknown-product-beside-good", 1), ("malformed-beside-good", 3)])
def test_bad_version_events_do_not_harm_the_good_one(
    platform: MemoryPlatform, load: Load, case: str, bad: int
) -> None:
    take_in(platform, 3)
    event = payload("build_features", case)
    response = load("build_features", platform.build).handler(event, CONTEXT)
    assert failed(response) == message_ids(event)[:bad]
    assert len(platform.catalog.feature_versions("shops", "visit")) == 2


def test_a_failed_build_gives_back_every_message_it_was_for(platform: MemoryPlatform, load: Load) -> None:
    take_in(platform, 3)
    platform.faults.clear()
    platform.faults.fail_at("lake.upload", 1, "before", Throttled("slow down"))
    event = payload("build_features", "two-versions-of-one-dataset")
    assert failed(load("build_features", platform.build).handler(event, CONTEXT)) == message_ids(event)


def test_a_request_is_answered_beside_the_events_of_its_batch(platform: MemoryPlatform, load: Load) -> None:
    take_in(platform, 3)
    app, desk = load("build_features", platform.build), FeatureDesk(platform)
    app.__dict__["requests"] = lambda: desk.answering
    event = payload("build_features", "requests-beside-an-event")
    assert failed(app.handler(event, CONTEXT)) == message_ids(event)[:1]
    assert len(platform.catalog.feature_versions("shops", "visit")) == 2
    assert desk.report("build", "b-1")["state"] == "done"
    assert desk.report("parity", "c-1")["result"]["different"] == 0


# --- train


@pytest.mark.parametrize(
    "case", ["feature-version-built", "asked-for-by-hand", "event-and-command-of-one-run"]
)
def test_an_event_or_a_command_submits_one_run(
    untrained: MemoryPlatform, load: Load, remembered: None, case: str
) -> None:
    app = load("train", untrained.train_requests)
    assert failed(app.handler(payload("train", case), CONTEXT)) == []
    (run,) = untrained.catalog.runs("shops")
    assert run.submitted_by == ("user/alice" if case == "asked-for-by-hand" else "service/train")
    assert len(untrained.compute.submissions) == 1


def test_a_message_that_was_answered_is_not_considered_again(
    untrained: MemoryPlatform, load: Load, remembered: None
) -> None:
    app = load("train", untrained.train_requests)
    event = payload("train", "feature-version-built")
    app.handler(event, CONTEXT)
    untrained.faults.clear()
    assert failed(app.handler(event, CONTEXT)) == []
    assert untrained.faults.effects == ()


def test_bad_training_messages_do_not_harm_the_good_one(
    untrained: MemoryPlatform, load: Load, remembered: None
) -> None:
    event = payload("train", "malformed-beside-good")
    assert failed(load("train", untrained.train_requests).handler(event, CONTEXT)) == message_ids(event)[:2]
    assert len(untrained.compute.submissions) == 1


@pytest.mark.parametrize(
    ("case", "states"),
    [
        ("drift-detected", ["SUBMITTED"]),
        ("schedule", []),
        ("experiment-asked-for", ["SUBMITTED", "SUBMITTED"]),
        ("deferred", []),
    ],
)
def test_whatever_asks_for_training_is_answered(
    untrained: MemoryPlatform, load: Load, remembered: None, case: str, states: list[str]
) -> None:
    triggers = {"drift": True, "schedule": {"every_days": 7}}
    search = {"method": "grid", "space": {"rounds": [6, 7]}}
    untrained.apply_product(searching(search, triggers=triggers))
    app = load("train", untrained.train_requests)
    assert failed(app.handler(payload("train", case), CONTEXT)) == []
    assert [run.state for run in untrained.catalog.runs("shops")] == states
    sent = [message["reason"] for message in untrained.train_queue.messages]
    assert sent == (["schedule"] if case == "schedule" else [])


def test_what_asks_for_no_training_is_given_back(
    untrained: MemoryPlatform, load: Load, remembered: None
) -> None:
    event = payload("train", "what-asks-for-nothing")
    assert failed(load("train", untrained.train_requests).handler(event, CONTEXT)) == message_ids(event)


def test_an_unknown_product_is_given_back(untrained: MemoryPlatform, load: Load, remembered: None) -> None:
    event = payload("train", "unknown-product")
    assert failed(load("train", untrained.train_requests).handler(event, CONTEXT)) == message_ids(event)


# --- register


@pytest.fixture
def trained(untrained: MemoryPlatform) -> MemoryPlatform:
    """A run whose job has left a good model."""
    untrained.train.consider("shops")
    (run,) = untrained.catalog.runs("shops")
    TrainedRun(untrained, run, GOOD).write()
    return untrained


@pytest.mark.parametrize(
    ("case", "state", "seconds"),
    [
        ("job-succeeded", "REGISTERED", 36.0),
        ("job-succeeded-on-its-second-attempt", "REGISTERED", 96.0),
        ("job-failed", "FAILED", 36.0),
        ("job-out-of-memory", "FAILED", 36.0),
        ("job-running", "SUBMITTED", None),
    ],
)
def test_a_jobs_end_decides_its_run(
    trained: MemoryPlatform, load: Load, case: str, state: str, seconds: float | None
) -> None:
    (run,) = trained.catalog.runs("shops")
    app = load("register", trained.end_job)
    assert failed(app.handler(payload("register", case, **{RUN: run.digest}), CONTEXT)) == []
    (run,) = trained.catalog.runs("shops")
    assert (run.state, run.seconds) == (state, seconds)
    assert trained.catalog.alias("buys", CHAMPION) == (1 if state == "REGISTERED" else None)
    if case == "job-out-of-memory":
        assert run.reason == "exit code 137: OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize("case", ["job-of-someone-else", "job-of-an-unknown-run", "malformed"])
def test_what_is_no_run_of_this_platform_is_given_back(
    trained: MemoryPlatform, load: Load, case: str
) -> None:
    event = payload("register", case)
    assert failed(load("register", trained.end_job).handler(event, CONTEXT)) == message_ids(event)
    assert trained.faults.effects == ()


def test_a_reproduction_is_started_and_ends_with_its_job(
    load: Load, remembered: None, tmp_path: Path
) -> None:
    desk = ReproductionDesk.open(tmp_path)
    name = desk.ask()
    app = load("train", desk.platform.train)
    app.__dict__["reproductions"] = lambda: desk.running
    told = {"v1-20300101000000-r1": name, "7d2c5f3a-1b4e-4c6d-8f90-a1b2c3d4e5f1": "job-0002"}
    messages = payload("train", "reproduction-asked-for-and-its-job-failed", **told)

    assert failed(app.handler(messages, CONTEXT)) == []
    assert failed(app.handler(messages, CONTEXT)) == []

    record = desk.record(name)
    assert [s.compute_class for s in desk.platform.compute.submissions] == ["cpu", "reproduce"]
    assert record.state == "failed"
    assert "exit code 70" in record.problem


@pytest.fixture
def searched(untrained: MemoryPlatform) -> MemoryPlatform:
    """An experiment of two trials whose jobs have left their outputs."""
    untrained.apply_product(searching({"method": "grid", "space": {"rounds": [6, 7]}}))
    leave_outputs(untrained, run_experiment(untrained), [FAIR, GOOD])
    return untrained


@pytest.mark.parametrize(
    ("case", "trials"),
    [
        ("trials-ended-the-array-first", ["SUCCEEDED", "REGISTERED"]),
        ("trial-failed", ["FAILED", "REGISTERED"]),
    ],
)
def test_the_ends_of_an_arrays_jobs_end_its_experiment(
    searched: MemoryPlatform, load: Load, case: str, trials: list[str]
) -> None:
    (experiment,) = searched.catalog.experiments("shops")
    app = load("register", searched.end_job)
    event = payload("register", case, **{"e" * 64: experiment.id})
    assert failed(app.handler(event, CONTEXT)) == []
    (finished,) = searched.catalog.experiments("shops")
    assert (finished.state, finished.best_run) == ("FINISHED", finished.runs[1])
    assert [searched.catalog.run("shops", run).state for run in finished.runs] == trials
    assert searched.catalog.alias("buys", CHAMPION) == 1


def test_an_experiment_that_has_nothing_to_compute_is_looked_at(searched: MemoryPlatform, load: Load) -> None:
    (experiment,) = searched.catalog.experiments("shops")
    event = payload("register", "experiment-submitted", **{"e" * 64: experiment.id})
    assert failed(load("register", searched.end_job).handler(event, CONTEXT)) == []
    assert searched.catalog.experiments("shops")[0].state == "SUBMITTED"


def test_a_trial_of_an_unknown_experiment_is_given_back(searched: MemoryPlatform, load: Load) -> None:
    event = payload("register", "trial-of-an-unknown-experiment")
    assert failed(load("register", searched.end_job).handler(event, CONTEXT)) == message_ids(event)


# --- monitor


@pytest.mark.parametrize("case", ["feature-version-built", "alias-moved", "schedule"])
def test_an_event_or_the_schedule_observes_the_champion(
    platform: MemoryPlatform, load: Load, case: str
) -> None:
    take_in(platform, 3)
    build(platform)
    app = load("monitor", platform.monitor)
    assert failed(app.handler(payload("monitor", case), CONTEXT)) == []
    assert {r["kind"] for r in platform.catalog.reports("buys")} == {"drift", "performance"}


def test_bad_monitoring_messages_do_not_harm_the_good_one(platform: MemoryPlatform, load: Load) -> None:
    take_in(platform, 3)
    build(platform)
    event = payload("monitor", "malformed-beside-good")
    assert failed(load("monitor", platform.monitor).handler(event, CONTEXT)) == message_ids(event)[:2]
    assert len(platform.catalog.reports("buys")) == 2


# --- record


def books(platform: MemoryPlatform) -> dict[str, Any]:
    node = next(iter(platform.logs.keys("lineage/")), None)
    return {
        "decisions": [d["type"] for d in platform.ledger.decisions("shops")],
        "costs": [line.usd for line in platform.ledger.costs("shops", "2030-01")],
        "lineage": node is not None,
        "predictions": len(platform.logs.keys("predictions/")),
    }


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("access-decided", {"decisions": ["AccessDecided"]}),
        ("model-reproduced", {"decisions": ["ModelReproduced"]}),
        ("release-moved", {"decisions": ["ReleaseMoved"]}),
        ("cost-incurred", {"costs": [0.00233]}),
        ("lineage-recorded", {"lineage": True}),
        ("prediction", {"decisions": ["AccessDecided"], "predictions": 1}),
        ("feature-version-built", {}),
    ],
)
def test_every_event_is_filed_where_it_belongs(
    empty: MemoryPlatform, load: Load, case: str, expected: dict[str, Any]
) -> None:
    app = load("record", empty.record)
    for _ in range(2):
        assert failed(app.handler(payload("record", case), CONTEXT)) == []
    nothing = {"decisions": [], "costs": [], "lineage": False, "predictions": 0}
    assert books(empty) == {**nothing, **expected}


def test_bad_events_do_not_harm_the_good_one(empty: MemoryPlatform, load: Load) -> None:
    event = payload("record", "malformed-beside-good")
    assert failed(load("record", empty.record).handler(event, CONTEXT)) == message_ids(event)[:4]
    assert books(empty)["costs"] == [0.00233]


def test_failures_are_logged_without_the_message(
    empty: MemoryPlatform, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    load("record", empty.record).handler(payload("record", "malformed-beside-good"), CONTEXT)
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.err.splitlines() if line.startswith("{")]
    assert len([line for line in lines if line["level"] == "ERROR"]) == 4
    assert all(line["message_id"] for line in lines)
    assert "visit_id" not in told.err
    assert '"MessagesFailed":[1.0,1.0,1.0,1.0]' in told.out.replace(" ", "")
