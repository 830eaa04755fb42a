"""What the control plane's routes call: one field a use case. The composition root fills it."""

from dataclasses import dataclass

from headgate.services.erasure.request_erasure import RequestErasure
from headgate.services.experiments.show_experiments import ShowExperiments
from headgate.services.features.hand_out_features import HandOutFeatures
from headgate.services.features.plan_features import PlanFeatures
from headgate.services.features.read_online import ReadOnline
from headgate.services.features.request_features import RequestFeatures
from headgate.services.features.show_features import ShowFeatures
from headgate.services.governance.apply_product import ApplyProduct
from headgate.services.governance.change_stage import ChangeStage
from headgate.services.governance.check_gate import CheckGate
from headgate.services.governance.read_platform import ReadPlatform
from headgate.services.ingestion.request_import import RequestImport
from headgate.services.ingestion.review_quarantine import ReviewQuarantine
from headgate.services.models.compare_models import CompareModels
from headgate.services.models.promote_model import PromoteModel
from headgate.services.models.propose_model import ProposeModel
from headgate.services.models.read_model import ReadModel
from headgate.services.models.read_releases import ReadReleases
from headgate.services.models.rollback_model import RollbackModel
from headgate.services.reproduction.request_reproduction import RequestReproduction
from headgate.services.retention.request_collection import RequestCollection
from headgate.services.retention.request_feature_collection import RequestFeatureCollection
from headgate.services.serving.trace_prediction import TracePrediction
from headgate.services.training.read_run_logs import ReadRunLogs
from headgate.services.training.request_training import RequestTraining
from headgate.services.training.stop_training import StopTraining
from headgate.services.versions.history import History
from headgate.services.versions.merge_branch import MergeBranch
from headgate.services.versions.name_version import NameVersion
from headgate.services.versions.publish_version import PublishVersion
from headgate.services.versions.request_diff import RequestDiff
from headgate.services.versions.request_rebuild import RequestRebuild
from headgate.services.versions.rollback_dataset import RollbackDataset


@dataclass(frozen=True)
class ControlPlane:
    """Every use case behind the ``api`` function."""

    apply_product: ApplyProduct
    read: ReadPlatform
    promote_model: PromoteModel
    propose_model: ProposeModel
    rollback_model: RollbackModel
    releases: ReadReleases
    read_model: ReadModel
    compare_models: CompareModels
    check_gate: CheckGate
    change_stage: ChangeStage
    trace_prediction: TracePrediction
    run_logs: ReadRunLogs
    request_training: RequestTraining
    quarantine: ReviewQuarantine
    erasure: RequestErasure
    history: History
    names: NameVersion
    rollback: RollbackDataset
    merge: MergeBranch
    publish: PublishVersion
    collections: RequestCollection
    diffs: RequestDiff
    features: ShowFeatures
    feature_files: HandOutFeatures
    feature_requests: RequestFeatures
    feature_plans: PlanFeatures
    feature_collections: RequestFeatureCollection
    online: ReadOnline
    request_import: RequestImport
    request_rebuild: RequestRebuild
    reproductions: RequestReproduction
    experiments: ShowExperiments
    stop_training: StopTraining
