"""What queues deliver: keys decoded once, and malformed messages refused, never half read."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.notification import (
    bus_event,
    command,
    drops_of,
    is_scheduled,
    job_change,
    prediction_message,
)
from hypothesis import given, settings
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "object", "key", "bucket", "eventName", "detail", "product", "id"]
            )
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
READERS = (lambda body: drops_of("m", body), bus_event, job_change, is_scheduled, command, prediction_message)


def notification(key: str = "shops/visits/1.csv", **changes: Any) -> dict[str, Any]:
    entry = {"key": key, "size": 7, "eTag": "e", "versionId": "v-1", "sequencer": "1", **changes}
    entry = {name: value for name, value in entry.items() if value is not ...}
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "landing"}, "object": entry}}
    return {"Records": [record]}


@pytest.mark.parametrize(
    ("on_the_wire", "key"),
    [
        ("shops/visits/a.csv", "shops/visits/a.csv"),
        ("shops/visits/a+b.csv", "shops/visits/a b.csv"),
        ("shops/visits/a%2Bb.csv", "shops/visits/a+b.csv"),
        ("shops/visits/100%25.csv", "shops/visits/100%.csv"),
        ("shops/visits/%2525.csv", "shops/visits/%25.csv"),
        ("shops/visits/caf%C3%A9.csv", "shops/visits/café.csv"),
        ("shops/visits/%E2%82%AC+%2B+%25.csv", "shops/visits/€ + %.csv"),
        ("shops/visits/a%2Fb.csv", "shops/visits/a/b.csv"),
    ],
)
def test_a_key_is_decoded_as_s3_encoded_it(on_the_wire: str, key: str) -> None:
    (drop,) = drops_of("m-1", json.dumps(notification(on_the_wire)))
    assert (drop.bucket, drop.key, drop.version_id, drop.size, drop.message_id) == (
        "landing",
        key,
        "v-1",
        7,
        "m-1",
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
@settings(deadline=None)
def test_any_key_survives_its_encoding(key: str) -> None:
    (drop,) = drops_of("m", json.dumps(notification(quote_plus(key, safe="/"))))
    assert drop.key == key


def test_s3s_own_test_message_holds_no_drop() -> None:
    assert (
        drops_of("m", json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "landing"}))
        == []
    )


def test_what_is_no_creation_is_passed_over() -> None:
    message = notification()
    message["Records"] *= 2
    message["Records"][0] = {**message["Records"][0], "eventName": "ObjectRemoved:Delete"}
    assert len(drops_of("m", json.dumps(message))) == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (notification(versionId=...), "no 'versionId'; is the bucket versioned?"),
        (notification(versionId=None), "malformed"),
        (notification(key=""), "malformed"),
        (notification(size="many"), "malformed"),
        ({"Records": ["ObjectCreated:Put"]}, "malformed"),
        ({"Records": [None]}, "malformed"),
        ({"Records": [{"eventName": 5}]}, "malformed"),
        ({"Records": [{"eventName": "ObjectCreated:Put", "s3": None}]}, "malformed"),
        ({"Records": [{}]}, "no 'eventName'"),
        ({"Records": {}}, "no S3 notification"),
        ({}, "no S3 notification"),
        ([], "no JSON object"),
    ],
)
def test_a_malformed_notification_is_refused(message: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=".") as refused:
        drops_of("m", json.dumps(message))
    assert reason in str(refused.value)


@pytest.mark.parametrize("body", ["", "no JSON", "{", "\x00", "5", "null", '"text"'])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_json_object_is_refused_by_every_reader(reader: Any, body: str) -> None:
    with pytest.raises(InvalidRequest):
        reader(body)


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_any_document_is_read_or_refused(document: Any) -> None:
    for reader in READERS:
        try:
            reader(json.dumps(document))
        except InvalidRequest as refused:
            assert str(refused)


DETAIL = {"product": "shops", "id": "i-1", "time": "2030-01-01T00:00:00.000Z", "rows": 5}


def test_an_event_is_its_type_and_detail() -> None:
    event = bus_event(json.dumps({"detail-type": "DatasetVersionCommitted", "detail": DETAIL}))
    assert (event.type, event.product, event.id, event.detail) == (
        "DatasetVersionCommitted",
        "shops",
        "i-1",
        {"rows": 5},
    )
    assert event.to_detail() == DETAIL


@pytest.mark.parametrize(
    "document",
    [
        {"detail": DETAIL},
        {"detail-type": "X"},
        {"detail-type": "X", "detail": []},
        {"detail-type": "X", "detail": {**DETAIL, "product": None}},
        {"detail-type": "X", "detail": {**DETAIL, "id": 5}},
        {"detail-type": "X", "detail": {**DETAIL, "time": ""}},
    ],
)
def test_what_is_no_event_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="no event"):
        bus_event(json.dumps(document))


def test_a_command_is_told_from_an_event() -> None:
    assert command(json.dumps({"product": "shops", "reason": "manual"})) == {
        "product": "shops",
        "reason": "manual",
    }
    assert command(json.dumps({"detail-type": "FeatureVersionBuilt", "product": "shops"})) is None
    with pytest.raises(InvalidRequest, match="must be texts"):
        command(json.dumps({"product": ["shops"]}))


def test_a_schedule_is_told_from_an_event() -> None:
    assert is_scheduled(json.dumps({"detail-type": "Scheduled Event", "detail": {}}))
    assert not is_scheduled(json.dumps({"detail-type": "AliasMoved", "detail": DETAIL}))


def test_a_prediction_is_told_from_an_event() -> None:
    whole = dict.fromkeys(
        ("prediction", "product", "model", "version", "alias", "time", "features", "part", "count"), "x"
    )
    assert prediction_message(json.dumps({**whole, "rows": []}))
    assert prediction_message(json.dumps({"detail-type": "X", "detail": DETAIL})) is None
    with pytest.raises(InvalidRequest, match="has no rows"):
        prediction_message(json.dumps(whole))
    with pytest.raises(InvalidRequest, match="no list of rows"):
        prediction_message(json.dumps({**whole, "rows": {}}))


def test_only_a_job_change_is_a_job_change() -> None:
    detail = {"jobId": "j", "status": "SUCCEEDED"}
    assert job_change(json.dumps({"detail-type": "Batch Job State Change", "detail": detail})) == detail
    with pytest.raises(InvalidRequest, match="no Batch job state change"):
        job_change(json.dumps({"detail-type": "Batch Job Queue Blocked", "detail": detail}))
