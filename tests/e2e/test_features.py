"""A feature set's life on the deployed platform, told with the command; each goes on from the one before.

Builds follow drops by themselves; where a test asks what a build would make, a drop's message is held back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate import client
from headgate.domain.entity_key import entity_key
from headgate.domain.online_space import online_spaces
from headgate.domain.product import Product

from tests.e2e import kiosks
from tests.e2e.command_line import CommandLine
from tests.e2e.stack import Stack
from tests.e2e.traces import holding
from tests.e2e.waiting import eventually
from tests.support.small_product import sensor_csv, visits_csv

PRODUCT, SET = kiosks.PRODUCT, kiosks.SET
LAST = "2024-01-28T12:00:00.000Z"


@pytest.fixture(scope="module")
def alice(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """January is dropped and built. No build waits for more drops to come."""
    stack.api("alice").apply_product(PRODUCT, kiosks.bundle())
    with kiosks.queue_with(stack, DelaySeconds=0):
        kiosks.drop(stack, prices=kiosks.prices(), sensor=sensor_csv(1), visits=kiosks.january())
        eventually("the first version", lambda: kiosks.newest(stack), kiosks.SECONDS)
        yield CommandLine(stack, "alice", tmp_path_factory.mktemp("alice"), PRODUCT)


# --- versions and builds


def test_drops_become_a_version_that_is_listed(alice: CommandLine) -> None:
    (version,) = alice("features", "list")["features"]

    assert (version["feature_set"], version["ordinal"], version["rows"]) == (SET, 1, kiosks.JANUARY)
    assert version["input_ordinals"] == {"prices": 1, "sensor": 1, "visits": 1}
    assert version["built"] == version["steps"] > 28
    assert {view: found["different"] for view, found in version["parity"].items()} == {
        "sensor_now": 0,
        "recent": 0,
    }


def test_a_version_is_shown_with_its_views_tests_and_statistics(alice: CommandLine) -> None:
    shown = alice("features", "show", "v1")

    views = {view["name"]: view for view in shown["views"]}
    assert set(views) == {"visit", "sensor_now", "recent", "change", "catalogue"}
    assert {name for name, view in views.items() if view["online"]} == {"sensor_now", "recent"}
    assert {n: v["whole_because"] for n, v in views.items() if v["whole_because"]} == {
        "catalogue": "it has no event_time that would say which partition a row is in"
    }
    passed = {
        name: {test["name"] for test in view["tests"] if test["passed"]} for name, view in views.items()
    }
    assert passed == {
        **{name: {"window", "leak"} for name in ("visit", "sensor_now", "recent", "change")},
        "catalogue": set(),
    }
    size = next(c for c in shown["columns"] if c["name"] == "double_size")["statistics"]
    assert (size["rows"], size["nulls"], size["minimum"] % 2) == (kiosks.JANUARY, 0, 0)


def test_people_are_told_a_version_in_tables(alice: CommandLine) -> None:
    told = [" ".join(line.split()) for line in alice.run("features", "show").stdout.splitlines()]

    assert told[0] == f"{SET} v1 of {PRODUCT}"
    assert any(line.startswith("recent ") and "2 of 2: window, leak by partitions" in line for line in told)
    assert any(line.startswith("catalogue ") and "whole: it has no event_time" in line for line in told)


def test_nothing_is_planned_or_built_of_the_same_inputs(alice: CommandLine) -> None:
    assert alice("features", "plan")["unchanged"] == 1
    assert alice("features", "build", "--wait")["result"]["outcome"] == "unchanged"


def test_after_a_drop_only_what_it_touches_is_planned_and_built(alice: CommandLine, stack: Stack) -> None:
    with kiosks.queue_with(stack, DelaySeconds=20):
        kiosks.drop(stack, visits=visits_csv(2))
        plan = alice("features", "plan")

    assert plan["unchanged"] is None
    assert kiosks.planned(plan) == {"visit": ["2024-02"], "training": ["2024-02"]}
    assert plan["total"]["to_build"] == 2 < plan["total"]["partitions"]
    assert {stage["kind"] for stage in plan["stages"]} == {"function"}
    assert plan["total"]["bytes"] > 0 < plan["total"]["usd"]
    # When it is built, then what was planned is made
    result = alice("features", "build", "--wait")["result"]
    assert (result["outcome"], result["version"], result["built"]) == ("built", 2, 2)
    assert result["steps"] == plan["total"]["partitions"]
    assert alice("features", "plan")["unchanged"] == 2


# --- online rows


def test_an_online_row_is_usable_stale_or_not_there(alice: CommandLine) -> None:
    soon, later = (
        alice("features", "get", "sensor_now", "north", "--at", at)
        for at in ("2024-01-28T13:00:00Z", "2024-02-01T13:00:00Z")
    )
    assert (soon["usable"], soon["event_time"], soon["values"]) == (True, LAST, {"warmth": 28.12})
    assert (later["usable"], later["values"]) == (False, {"warmth": 28.12})
    assert later["age_seconds"] > later["max_age_seconds"]
    none = alice("features", "get", "sensor_now", "west")
    assert (none["usable"], none["why"], none["values"]) == (False, "there is no row", None)


def test_all_online_rows_are_compared_and_equal(alice: CommandLine) -> None:
    result = alice("features", "parity")["result"]

    assert (result["checked"], result["different"]) == (4, 0)
    assert {view["view"]: view["equal"] for view in result["views"]} == {"sensor_now": 2, "recent": 2}


def test_a_planted_difference_is_found_and_named(alice: CommandLine, stack: Stack) -> None:
    dynamodb, table = stack.administrator("dynamodb"), stack.outputs["OnlineTableName"]
    declared = Product.from_document(kiosks.bundle()).feature_sets[SET]
    place = online_spaces(declared)["sensor_now"]
    key = {"pk": {"S": f"{PRODUCT}#{place}#{entity_key(['south'])}"}}
    before = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item={**before, "values": {"S": '{"warmth": 99.5}'}})

    told = alice.run("features", "parity")
    dynamodb.put_item(TableName=table, Item=before)

    assert told.returncode == 1
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "south warmth 28.12 99.5" in lines, told.stdout
    assert f"✗ 1 of 4 differ from {SET} v2" in lines


def test_a_rollback_takes_the_newest_online_row_back(alice: CommandLine, stack: Stack) -> None:
    kiosks.drop(stack, sensor=kiosks.reading("2024-01-28 20:00:00", 99.0))
    eventually("the new reading online", lambda: kiosks.warmth(stack) == 99.0, kiosks.SECONDS)

    alice("data", "rollback", "sensor", "v1", "--reason", "a broken sensor")

    eventually("the reading before", lambda: kiosks.warmth(stack) == 28.12, kiosks.SECONDS)
    assert alice("features", "get", "sensor_now", "north")["event_time"] == LAST
    eventually("its version", lambda: kiosks.newest(stack)["input_ordinals"]["sensor"] == 3, kiosks.SECONDS)
    assert alice("features", "parity")["result"]["different"] == 0


# --- training sets


# --- garbage


def test_what_no_kept_version_needs_is_collected_and_the_newest_is_whole(
    alice: CommandLine, stack: Stack
) -> None:
    # Given versions that were replaced, longer ago than the grace of this platform
    versions = alice("features", "list")["features"]
    newest = versions[0]["ordinal"]
    assert len(versions) > 1
    keep = ("--keep-last", "1", "--keep-days", "0", "--grace-hours", "0")

    # When people look, and then collect
    would = alice("features", "gc", SET, "--dry-run", *keep)
    done = alice("features", "gc", SET, *keep)

    # Then what only those needed is gone
    assert (would["deleted"], would["given_up"]) == (0, len(versions) - 1)
    assert (done["state"], done["given_up"], done["kept"]) == (
        "done",
        len(versions) - 1,
        [{"ordinal": newest, "reason": "the newest"}],
    )
    assert done["deleted"] == done["objects"] >= would["objects"] > 0
    assert "was collected as garbage" in str(alice.refused("features", "show", "v1"))
    # and the newest is what it was
    assert alice("features", "show", "latest")["ordinal"] == newest
    assert alice("features", "parity")["result"]["different"] == 0
    assert alice("features", "plan")["total"]["to_build"] == 0
    collections = alice("features", "collections", SET)["collections"]
    assert [each["dry_run"] for each in collections] == [False, True]


def test_a_training_set_is_the_rows_of_the_version(alice: CommandLine, stack: Stack, tmp_path: Path) -> None:
    out = tmp_path / "visits.parquet"

    told = alice("dataset", "training-set", SET, "--out", str(out))

    rows, both = pq.read_table(out), kiosks.JANUARY + kiosks.FEBRUARY
    assert (told["rows"], rows.num_rows) == (both, both)
    assert rows.to_pylist() == kiosks.stored_rows(stack).to_pylist()
    alice("dataset", "training-set", SET, "--to", "2024-02-01", "--out", str(out))
    assert pq.read_table(out).to_pylist() == rows.slice(0, kiosks.JANUARY).to_pylist()


def test_labels_in_a_file_come_back_with_what_was_known(alice: CommandLine, tmp_path: Path) -> None:
    labels, out = tmp_path / "mine.csv", tmp_path / "mine.parquet"
    labels.write_text("shop,visited_at,mine\nsouth,2024-01-09 12:30:00,1\nnorth,2024-01-03 09:00:00,2\n")

    told = alice("dataset", "training-set", SET, "--labels", str(labels), "--out", str(out))

    rows = pq.read_table(out).select(["shop", "mine", "warmth"]).to_pylist()
    assert rows == [
        {"shop": "south", "mine": 1, "warmth": 9.12},
        {"shop": "north", "mine": 2, "warmth": 2.12},
    ]
    assert told["notes"] == ["the features of asked are left out: the labels lack size, visit_id"]


def test_files_that_are_not_what_the_version_names_are_refused(
    alice: CommandLine, stack: Stack, tmp_path: Path
) -> None:
    s3, bucket = stack.administrator("s3"), stack.outputs["LakeBucketName"]
    files = stack.api("alice").get(f"/products/{PRODUCT}/features/{SET}/versions/latest/files")
    key = f"{PRODUCT}/features/{SET}/data/{files['partitions'][0]['sha256']}.parquet"
    planted = s3.put_object(Bucket=bucket, Key=key, Body=b"PAR1 something else")["VersionId"]

    refused = alice.refused("dataset", "training-set", SET, "--out", str(tmp_path / "visits.parquet"))
    s3.delete_object(Bucket=bucket, Key=key, VersionId=planted)

    assert "do not use them" in refused["error"]
    assert not list(tmp_path.iterdir())


def test_python_joins_labels_of_the_readers_own(alice: CommandLine, stack: Stack) -> None:
    environ = {"HEADGATE_API_URL": stack.state.api_url, "HEADGATE_TOKEN": stack.token("alice")}
    reader = client.connect(PRODUCT, folder=alice.folder, environ=environ)
    rows = reader.training_set(SET).to_arrow()
    asked = rows.select(["visit_id", "visited_at", "shop", "size"]).take([150, 3, 77])
    labels = asked.append_column("mine", pa.array([1, 2, 3]))

    joined = reader.training_set(SET, labels=labels).to_arrow()

    assert joined.column("mine").to_pylist() == [1, 2, 3]
    features = [name for name in rows.column_names if name != "bought"]
    assert joined.select(features).to_pylist() == rows.take([150, 3, 77]).select(features).to_pylist()


# --- who may


@pytest.mark.parametrize(
    "line",
    [
        ("features", "show"),
        ("features", "plan"),
        ("features", "parity"),
        ("features", "get", "sensor_now", "north"),
        ("dataset", "training-set", SET, "--out", "none.parquet"),
    ],
    ids=lambda line: line[1],
)
def test_who_may_not_read_features_is_refused(
    alice: CommandLine, stack: Stack, line: tuple[str, ...]
) -> None:
    refused = CommandLine(stack, "bob", alice.folder, PRODUCT).refused(*line)

    assert (refused["status"], refused["statement"]) == (403, f"{PRODUCT}#ScientistsSeeNoRows")


# --- an erasure, and a view that knows the future


def test_an_erased_subject_is_nowhere_in_features(alice: CommandLine, stack: Stack) -> None:
    everywhere = {"data", "memo", "statistics"}
    assert kiosks.holding_folders(stack, kiosks.GUESTS_SHOP) == everywhere

    subject = ("--key", f"visit_id={kiosks.GUEST}", "--reason", "asked by the guest")
    record = alice("data", "erase", "visits", *subject)

    def gone() -> bool:
        return not any(holding(stack, PRODUCT, value) for value in (kiosks.GUEST, kiosks.GUESTS_SHOP))

    assert record["state"] == "erased"
    assert gone()
    left = kiosks.JANUARY + kiosks.FEBRUARY - 1
    eventually("a version without it", lambda: kiosks.newest(stack)["rows"] == left, kiosks.SECONDS)
    assert gone()
    assert kiosks.holding_folders(stack, "south") == everywhere


def test_a_view_that_knows_the_future_makes_no_version(alice: CommandLine, stack: Stack) -> None:
    before, leak = kiosks.newest(stack), "view peek: feature soon of"
    stack.api("alice").apply_product(PRODUCT, kiosks.bundle(leaky=True))
    # When it is asked for, then who asks is told why
    report = alice.refused("features", "build", "--wait")
    assert (report["state"], report["problem"].startswith(leak)) == ("failed", True), report
    assert "changes when sensor.warmth changes after it was known" in report["problem"]
    # When a drop brings it about, then the operator finds it in the log and among what was given up
    stack.drained("Feature")
    with kiosks.queue_with(stack, VisibilityTimeout=1):
        kiosks.drop(stack, sensor=kiosks.reading("2024-01-28 21:00:00", 21.5))
        eventually("the message given up", lambda: stack.given_up().get("Feature"), kiosks.SECONDS)
    assert any(line.failed and leak in line.message for line in stack.log("build_features"))
    assert kiosks.newest(stack) == before


def test_with_the_view_repaired_the_message_makes_the_version(alice: CommandLine, stack: Stack) -> None:
    stack.api("alice").apply_product(PRODUCT, kiosks.bundle())
    sqs, dlq = stack.administrator("sqs"), stack.outputs["FeatureDlqUrl"]
    (letter,) = sqs.receive_message(QueueUrl=dlq)["Messages"]
    sqs.send_message(QueueUrl=stack.outputs["FeatureQueueUrl"], MessageBody=letter["Body"])
    sqs.delete_message(QueueUrl=dlq, ReceiptHandle=letter["ReceiptHandle"])

    eventually("the new reading online", lambda: kiosks.warmth(stack) == 21.5, kiosks.SECONDS)

    stack.drained("Feature")
    assert stack.given_up() == {}
