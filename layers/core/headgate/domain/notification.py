"""What queues deliver, as domain values. This is the one place where S3 keys are decoded, and encoded."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from headgate.domain.dataset import Drop
from headgate.domain.errors import InvalidRequest
from headgate.domain.events import DomainEvent
from headgate.domain.external_object import ImportRequest, import_of
from headgate.domain.feature_request import FeatureRequest
from headgate.domain.published_table import PublishRequest, publish_of

REPLAY = "headgateReplay"
"""Stands in a notification that the control plane sent: S3 has no such field."""
_OF_A_PREDICTION = frozenset(
    ["prediction", "product", "model", "version", "alias", "time", "features", "part", "rows", "count"]
)


def drops_of(message_id: str, body: str) -> list[Drop]:
    """The dropped objects of one S3 notification; none for S3's own test event. Raises InvalidRequest on
    anything else.
    """
    document = _document(body)
    if document.get("Event") == "s3:TestEvent":
        return []
    records = document.get("Records")
    if not isinstance(records, list):
        raise InvalidRequest("the message is no S3 notification")
    return [drop for record in records if (drop := _drop(message_id, record)) is not None]


def import_request(message_id: str, body: str) -> ImportRequest | None:
    """The import that the control plane or the worker itself sent, or None for any other message."""
    return import_of(message_id, _document(body))


def feature_request(body: str) -> FeatureRequest | None:
    """The request of the control plane in a message, or None for an event. Raises InvalidRequest."""
    document = _document(body)
    return None if "detail-type" in document else FeatureRequest.from_message(document)


def publish_request(body: str) -> PublishRequest:
    """The request in a message: the control plane's, or what a version's event asks for. Raises
    InvalidRequest.
    """
    asked = publish_of(_document(body))
    if asked is not None:
        return asked
    fact = bus_event(body)
    dataset = fact.detail.get("dataset")
    if not isinstance(dataset, str) or not dataset:
        raise InvalidRequest(f"the event {fact.type} {fact.id} is of no dataset")
    return PublishRequest(fact.product, dataset)


def replay_of(drop: Drop) -> dict[str, Any]:
    """The notification that `drops_of` reads as ``drop``, with the quarantine id it answers."""
    entry = {"key": quote_plus(drop.key, safe="/"), "versionId": drop.version_id, "size": drop.size}
    record = {
        "eventName": "ObjectCreated:Replay",
        "s3": {"bucket": {"name": drop.bucket}, "object": entry},
        REPLAY: {"quarantine_id": drop.quarantine_id, "requested_by": drop.requested_by},
    }
    return {"Records": [record]}


def _drop(message_id: str, record: Any) -> Drop | None:
    """None for what is no creation."""
    try:
        if not record["eventName"].startswith("ObjectCreated:"):
            return None
        entry, replay = record["s3"]["object"], record.get(REPLAY, {})
        return Drop(
            bucket=_text(record["s3"]["bucket"]["name"]),
            key=unquote_plus(_text(entry["key"])),
            version_id=_text(entry["versionId"]),
            size=int(entry.get("size", 0)),
            message_id=message_id,
            quarantine_id=_text(replay["quarantine_id"]) if replay else "",
            requested_by=_text(replay["requested_by"]) if replay else "",
        )
    except KeyError as missing:
        raise InvalidRequest(f"the S3 notification has no {missing}; is the bucket versioned?") from missing
    except (AttributeError, TypeError, ValueError) as malformed:
        raise InvalidRequest(f"the S3 notification is malformed: {malformed}") from malformed


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text is needed")
    return value


def bus_event(body: str) -> DomainEvent:
    """The domain event in an EventBridge message. Raises InvalidRequest when it is none."""
    document = _document(body)
    kind, detail = document.get("detail-type"), document.get("detail")
    if (
        not isinstance(kind, str)
        or not isinstance(detail, dict)
        or not all(isinstance(detail.get(name), str) and detail[name] for name in ("product", "id", "time"))
    ):
        raise InvalidRequest("the message is no event of this platform's bus")
    return DomainEvent.from_detail(kind, detail)


def job_change(body: str) -> Mapping[str, Any]:
    """The detail of an AWS Batch job state change. Raises InvalidRequest when it is none."""
    document = _document(body)
    if document.get("detail-type") != "Batch Job State Change" or not isinstance(
        document.get("detail"), dict
    ):
        raise InvalidRequest("the message is no Batch job state change")
    found: Mapping[str, Any] = document["detail"]
    return found


def is_job_change(body: str) -> bool:
    """True for an AWS Batch job state change."""
    return _document(body).get("detail-type") == "Batch Job State Change"


def maintenance(body: str, kinds: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """The kind and the document of a command to the function that maintains. Raises InvalidRequest for any
    other kind.
    """
    document = _document(body)
    kind = document.get("kind")
    if kind not in kinds:
        raise InvalidRequest(f"the message is no command of {', '.join(kinds)}; its kind is {kind!r}")
    return str(kind), document


def is_scheduled(body: str) -> bool:
    """True for a message that a schedule rule sent."""
    return _document(body).get("detail-type") == "Scheduled Event"


def command(body: str) -> Mapping[str, Any] | None:
    """A command of the control plane (a JSON object with ``product`` and ``reason``), or None for a bus
    event.
    """
    document = _document(body)
    if "detail-type" in document or "product" not in document:
        return None
    if not isinstance(document["product"], str) or not isinstance(document.get("principal", ""), str):
        raise InvalidRequest("the command's product and principal must be texts")
    return document


def prediction_message(body: str) -> Mapping[str, Any] | None:
    """One part of the prediction log (`headgate.services.serving.prediction_log`), or None for a bus event.

    Raises InvalidRequest when it is neither.
    """
    document = _document(body)
    if "detail-type" in document or "prediction" not in document:
        return None
    missing = sorted(_OF_A_PREDICTION - set(document))
    if missing or not isinstance(document["rows"], list):
        raise InvalidRequest(f"the prediction message has no {', '.join(missing) or 'list of rows'}")
    return document


def _document(body: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise InvalidRequest(f"the message is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequest("the message is no JSON object")
    return document
