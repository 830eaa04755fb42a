"""The EventBus port over one EventBridge bus."""

from collections.abc import Iterator, Sequence
from typing import Any

from headgate.adapters import documents
from headgate.adapters.aws.errors import BY_CODE, translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.errors import PermissionMissing, StateUnknown, Throttled
from headgate.domain.events import SOURCE, DomainEvent

ENTRIES = 10


class EventBridgeBus:
    """Publishes to the bus of this name or ARN, in order. Repeats are harmless: events have ids."""

    def __init__(self, clients: AwsClients, bus: str) -> None:
        self._clients = clients
        self._bus = bus

    def publish(self, events: Sequence[DomainEvent]) -> None:
        for group in _groups([self._entry(event) for event in events]):
            with translated(f"publishing to {self._bus}", write=True):
                answer = self._clients.client("events").put_events(Entries=group)
            if answer["FailedEntryCount"]:
                self._fail(group, answer["Entries"])

    def _entry(self, event: DomainEvent) -> dict[str, str]:
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": documents.event_detail(event),
        }

    def _fail(self, group: list[dict[str, str]], results: list[dict[str, Any]]) -> None:
        refused = [
            (entry["DetailType"], str(result["ErrorCode"]))
            for entry, result in zip(group, results, strict=True)
            if result.get("ErrorCode")
        ]
        listed = ", ".join(f"{kind}: {code}" for kind, code in refused)
        message = (
            f"publishing to {self._bus}: {len(refused)} of {len(group)} events were not taken ({listed})"
        )
        kinds = {BY_CODE.get(code) for _, code in refused}
        if kinds == {Throttled}:
            raise Throttled(message)
        if kinds == {PermissionMissing}:
            raise PermissionMissing(message)
        raise StateUnknown(message)


def _size(entry: dict[str, str]) -> int:
    """What EventBridge counts of an entry."""
    return sum(len(entry[part].encode("utf-8")) for part in ("Source", "DetailType", "Detail"))


def _groups(entries: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Runs of at most ten entries and 256 KB."""
    group: list[dict[str, str]] = []
    size = 0
    for entry in entries:
        if group and (len(group) == ENTRIES or size + _size(entry) > documents.MOST_EVENT_BYTES):
            yield group
            group, size = [], 0
        group.append(entry)
        size += _size(entry)
    if group:
        yield group
