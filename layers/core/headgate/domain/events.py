"""Domain events: facts that are published on the bus after they became true. Names are past tense."""

from dataclasses import dataclass
from typing import Any

SOURCE = "headgate"

PRODUCT_APPLIED = "ProductApplied"
DATASET_VERSION_COMMITTED = "DatasetVersionCommitted"
BRANCH_VERSION_COMMITTED = "BranchVersionCommitted"
DROP_QUARANTINED = "DropQuarantined"
DROP_REPLAYED = "DropReplayed"
DROP_DISCARDED = "DropDiscarded"
SUBJECT_ERASED = "SubjectErased"
VERSIONS_REJECTED = "VersionsRejected"
VERSION_TAGGED = "VersionTagged"
VERSION_HELD = "VersionHeld"
HOLD_RELEASED = "HoldReleased"
BRANCH_CREATED = "BranchCreated"
BRANCH_DELETED = "BranchDeleted"
GARBAGE_COLLECTED = "GarbageCollected"
FEATURE_VERSION_BUILT = "FeatureVersionBuilt"
TRAINING_SUBMITTED = "TrainingSubmitted"
TRAINING_SKIPPED = "TrainingSkipped"
TRAINING_REFUSED = "TrainingRefused"
TRAINING_FAILED = "TrainingFailed"
EXPERIMENT_SUBMITTED = "ExperimentSubmitted"
EXPERIMENT_FINISHED = "ExperimentFinished"
TRAINING_STOPPED = "TrainingStopped"
MODEL_REGISTERED = "ModelRegistered"
MODEL_REFUSED = "ModelRefused"
MODEL_REPRODUCED = "ModelReproduced"
ALIAS_MOVED = "AliasMoved"
RELEASE_MOVED = "ReleaseMoved"
MODEL_PROPOSED = "ModelProposed"
PROPOSAL_WITHDRAWN = "ProposalWithdrawn"
DRIFT_DETECTED = "DriftDetected"
PERFORMANCE_MEASURED = "PerformanceMeasured"
STAGE_CHANGED = "StageChanged"
ACCESS_DECIDED = "AccessDecided"
COST_INCURRED = "CostIncurred"
LINEAGE_RECORDED = "LineageRecorded"


@dataclass(frozen=True)
class DomainEvent:
    """One fact. ``id`` comes from content where a repeat must be recognised; ``time`` is ISO-8601 UTC."""

    type: str
    product: str
    id: str
    time: str
    detail: dict[str, Any]

    def to_detail(self) -> dict[str, Any]:
        """The bus message body: the detail with product, id and time beside it."""
        return {**self.detail, "product": self.product, "id": self.id, "time": self.time}

    @classmethod
    def from_detail(cls, kind: str, detail: dict[str, Any]) -> "DomainEvent":
        rest = {k: v for k, v in detail.items() if k not in ("product", "id", "time")}
        return cls(kind, detail["product"], detail["id"], detail["time"], rest)
