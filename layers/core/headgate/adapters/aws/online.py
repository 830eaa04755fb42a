"""The online table: the newest feature row of each key, under ``<product>#<view>#<entity key>``."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import (
    PK_BYTES,
    Put,
    Table,
    chunks,
    clipped,
    marshal,
    number,
    pause,
    text,
    unmarshal,
)
from headgate.adapters.aws.errors import failed_conditions, translated
from headgate.domain.errors import Conflict, Throttled
from headgate.ports import Clock, OnlineRow

READ_KEYS = 100
READ_ATTEMPTS = 6
WRITE_ROWS = 100
WRITE_BYTES = 3_000_000
WRITERS = 4
NEWER_OR_EQUAL = "attribute_not_exists(#pk) OR #event_time <= :event_time"


class DynamoOnlineStore:
    """The OnlineStore port. Expired rows stay until DynamoDB removes them: readers check event times."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def write(self, rows: Sequence[OnlineRow]) -> int:
        """Transactions of up to 100 rows, four at a time: 5,000 rows are 50 requests, not 5,000."""
        puts = ((_put(row), _size(row)) for row in documents.newest_rows(rows).values())
        groups = chunks(puts, WRITE_ROWS, WRITE_BYTES)
        with ThreadPoolExecutor(WRITERS) as pool:
            return sum(pool.map(self._write_group, groups))

    def read(self, product: str, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], OnlineRow]:
        names = {_pk(product, view, key): (view, key) for view, key in keys}
        wanted = list(names)
        found: dict[tuple[str, str], OnlineRow] = {}
        for start in range(0, len(wanted), READ_KEYS):
            for item in self._read_group(wanted[start : start + READ_KEYS]):
                view, key = names[item["pk"]["S"]]
                found[view, key] = _row(product, view, key, item)
        return found

    def keys(self, product: str, view: str) -> Iterator[str]:
        """A key too long for DynamoDB was cut when it was written, and comes back so."""
        prefix = f"{product}#{view}#"
        request: dict[str, Any] = {
            "TableName": self._table.name,
            "FilterExpression": "begins_with(pk, :prefix)",
            "ExpressionAttributeValues": marshal({":prefix": prefix}),
            "ProjectionExpression": "pk",
            "ConsistentRead": True,
        }
        while True:
            with translated(f"scanning {self._table.name}", write=False):
                page = self._table.client.scan(**request)
            yield from (str(item["pk"]["S"]).removeprefix(prefix) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def remove(self, product: str, keys: Sequence[tuple[str, str]]) -> None:
        for view, key in keys:
            with translated(f"writing {self._table.name}", write=True):
                self._table.client.delete_item(
                    TableName=self._table.name, Key=marshal({"pk": _pk(product, view, key)})
                )

    def take_back(self, product: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """One conditional delete a row: what is there by now may be newer."""
        for view, key, event_time in rows:
            request = {
                "TableName": self._table.name,
                "Key": marshal({"pk": _pk(product, view, key)}),
                "ConditionExpression": "#event_time = :event_time",
                "ExpressionAttributeNames": {"#event_time": "event_time"},
                "ExpressionAttributeValues": marshal({":event_time": event_time}),
            }
            with suppress(Conflict), translated(f"writing {self._table.name}", write=True):
                self._table.client.delete_item(**request)

    def _write_group(self, puts: list[Put]) -> int:
        """Rows that are older than what is there are left out, one by one as they are found."""
        while puts:
            try:
                self._table.write(puts)
                return len(puts)
            except Conflict as conflict:
                older = set(failed_conditions(conflict))
                if not older:
                    raise
                puts = [put for position, put in enumerate(puts) if position not in older]
        return 0

    def _read_group(self, keys: list[str]) -> list[dict[str, Any]]:
        """One request, and more only for what DynamoDB left unprocessed."""
        name = self._table.name
        request: dict[str, Any] = {name: {"Keys": [marshal({"pk": key}) for key in keys]}}
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


def _pk(product: str, view: str, key: str) -> str:
    return clipped(f"{product}#{view}#{key}", PK_BYTES)


def _put(row: OnlineRow) -> Put:
    item: dict[str, str | int] = {
        "pk": _pk(row.product, row.view, row.key),
        "event_time": row.event_time,
        "values": documents.text_of(row.values),
        "feature_version": row.feature_version,
    }
    if row.expires_at is not None:
        item["expires_at"] = row.expires_at
    return Put(item, NEWER_OR_EQUAL, {":event_time": row.event_time})


def _size(row: OnlineRow) -> int:
    """Bytes of a row's request, rounded up: its text may need escapes on the wire."""
    return 2 * len(documents.text_of(row.values).encode("utf-8")) + PK_BYTES


def _row(product: str, view: str, key: str, item: Mapping[str, Any]) -> OnlineRow:
    known = unmarshal(item)
    return OnlineRow(
        product,
        view,
        key,
        text(known, "event_time"),
        documents.document_of(text(known, "values")),
        text(known, "feature_version"),
        number(known, "expires_at") if "expires_at" in known else None,
    )
