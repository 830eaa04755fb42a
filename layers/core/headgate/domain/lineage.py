"""Lineage: OpenLineage 2-0-2 RunEvents, the edges read from them, and the tree a trace returns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

SCHEMA_URL = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
PRODUCER = "https://headgate.dev/headgate"
NAMESPACE = "headgate"
"""Of every job and dataset."""


@dataclass(frozen=True)
class Edge:
    """``node`` was made from ``upstream``. ``facts`` is what the edge knows of the upstream node (key,
    version id, sha256, …).
    """

    node: str
    upstream: str
    job: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """One end of a step: its lineage node name and what is known of it. ``facets`` are OpenLineage's own, by
    name.
    """

    name: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    facets: Mapping[str, Any] = field(default_factory=dict)


def run_event(
    *,
    job: str,
    run_key: str,
    time: str,
    inputs: Iterable[Node],
    outputs: Iterable[Node],
    state: str = "COMPLETE",
) -> dict[str, Any]:
    """An OpenLineage RunEvent. The runId is derived from ``job`` and ``run_key``, so that a repeated step is
    the same run.
    """
    return {
        "eventType": state,
        "eventTime": time,
        "producer": PRODUCER,
        "schemaURL": SCHEMA_URL,
        "run": {"runId": str(uuid5(NAMESPACE_URL, f"{PRODUCER}/{job}/{run_key}"))},
        "job": {"namespace": NAMESPACE, "name": job},
        "inputs": [_dataset(n) for n in inputs],
        "outputs": [_dataset(n) for n in outputs],
    }


def _dataset(node: Node) -> dict[str, Any]:
    facet = {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}/schema/facts.json", **node.facts}
    return {
        "namespace": NAMESPACE,
        "name": node.name,
        "facets": {**({"headgate_facts": facet} if node.facts else {}), **node.facets},
    }


def edges_of(event: Mapping[str, Any]) -> tuple[Edge, ...]:
    """Every (output, input) pair of a COMPLETE RunEvent."""
    if event.get("eventType") != "COMPLETE":
        return ()
    job = event["job"]["name"]
    return tuple(
        Edge(node=output["name"], upstream=source["name"], job=job, facts=_facts(source))
        for output in event.get("outputs", ())
        for source in event.get("inputs", ())
    )


def _facts(dataset: Mapping[str, Any]) -> dict[str, Any]:
    facet = dataset.get("facets", {}).get("headgate_facts", {})
    return {k: v for k, v in facet.items() if not k.startswith("_")}


@dataclass(frozen=True)
class TraceStep:
    """One node of a trace, with the edges that lead to what it was made from."""

    node: str
    job: str | None
    facts: Mapping[str, Any]
    upstream: tuple["TraceStep", ...]
    repeated: bool = False
    """True when the node's own upstream is shown elsewhere in the same trace."""


def kind_of(node: str) -> str:
    """object, dataset, features, run, model, online or prediction."""
    return node.split("/", 1)[0]
