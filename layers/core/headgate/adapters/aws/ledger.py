"""The Ledger port over the ledger table.

``AUDIT#<p>`` holds decisions, HEAD and ID#; ``COST#<p>#<month>`` cost lines, BUDGET and RESERVATION#;
``EDGE#<node>`` its upstream nodes; ``PREDICTION#<id>`` a prediction.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import (
    ABSENT,
    PK_BYTES,
    SK_BYTES,
    TRANSACTION_ITEMS,
    Item,
    Put,
    Table,
    Update,
    chunks,
    clipped,
    number,
    pause,
    text,
)
from headgate.domain import audit
from headgate.domain.cost import Budget, CostLine, exact
from headgate.domain.errors import Conflict, NotFound, PreconditionFailed
from headgate.domain.lineage import Edge
from headgate.ports import Clock

CHAIN_ATTEMPTS = 12
REQUEST_BYTES = 3_000_000
"""Below DynamoDB's 4 MB a transaction, which also counts attribute names."""


class DynamoLedger:
    """The Ledger port."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def append_decision(self, product: str, entry: Mapping[str, Any]) -> None:
        """One transaction moves the tip, adds the entry and its id; who loses a race reads the tip again."""
        pk, known = f"AUDIT#{product}", f"ID#{entry['id']}"
        for attempt in range(CHAIN_ATTEMPTS):
            if self._table.get(pk=pk, sk=known) is not None:
                return
            chained = audit.append(self._tip(product), entry)
            try:
                self._table.write([*_link(pk, chained), Put({"pk": pk, "sk": known}, ABSENT)])
                return
            except Conflict:
                if attempt == CHAIN_ATTEMPTS - 1:
                    raise
                pause(self._clock, attempt)

    def decisions(self, product: str, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        # Sequences have 12 digits and so start with 0, unlike HEAD and ID#.
        items = self._table.query(f"AUDIT#{product}", "0", newest_first=True, limit=limit)
        return [documents.decision(audit.AuditEntry.from_json(item)) for item in items]

    def add_cost(self, line: CostLine) -> None:
        key = {"pk": _month(line.product, line.time[:7]), "sk": line.id}
        try:
            self._table.write([Put({**key, "document": documents.text_of_record(line)}, ABSENT)])
        except Conflict:
            return  # delivered before

    def costs(self, product: str, month: str) -> Sequence[CostLine]:
        """In order of time."""
        items = [i for i in self._table.query(_month(product, month)) if "document" in i]
        lines = [documents.cost_line(text(item)) for item in items]
        return sorted(lines, key=lambda line: (line.time, line.id))

    def add_edges(self, edges: Sequence[Edge]) -> None:
        distinct = {(edge.node, edge.upstream): documents.text_of_record(edge) for edge in edges}
        puts = (
            (
                Put({"pk": _node(node), "sk": clipped(upstream, SK_BYTES), "document": document}),
                2 * len(document),
            )
            for (node, upstream), document in distinct.items()
        )
        for group in chunks(puts, TRANSACTION_ITEMS, REQUEST_BYTES):
            self._table.write(group)

    def upstream(self, node: str) -> Sequence[Edge]:
        """Sorted by the upstream node."""
        found = [documents.edge(text(item)) for item in self._table.query(_node(node))]
        return sorted(found, key=lambda edge: edge.upstream)

    def index_prediction(self, prediction: str, entry: Mapping[str, Any]) -> None:
        self._table.put({**_prediction(prediction), "document": documents.text_of(entry)})

    def prediction(self, prediction: str) -> Mapping[str, Any]:
        item = self._table.get(**_prediction(prediction))
        if item is None:
            raise NotFound(f"no prediction {prediction!r} is indexed")
        return documents.document_of(text(item))

    def reserve(self, product: str, month: str, key: str, limit: float, usd: float) -> Budget:
        """Conditions know no sums, so the account keeps one: ``committed`` is reserved + spent."""
        hold, amount, room = _reservation(product, month, key), exact(usd), exact(limit) - exact(usd)
        fits = "#committed <= :room" + (" OR attribute_not_exists(#committed)" if room >= 0 else "")
        change = "SET #limit = :limit ADD #committed :usd, #reserved :usd"
        values = {":limit": exact(limit), ":usd": amount, ":room": room}
        if self._table.get(**hold) is None:
            account = Update(_budget(product, month), change, fits, values)
            try:
                self._table.write([account, Put({**hold, "usd": amount}, ABSENT)])
            except Conflict as conflict:
                if self._table.get(**hold) is None:
                    raise self._too_little(product, month, limit, usd) from conflict
        return self._account(product, month)

    def budget(self, product: str, month: str) -> Budget:
        return self._account(product, month)

    def settle(self, product: str, month: str, key: str, spent: float) -> None:
        hold = _reservation(product, month, key)
        held = self._table.get(**hold)
        if held is None or "spent" in held:
            return
        freed, paid = Decimal(text(held, "usd")), exact(spent)
        change = "ADD #committed :difference, #reserved :freed, #spent :paid"
        values = {":difference": paid - freed, ":freed": -freed, ":paid": paid}
        account = Update(_budget(product, month), change, values=values)
        once = Update(hold, "SET #spent = :paid", "attribute_not_exists(#spent)", {":paid": paid})
        try:
            self._table.write([account, once])
        except Conflict:
            return  # settled by another delivery meanwhile

    def _tip(self, product: str) -> audit.Tip:
        head = self._table.get(pk=f"AUDIT#{product}", sk="HEAD")
        if head is None:
            return audit.genesis(product)
        return audit.Tip(number(head, "sequence"), text(head, "hash"))

    def _account(self, product: str, month: str) -> Budget:
        item = self._table.get(**_budget(product, month)) or {}
        limit, reserved, spent = (
            float(text(item, name)) if name in item else 0.0 for name in ("limit", "reserved", "spent")
        )
        return Budget(product, month, limit, reserved, spent)

    def _too_little(self, product: str, month: str, limit: float, usd: float) -> PreconditionFailed:
        account = self._account(product, month)
        left = limit - account.reserved - account.spent
        return PreconditionFailed(
            f"product {product} has {left:.2f} of {limit:.2f} USD left in {month}, {usd:.2f} needed"
        )


def _link(pk: str, entry: audit.AuditEntry) -> tuple[Put, Put]:
    """The tip moved to ``entry`` from exactly its predecessor, and the entry itself."""
    head: Item = {"pk": pk, "sk": "HEAD", "sequence": entry.sequence, "hash": entry.entry_hash}
    first = entry.sequence == 1
    return (
        Put(head, ABSENT) if first else Put(head, "#hash = :previous", {":previous": entry.previous_hash}),
        Put({"pk": pk, "sk": f"{entry.sequence:012d}", **entry.to_json()}, ABSENT),
    )


def _month(product: str, month: str) -> str:
    return f"COST#{product}#{month}"


def _budget(product: str, month: str) -> dict[str, str]:
    return {"pk": _month(product, month), "sk": "BUDGET"}


def _reservation(product: str, month: str, key: str) -> dict[str, str]:
    return {"pk": _month(product, month), "sk": f"RESERVATION#{key}"}


def _node(node: str) -> str:
    return clipped(f"EDGE#{node}", PK_BYTES)


def _prediction(prediction: str) -> dict[str, str]:
    return {"pk": f"PREDICTION#{prediction}", "sk": "INDEX"}
