"""What the ingest queue delivers, by the payloads in events/ingest."""

import json
from pathlib import Path
from typing import Any

import pytest
from headgate.domain.dataset import Drop, quarantine_name
from headgate.domain.errors import InvalidRequest
from headgate.domain.notification import drops_of, is_job_change, job_change, replay_of
from headgate.services.ingestion.hand_over_drop import failed_drop

EVENTS = Path(__file__).resolve().parents[3] / "events" / "ingest"
BUCKET = "headgate-landing-123456789012-eu-west-1"


def message(case: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EVENTS / f"{case}.json").read_text(encoding="utf-8"))
    (found,) = document["Records"]
    return dict(found)


def drops(case: str) -> list[Drop]:
    found = message(case)
    return drops_of(found["messageId"], found["body"])


def test_a_drop_has_its_decoded_key_and_its_size() -> None:
    (drop,) = drops("drop")
    assert (drop.bucket, drop.key, drop.size) == (BUCKET, "flights/flights/2013 01+é.csv", 2_500_000)
    assert (drop.quarantine_id, drop.requested_by) == ("", "")


def test_a_replay_says_what_it_answers_and_who_asked() -> None:
    (drop,) = drops("replay")
    assert drop.key == "flights/flights/bad file+é.csv"
    assert (drop.quarantine_id, drop.requested_by) == ("0123456789abcdef01234567", "user/alice")


@pytest.mark.parametrize("key", ["a/b/c.csv", "a/b/ü + %25 &=?#.csv", "a/b/back\\slash", "a/b//double"])
def test_a_replay_comes_back_as_it_was_sent(key: str) -> None:
    drop = Drop(BUCKET, key, "v-1", 12, "m-1", "q-1", "user/alice")
    assert drops_of("m-1", json.dumps(replay_of(drop))) == [drop]


def test_s3_says_hello_with_an_event_that_holds_no_drop() -> None:
    assert drops("test-event") == []


def test_a_failed_job_names_its_drop_and_why() -> None:
    body = message("job-failed")["body"]
    assert is_job_change(body)
    drop, reason = failed_drop(job_change(body))
    assert (drop.key, drop.size) == ("flights/flights/2013 all+é.csv", 31_000_000_000)
    assert reason.startswith("Essential container in task exited (exit code 137, job 4c7599ae")


@pytest.mark.parametrize("parameters", [None, {}, {"run_spec": "s3://b/k"}, {"drop": "none"}, {"drop": "[]"}])
def test_a_job_that_took_in_no_drop_is_refused(parameters: Any) -> None:
    with pytest.raises(InvalidRequest, match="no ingest job|no drop"):
        failed_drop({"jobId": "j", "parameters": parameters})


def test_anything_else_is_refused() -> None:
    found = message("something-else")
    assert not is_job_change(found["body"])
    with pytest.raises(InvalidRequest, match="no S3 notification"):
        drops("something-else")


def test_every_payload_is_there() -> None:
    told = {"drop", "replay", "test-event", "job-failed", "something-else"}
    assert told <= {path.stem for path in EVENTS.glob("*.json")}


def test_one_object_version_has_one_quarantine_id() -> None:
    one, again = (Drop(BUCKET, "p/d/f", "v-1", size, f"m-{size}") for size in (1, 2))
    assert quarantine_name(one.identity) == quarantine_name(again.identity)
    assert one.identity != Drop(BUCKET, "p/d/f", "v-2", 1, "m").identity
