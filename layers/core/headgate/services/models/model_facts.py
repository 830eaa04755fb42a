"""What is told of a registered version: how it came to be, and that it is there.

Ids and times come from the version, so that a repeat is recognised.
"""

from headgate.domain import events
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import features_node
from headgate.domain.lineage import Node, run_event
from headgate.domain.model import ModelVersion, model_node
from headgate.domain.run import RunRecord, run_node


def model_registered(model: ModelVersion, run: RunRecord) -> list[DomainEvent]:
    """The lineage from features over the run to the version, and the registration itself."""
    time, node = model.created_at, run_node(run.product, run.digest)
    features = features_node(run.product, run.feature_set, run.feature_version)
    facts = {"compute_class": run.compute_class, "seconds": run.seconds}
    trained = run_event(
        job=f"train/{run.model}",
        run_key=run.digest,
        time=time,
        inputs=[Node(features)],
        outputs=[Node(node, facts)],
    )
    registered = run_event(
        job=f"register/{run.model}",
        run_key=model.digest,
        time=time,
        inputs=[Node(node, {"state": "SUCCEEDED", "job_id": run.job_id})],
        outputs=[Node(model_node(model.model, model.version), {"digest": model.digest})],
    )
    detail = {
        "model": model.model,
        "version": model.version,
        "run": run.digest,
        "auc": model.metrics["auc"],
    }
    return [
        *(
            DomainEvent(events.LINEAGE_RECORDED, run.product, e["run"]["runId"], time, {"event": e})
            for e in (trained, registered)
        ),
        DomainEvent(events.MODEL_REGISTERED, run.product, model.digest, time, detail),
    ]
