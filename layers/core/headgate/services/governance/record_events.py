"""Keeps the books: lineage edges, the audit chain, costs and predictions. It is the only writer of the
ledger's history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.cost import CostLine
from headgate.domain.events import DomainEvent
from headgate.domain.lineage import Edge, edges_of
from headgate.domain.model import model_node, prediction_node
from headgate.ports import Ledger, ObjectStore

AUDITED = frozenset(
    {
        events.ACCESS_DECIDED,
        events.ALIAS_MOVED,
        events.MODEL_REPRODUCED,
        events.RELEASE_MOVED,
        events.MODEL_PROPOSED,
        events.PROPOSAL_WITHDRAWN,
        events.STAGE_CHANGED,
        events.PRODUCT_APPLIED,
        events.DROP_REPLAYED,
        events.DROP_DISCARDED,
        events.SUBJECT_ERASED,
        events.VERSIONS_REJECTED,
        events.VERSION_TAGGED,
        events.VERSION_HELD,
        events.HOLD_RELEASED,
        events.BRANCH_CREATED,
        events.BRANCH_DELETED,
        events.GARBAGE_COLLECTED,
        events.TRAINING_STOPPED,
    }
)


@dataclass(frozen=True)
class RecordEvents:
    """The use case. Every write is idempotent on the event's id."""

    ledger: Ledger
    logs: ObjectStore

    def record(self, event: DomainEvent) -> None:
        """Files one event where it belongs; kinds that belong nowhere are left to other consumers."""
        if event.type == events.LINEAGE_RECORDED:
            self._lineage(event)
        elif event.type == events.COST_INCURRED:
            self.ledger.add_cost(_cost_line(event))
        if event.type in AUDITED:
            entry = {**event.detail, "id": event.id, "time": event.time, "type": event.type}
            self.ledger.append_decision(event.product, entry)

    def _lineage(self, event: DomainEvent) -> None:
        document = event.detail["event"]
        day = event.time[:10].replace("-", "/")
        self.logs.put(f"lineage/{day}/{event.id}.json", canonical_json(document), "application/json")
        self.ledger.add_edges(edges_of(document))

    def record_prediction(self, message: Mapping[str, Any]) -> None:
        """Logs the rows of one prediction and indexes it by id, with edges to the model and the features that
        were read.
        """
        prediction, product, time = message["prediction"], message["product"], message["time"]
        day = time[:10].replace("-", "/")
        key = f"predictions/{product}/{day}/{prediction}-{message['part']}.jsonl"
        self.logs.put(key, _lines(message), "application/x-ndjson")
        if message["part"] == 0:
            node = prediction_node(prediction)
            model = Edge(
                node, model_node(message["model"], message["version"]), "infer", {"alias": message["alias"]}
            )
            features = [Edge(node, f, "infer", {"online": True}) for f in message["features"]]
            self.ledger.add_edges([model, *features])
            entry = {k: v for k, v in message.items() if k not in ("rows", "count", "part")}
            self.ledger.index_prediction(prediction, {**entry, "log_key": key, "rows": message["count"]})
        if decision := message.get("decision"):
            self.ledger.append_decision(product, {**decision, "type": events.ACCESS_DECIDED})


def _lines(message: Mapping[str, Any]) -> bytes:
    shared = {k: message[k] for k in ("prediction", "product", "model", "version", "time")}
    rows: Sequence[Mapping[str, Any]] = message["rows"]
    return b"\n".join(canonical_json({**shared, **row}) for row in rows) + b"\n"


def _cost_line(event: DomainEvent) -> CostLine:
    d = event.detail
    return CostLine(
        event.id, event.product, d["kind"], d["quantity"], d["unit"], d["usd"], event.time, d.get("run")
    )
