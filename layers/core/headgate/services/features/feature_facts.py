"""What is told of a feature version: its lineage, and that it was built.

Ids and times come from the version's record, so that a repeat is recognised.
"""

from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.column_lineage import ColumnLineage, column_lineage_facet
from headgate.domain.dataset import dataset_node
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import FeatureVersionRecord, features_node
from headgate.domain.lineage import NAMESPACE, Node, run_event

MOST_FACET_BYTES = 200_000
"""A bus takes events of 256 KiB; a facet that is larger stays in the version's manifest."""


def features_built(record: FeatureVersionRecord) -> DomainEvent:
    detail = {
        "feature_set": record.feature_set,
        "digest": record.digest,
        "ordinal": record.ordinal,
        "rows": record.rows,
        "min_event_time": record.min_event_time,
        "max_event_time": record.max_event_time,
    }
    return DomainEvent(events.FEATURE_VERSION_BUILT, record.product, record.digest, record.created_at, detail)


def features_lineage(record: FeatureVersionRecord, columns: ColumnLineage) -> DomainEvent:
    """From the dataset versions it was built of to the feature version, and column by column, unless that is
    more than an event may hold: then its size is told instead.
    """
    product = record.product
    nodes = {d: dataset_node(product, d, v) for d, v in record.inputs.items()}
    facets: dict[str, Any] = {}
    facts: dict[str, Any] = {"ordinal": record.ordinal}
    if columns:
        facet = column_lineage_facet(lambda d: (NAMESPACE, nodes[d]), columns)
        if (size := len(canonical_json(facet))) > MOST_FACET_BYTES:
            facts["column_lineage_bytes"] = size
        else:
            facets["columnLineage"] = facet
    lineage = run_event(
        job=f"features/{product}/{record.feature_set}",
        run_key=record.digest,
        time=record.created_at,
        inputs=[
            Node(nodes[d], {"ordinal": record.input_ordinals.get(d), "digest": v})
            for d, v in sorted(record.inputs.items())
        ],
        outputs=[Node(features_node(product, record.feature_set, record.digest), facts, facets)],
    )
    name, time = lineage["run"]["runId"], record.created_at
    return DomainEvent(events.LINEAGE_RECORDED, product, name, time, {"event": lineage})
