"""One DynamoDB table with string keys ``pk`` and ``sk``: plain items, writes that hold all together.

Owns marshalling, pagination and the retry of contention. It knows no key layout: each adapter over it does.
Every conditional write is a transaction, also of one item: its request token makes botocore's retries
idempotent, where a conditional PutItem that is retried after a lost answer reports a conflict with itself.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.errors import Throttled
from headgate.ports import Clock

Value = str | int | Decimal | frozenset[int]
Item = dict[str, Value]

PK_BYTES, SK_BYTES = 2048, 1024
TRANSACTION_ITEMS = 100
BATCH_KEYS = 100
READ_ITEMS = 100
CONTENTION_ATTEMPTS = 6
_NAME = re.compile(r"#\w+")


@dataclass(frozen=True)
class Put:
    """Write a whole item. In expressions names are written ``#name`` and values ``:value``."""

    item: Mapping[str, Value]
    condition: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """Change some attributes of one item."""

    key: Mapping[str, Value]
    expression: str
    condition: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Delete:
    """Remove one item."""

    key: Mapping[str, Value]
    condition: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class ConditionCheck:
    """Change nothing; all else is written only if ``condition`` holds for this item."""

    key: Mapping[str, Value]
    condition: str
    values: Mapping[str, Value] = field(default_factory=dict)


Write = Put | Update | Delete | ConditionCheck
ABSENT = "attribute_not_exists(#pk)"
PRESENT = "attribute_exists(#pk)"


