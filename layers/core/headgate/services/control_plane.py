"""What the control plane's routes call: one field a use case. The composition root fills it."""

from dataclasses import dataclass

from headgate.services.apply_product import ApplyProduct
from headgate.services.change_stage import ChangeStage
from headgate.services.check_gate import CheckGate
from headgate.services.compare_models import CompareModels
from headgate.services.hand_out_features import HandOutFeatures
from headgate.services.history import History
from headgate.services.merge_branch import MergeBranch
from headgate.services.name_version import NameVersion
from headgate.services.plan_features import PlanFeatures
from headgate.services.promote_model import PromoteModel
from headgate.services.propose_model import ProposeModel
from headgate.services.publish_version import PublishVersion
from headgate.services.read_model import ReadModel
from headgate.services.read_online import ReadOnline
from headgate.services.read_platform import ReadPlatform
from headgate.services.read_releases import ReadReleases
from headgate.services.read_run_logs import ReadRunLogs
from headgate.services.request_collection import RequestCollection
from headgate.services.request_diff import RequestDiff
from headgate.services.request_erasure import RequestErasure
from headgate.services.request_features import RequestFeatures
from headgate.services.request_import import RequestImport
from headgate.services.request_rebuild import RequestRebuild
from headgate.services.request_reproduction import RequestReproduction
from headgate.services.request_training import RequestTraining
from headgate.services.review_quarantine import ReviewQuarantine
from headgate.services.rollback_dataset import RollbackDataset
from headgate.services.rollback_model import RollbackModel
from headgate.services.show_experiments import ShowExperiments
from headgate.services.show_features import ShowFeatures
from headgate.services.stop_training import StopTraining
from headgate.services.trace_prediction import TracePrediction


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
    online: ReadOnline
    request_import: RequestImport
    request_rebuild: RequestRebuild
    reproductions: RequestReproduction
    experiments: ShowExperiments
    stop_training: StopTraining
