"""Follows a prediction back to the objects it came from, over the lineage edges in the ledger."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.identity import Principal
from headgate.domain.lineage import Edge, TraceStep, kind_of
from headgate.domain.model import prediction_node
from headgate.ports import Ledger
from headgate.services.access import Guard
from headgate.services.products import Products

MOST_NODES = 2_000
DEEPEST = 100
"""Steps a tree may be deep: it is shown as nested JSON, and readers give up at depths they do not tell."""


@dataclass(frozen=True)
class Trace:
    """``prediction`` is its index entry, ``tree`` leads to ``sources``. ``truncated``: the walk met a
    limit.
    """

    prediction: Mapping[str, Any]
    tree: TraceStep
    sources: tuple[Mapping[str, Any], ...]
    truncated: bool


@dataclass
class _Walk:
    """What a breadth-first walk found: the edges of every node, and the depth at which it was first met."""

    edges: dict[str, Sequence[Edge]] = field(default_factory=dict)
    depth: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    truncated: bool = False

    @property
    def order(self) -> list[str]:
        return list(self.depth)


@dataclass(frozen=True)
class TracePrediction:
    """The use case."""

    products: Products
    ledger: Ledger
    guard: Guard

    def trace(self, principal: Principal, product: str, prediction: str) -> Trace:
        """Raises NotFound (also for another product's prediction) and AccessDenied."""
        applied = self.products.get(product)
        self.guard.require_reading(applied, principal)
        entry = self.ledger.prediction(prediction)
        if entry.get("product") != product:
            raise NotFound(f"product {product} made no prediction {prediction!r}")
        root = prediction_node(prediction)
        walk = self._walk(root)
        return Trace(entry, _tree(root, walk), _sources(walk), walk.truncated)

    def _walk(self, root: str) -> _Walk:
        walk = _Walk()
        walk.depth[root] = 0
        walk.facts[root] = {}
        waiting = deque([root])
        while waiting:
            node = waiting.popleft()
            walk.edges[node] = self.ledger.upstream(node)
            for edge in walk.edges[node]:
                if edge.upstream in walk.depth:
                    continue
                if len(walk.depth) >= MOST_NODES:
                    walk.truncated = True
                    break
                walk.depth[edge.upstream] = walk.depth[node] + 1
                walk.facts[edge.upstream] = edge.facts
                if kind_of(edge.upstream) != "object":
                    waiting.append(edge.upstream)
        walk.truncated = walk.truncated or max(walk.depth.values()) > DEEPEST
        return walk


def _tree(root: str, walk: _Walk) -> TraceStep:
    """Built from the far end, without recursion. A node is spelled out where the walk met it first."""
    owner: dict[str, str] = {}
    for node in walk.order:
        for edge in walk.edges.get(node, ()):
            owner.setdefault(edge.upstream, node)
    built: dict[str, TraceStep] = {}
    for node in reversed(walk.order):
        if walk.depth[node] > DEEPEST:
            continue
        edges = walk.edges.get(node, ())
        upstream = tuple(
            built[edge.upstream]
            if owner[edge.upstream] == node and edge.upstream in built
            else TraceStep(edge.upstream, None, edge.facts, (), repeated=edge.upstream in walk.edges)
            for edge in edges
            if edge.upstream in walk.depth and walk.depth[edge.upstream] <= DEEPEST
        )
        built[node] = TraceStep(node, edges[0].job if edges else None, walk.facts[node], upstream)
    return built[root]


def _sources(walk: _Walk) -> tuple[Mapping[str, Any], ...]:
    """The source objects, each once, sorted by node."""
    return tuple(_source(node, walk.facts[node]) for node in sorted(walk.order) if kind_of(node) == "object")


def _source(node: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """``object/<bucket>/<key>?versionId=<id>`` with what the edge knows of the bytes."""
    bucket, _, rest = node.removeprefix("object/").partition("/")
    key, _, version_id = rest.rpartition("?versionId=")
    return {
        "node": node,
        "bucket": bucket,
        "key": key,
        "version_id": version_id,
        "sha256": facts.get("sha256"),
        "bytes": facts.get("bytes"),
    }