class Table:
    """A table. Raises Throttled, PermissionMissing, ConfigurationError; from writes also StateUnknown."""

    def __init__(self, clients: AwsClients, name: str, clock: Clock) -> None:
        self.name = name
        self._clients = clients
        self._clock = clock

    @property
    def client(self) -> Any:
        return self._clients.client("dynamodb")

    def get(self, **key: str) -> Item | None:
        """The item under ``pk`` and ``sk``, as it is now, or None."""
        with translated(f"reading {self.name}", write=False):
            answer = self.client.get_item(TableName=self.name, Key=marshal(key), ConsistentRead=True)
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def get_many(self, pk: str, sks: Sequence[str]) -> dict[str, Item]:
        """Items under ``pk`` by ``sk``, as they are now, in one request for each 100; absent ones are left
        out. The items are no snapshot: each may be of another moment.
        """
        keys = [marshal({"pk": pk, "sk": sk}) for sk in dict.fromkeys(sks)]
        found: dict[str, Item] = {}
        for start in range(0, len(keys), BATCH_KEYS):
            for item in self._batch(keys[start : start + BATCH_KEYS]):
                found[text(item, "sk")] = item
        return found

    def _batch(self, keys: list[dict[str, Any]]) -> Iterator[Item]:
        for attempt in range(CONTENTION_ATTEMPTS):
            with translated(f"reading {self.name}", write=False):
                answer = self.client.batch_get_item(
                    RequestItems={self.name: {"Keys": keys, "ConsistentRead": True}}
                )
            yield from (unmarshal(item) for item in answer["Responses"].get(self.name, []))
            keys = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if not keys:
                return
            pause(self._clock, attempt)
        raise Throttled(f"reading {self.name}: {len(keys)} items were left unprocessed")

    def query(
        self,
        pk: str,
        prefix: str = "",
        *,
        newest_first: bool = False,
        limit: int | None = None,
        upto: str | None = None,
    ) -> list[Item]:
        """Items under ``pk`` whose ``sk`` starts with ``prefix`` (and is at most ``upto``, which starts with
        it too), by ``sk``, over pages, up to ``limit``.
        """
        condition, values = "pk = :pk", {":pk": pk}
        if upto is not None:
            condition += " AND sk BETWEEN :prefix AND :upto"
            values |= {":prefix": prefix, ":upto": upto}
        elif prefix:
            condition += " AND begins_with(sk, :prefix)"
            values |= {":prefix": prefix}
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": marshal(values),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        found: list[Item] = []
        while limit is None or len(found) < limit:
            if limit is not None:
                request["Limit"] = limit - len(found)
            with translated(f"querying {self.name}", write=False):
                page = self.client.query(**request)
            found.extend(unmarshal(item) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found

    def put(self, item: Mapping[str, Value]) -> None:
        """Write one item whatever is there."""
        with translated(f"writing {self.name}", write=True):
            self.client.put_item(TableName=self.name, Item=marshal(item))

    def write(self, writes: Sequence[Write], attempts: int = CONTENTION_ATTEMPTS) -> None:
        """All of ``writes`` (at most 100 distinct items) or none. Raises Conflict if a condition fails, and
        Throttled after so many ``attempts``.
        """
        request = [self._action(write) for write in writes]
        for attempt in range(attempts):
            try:
                with translated(f"writing {self.name}", write=True):
                    self.client.transact_write_items(TransactItems=request)
                return
            except Throttled:
                if attempt == attempts - 1:
                    raise
                pause(self._clock, attempt)

    def _action(self, write: Write) -> dict[str, Any]:
        action: dict[str, Any] = {"TableName": self.name}
        expressions = write.condition
        if isinstance(write, Put):
            action["Item"] = marshal(write.item)
        elif isinstance(write, Update):
            action |= {"Key": marshal(write.key), "UpdateExpression": write.expression}
            expressions += write.expression
        else:
            action["Key"] = marshal(write.key)
        if write.condition:
            action["ConditionExpression"] = write.condition
        if names := set(_NAME.findall(expressions)):
            action["ExpressionAttributeNames"] = {name: name[1:] for name in names}
        if write.values:
            action["ExpressionAttributeValues"] = marshal(write.values)
        return {type(write).__name__: action}


def next_head(item: Mapping[str, Value], ordinal: int) -> Put:
    """The head of a line of versions, moved to ``ordinal`` from exactly the one before."""
    if ordinal == 1:
        return Put(item, ABSENT)
    return Put(item, "#ordinal = :before", {":before": ordinal - 1})


def pause(clock: Clock, attempt: int) -> None:
    """Wait before trying again: up to 50 ms at first, doubling, with full jitter so that rivals part."""
    clock.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter, no secret


def marshal(item: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """The wire form. There are no floats: numbers that need no arithmetic travel inside JSON text."""
    return {name: _marshal_value(value) for name, value in item.items()}


def _marshal_value(value: Value) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, frozenset):
        return {"NS": [str(n) for n in sorted(value)]}
    if isinstance(value, Decimal):
        return {"N": format(value, "f")}
    return {"N": str(int(value))}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Numbers come back as Decimal, sets of numbers as sets of int. Attributes of other types (written by
    others) are left out.
    """
    known: Item = {}
    for name, typed in item.items():
        if "S" in typed:
            known[name] = str(typed["S"])
        elif "N" in typed:
            known[name] = Decimal(typed["N"])
        elif "NS" in typed:
            known[name] = frozenset(int(n) for n in typed["NS"])
    return known


def number(item: Mapping[str, Value], name: str) -> int:
    """A whole number of an item."""
    value = item[name]
    if isinstance(value, frozenset):
        raise TypeError(f"{name} holds a set of numbers")
    return int(value)


def numbers(item: Mapping[str, Value], name: str) -> frozenset[int]:
    """A set of whole numbers of an item; DynamoDB knows no empty set, so an absent one is empty."""
    value = item.get(name, frozenset())
    if not isinstance(value, frozenset):
        raise TypeError(f"{name} holds no set of numbers")
    return value


def text(item: Mapping[str, Value], name: str = "document") -> str:
    """A text attribute of an item."""
    return str(item[name])


def clipped(key: str, limit: int) -> str:
    """``key`` itself, or, when DynamoDB would refuse its length, its start and a digest of all of it."""
    encoded = key.encode("utf-8")
    if len(encoded) <= limit:
        return key
    kept = encoded[: limit - 65].decode("utf-8", "ignore")
    return f"{kept}~{sha256(encoded).hexdigest()}"


def chunks(items: Iterable[tuple[Write, int]], most: int, size: int) -> list[list[Write]]:
    """Groups of at most ``most`` writes and ``size`` bytes, in order; each write comes with its size."""
    groups: list[list[Write]] = []
    room = 0
    for item, weight in items:
        if not groups or len(groups[-1]) == most or weight > room:
            groups.append([])
            room = size
        groups[-1].append(item)
        room -= weight
    return groups
