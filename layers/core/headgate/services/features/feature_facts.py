"""What is told of a feature version: its lineage, and that it was built.

Ids and times come from the version's record, so that a repeat is recognised.
"""

from headgate.domain import events
from headgate.domain.column_lineage import ColumnLineage, column_lineage_facet
from headgate.domain.dataset import dataset_node
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import FeatureVersionRecord, features_node
from headgate.domain.lineage import NAMESPACE, Node, run_event


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
    """From the dataset versions it was built of to the feature version, and column by column."""
    product = record.product
    nodes = {d: dataset_node(product, d, v) for d, v in record.inputs.items()}
    facets = {"columnLineage": column_lineage_facet(lambda d: (NAMESPACE, nodes[d]), columns)}
    lineage = run_event(
        job=f"features/{product}/{record.feature_set}",
        run_key=record.digest,
        time=record.created_at,
        inputs=[
            Node(nodes[d], {"ordinal": record.input_ordinals.get(d), "digest": v})
            for d, v in sorted(record.inputs.items())
        ],
        outputs=[
            Node(
                features_node(product, record.feature_set, record.digest),
                {"ordinal": record.ordinal},
                facets if columns else {},
            )
        ],
    )
    name, time = lineage["run"]["runId"], record.created_at
    return DomainEvent(events.LINEAGE_RECORDED, product, name, time, {"event": lineage})
