"""The online table: the newest feature row of each key, under ``<product>#<space>#<entity key>``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import (
    PK_BYTES,
    Delete,
    Put,
    Table,
    Write,
    chunks,
    clipped,
    marshal,
    number,
    pause,
    text,
    unmarshal,
)
from headgate.adapters.aws.errors import failed_conditions, translated
from headgate.domain.errors import Conflict, InvalidRequest, Throttled
from headgate.ports import Clock, OnlineRow

READ_KEYS = 100
READ_ATTEMPTS = 6
WRITE_ROWS = 100
WRITE_BYTES = 3_000_000
WRITERS = 4
PATIENCE = 12
"""Attempts of one transaction, about 14 s: a table that grows its capacity takes its time."""
ROW_BYTES = 400 * 1024
"""What DynamoDB takes in one item, names and values together."""
DELETE_BYTES = 2 * PK_BYTES
NEWER_OR_EQUAL = "attribute_not_exists(#pk) OR #event_time <= :event_time"
STILL_THAT = "attribute_not_exists(#pk) OR #event_time = :event_time"


class DynamoOnlineStore:
    """The OnlineStore port. Expired rows stay until DynamoDB removes them: readers check event times."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def write(self, rows: Sequence[OnlineRow]) -> int:
        """Transactions of up to 100 rows, four at a time: 5,000 rows are 50 requests, not 5,000."""
        return self._write((_put(row), _size(row)) for row in documents.newest_rows(rows).values())

    def read(
        self, product: str, keys: Sequence[tuple[str, str]], written: bool = False
    ) -> Mapping[tuple[str, str], OnlineRow]:
        names = {_pk(product, space, key): (space, key) for space, key in keys}
        wanted = list(names)
        found: dict[tuple[str, str], OnlineRow] = {}
        for start in range(0, len(wanted), READ_KEYS):
            for item in self._read_group(wanted[start : start + READ_KEYS], written):
                space, key = names[item["pk"]["S"]]
                found[space, key] = _row(product, space, key, item)
        return found

    def rows(self, product: str) -> Iterator[OnlineRow]:
        prefix = f"{product}#"
        request: dict[str, Any] = {
            "TableName": self._table.name,
            "FilterExpression": "begins_with(pk, :prefix)",
            "ExpressionAttributeValues": marshal({":prefix": prefix}),
            "ConsistentRead": True,
        }
        while True:
            page = self._page(request)
            for item in page["Items"]:
                space, _, key = str(item["pk"]["S"]).removeprefix(prefix).partition("#")
                yield _row(product, space, key, item)
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def remove(self, product: str, keys: Sequence[tuple[str, str]]) -> None:
        names = dict.fromkeys(_pk(product, space, key) for space, key in keys)
        self._write((Delete({"pk": pk}), DELETE_BYTES) for pk in names)

    def take_back(self, product: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Conditional deletes: what is there by now may be newer. Of one key the last is meant."""
        named = {_pk(product, space, key): event_time for space, key, event_time in rows}
        self._write(
            (Delete({"pk": pk}, STILL_THAT, {":event_time": event_time}), DELETE_BYTES)
            for pk, event_time in named.items()
        )

    def _write(self, writes: Iterable[tuple[Write, int]]) -> int:
        groups = chunks(writes, WRITE_ROWS, WRITE_BYTES)
        with ThreadPoolExecutor(WRITERS) as pool:
            return sum(pool.map(self._write_group, groups))

    def _write_group(self, writes: list[Write]) -> int:
        """Rows whose condition does not hold are left out, one by one as they are found."""
        while writes:
            try:
                self._table.write(writes, PATIENCE)
                return len(writes)
            except Conflict as conflict:
                failed = set(failed_conditions(conflict))
                if not failed:
                    raise
                writes = [write for position, write in enumerate(writes) if position not in failed]
        return 0

    def _page(self, request: Mapping[str, Any]) -> dict[str, Any]:
        for attempt in range(PATIENCE):
            try:
                with translated(f"scanning {self._table.name}", write=False):
                    return dict(self._table.client.scan(**request))
            except Throttled:
                pause(self._clock, attempt)
        raise Throttled(f"scanning {self._table.name}: throttled {PATIENCE} times")

    def _read_group(self, keys: list[str], written: bool) -> list[dict[str, Any]]:
        """One request, and more only for what DynamoDB left unprocessed."""
        name = self._table.name
        wanted = [marshal({"pk": key}) for key in keys]
        request: dict[str, Any] = {name: {"Keys": wanted, "ConsistentRead": written}}
        items: list[dict[str, Any]] = []
        for attempt in range(READ_ATTEMPTS):
            with translated(f"reading {name}", write=False):
                answer = self._table.client.batch_get_item(RequestItems=request)
            items.extend(answer["Responses"].get(name, ()))
            request = answer.get("UnprocessedKeys") or {}
            if not request:
                return items
            pause(self._clock, attempt)
        raise Throttled(f"reading {name}: keys were left unprocessed {READ_ATTEMPTS} times")


def _pk(product: str, space: str, key: str) -> str:
    return clipped(f"{product}#{space}#{key}", PK_BYTES)


def _put(row: OnlineRow) -> Put:
    pk = _pk(row.product, row.space, row.key)
    item: dict[str, str | int] = {
        "pk": pk,
        "event_time": row.event_time,
        "values": documents.text_of(row.values),
        "feature_version": row.feature_version,
    }
    if row.expires_at is not None:
        item["expires_at"] = row.expires_at
    if row.known_at:
        item["known_at"] = row.known_at
    if row.earlier:
        item["earlier"] = documents.earlier_text(row)
    if row.entity:
        item["entity"] = ",".join(row.entity)
    if not pk.endswith(f"#{row.key}"):
        item["key"] = row.key
    size = sum(len(name) + len(str(value).encode("utf-8")) for name, value in item.items())
    if size > ROW_BYTES:
        raise InvalidRequest(
            f"online rows of {row.space}: the one of {row.event_time or 'an entity'} has {size} bytes, the "
            f"store takes {ROW_BYTES}: leave long columns out of the view, or do not serve it online"
        )
    return Put(item, NEWER_OR_EQUAL, {":event_time": row.event_time})


def _size(row: OnlineRow) -> int:
    """Bytes of a row's request, rounded up: its text may need escapes on the wire."""
    texts = documents.text_of(row.values) + documents.earlier_text(row)
    return 2 * len(texts.encode("utf-8")) + 2 * PK_BYTES


def _row(product: str, space: str, key: str, item: Mapping[str, Any]) -> OnlineRow:
    known = unmarshal(item)
    entity = text(known, "entity") if "entity" in known else ""
    return OnlineRow(
        product,
        space,
        text(known, "key") if "key" in known else key,
        text(known, "event_time"),
        documents.document_of(text(known, "values")),
        text(known, "feature_version"),
        number(known, "expires_at") if "expires_at" in known else None,
        text(known, "known_at") if "known_at" in known else "",
        tuple(entity.split(",")) if entity else (),
        documents.earlier_values(text(known, "earlier")) if "earlier" in known else (),
    )
