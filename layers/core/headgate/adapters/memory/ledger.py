"""Append-only accounts in memory: the audit chain, costs and budgets, lineage edges, predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from threading import RLock
from typing import Any

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.domain import audit
from headgate.domain.cost import Budget, CostLine, exact
from headgate.domain.errors import NotFound, PreconditionFailed
from headgate.domain.lineage import Edge


@dataclass
class _Account:
    """One product's month, in exact money."""

    limit: Decimal = Decimal(0)
    held: dict[str, Decimal] = field(default_factory=dict)
    settled: dict[str, Decimal] = field(default_factory=dict)

    @property
    def reserved(self) -> Decimal:
        return sum(self.held.values(), Decimal(0))

    @property
    def spent(self) -> Decimal:
        return sum(self.settled.values(), Decimal(0))


class MemoryLedger:
    """The Ledger port. Fault names: ``ledger.<method>``."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = RLock()
        self._chains: dict[str, list[audit.AuditEntry]] = {}
        self._chained: set[tuple[str, str]] = set()
        self._costs: dict[tuple[str, str, str], str] = {}
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._edges: dict[str, dict[str, str]] = {}
        self._predictions: dict[str, str] = {}

    def append_decision(self, product: str, entry: Mapping[str, Any]) -> None:
        with self._faults.effect("ledger.append_decision"), self._lock:
            if (product, entry["id"]) in self._chained:
                return
            chain = self._chains.setdefault(product, [])
            chain.append(audit.append(chain[-1].tip if chain else audit.genesis(product), entry))
            self._chained.add((product, entry["id"]))

    def decisions(self, product: str, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        with self._faults.read("ledger.decisions"), self._lock:
            return [documents.decision(entry) for entry in self._chains.get(product, [])[::-1][:limit]]

    def add_cost(self, line: CostLine) -> None:
        with self._faults.effect("ledger.add_cost"), self._lock:
            self._costs.setdefault((line.product, line.time[:7], line.id), documents.text_of_record(line))

    def costs(self, product: str, month: str) -> Sequence[CostLine]:
        """In order of time."""
        with self._faults.read("ledger.costs"), self._lock:
            texts = [t for (p, m, _), t in self._costs.items() if (p, m) == (product, month)]
        return sorted((documents.cost_line(t) for t in texts), key=lambda line: (line.time, line.id))

    def add_edges(self, edges: Sequence[Edge]) -> None:
        with self._faults.effect("ledger.add_edges"), self._lock:
            for edge in edges:
                self._edges.setdefault(edge.node, {})[edge.upstream] = documents.text_of_record(edge)

    def upstream(self, node: str) -> Sequence[Edge]:
        """Sorted by the upstream node."""
        with self._faults.read("ledger.upstream"), self._lock:
            return [documents.edge(text) for _, text in sorted(self._edges.get(node, {}).items())]

    def index_prediction(self, prediction: str, entry: Mapping[str, Any]) -> None:
        with self._faults.effect("ledger.index_prediction"), self._lock:
            self._predictions[prediction] = documents.text_of(entry)

    def prediction(self, prediction: str) -> Mapping[str, Any]:
        with self._faults.read("ledger.prediction"), self._lock:
            if prediction not in self._predictions:
                raise NotFound(f"no prediction {prediction!r} is indexed")
            return documents.document_of(self._predictions[prediction])

    def reserve(self, product: str, month: str, key: str, limit: float, usd: float) -> Budget:
        with self._faults.effect("ledger.reserve"), self._lock:
            account = self._accounts.setdefault((product, month), _Account())
            if key not in account.held and key not in account.settled:
                if account.reserved + account.spent + exact(usd) > exact(limit):
                    left = exact(limit) - account.reserved - account.spent
                    have = f"product {product} has {left:.2f} of {limit:.2f} USD left in {month}"
                    raise PreconditionFailed(f"{have}, {usd:.2f} needed")
                account.limit = exact(limit)
                account.held[key] = exact(usd)
            return self._budget(product, month, account)

    def budget(self, product: str, month: str) -> Budget:
        with self._faults.read("ledger.budget"), self._lock:
            return self._budget(product, month, self._accounts.get((product, month), _Account()))

    def settle(self, product: str, month: str, key: str, spent: float) -> None:
        with self._faults.effect("ledger.settle"), self._lock:
            account = self._accounts.setdefault((product, month), _Account())
            if account.held.pop(key, None) is not None:
                account.settled[key] = exact(spent)

    @staticmethod
    def _budget(product: str, month: str, account: _Account) -> Budget:
        return Budget(product, month, float(account.limit), float(account.reserved), float(account.spent))
