"""What is kept of products, features, runs and models, and the ledger of what was decided and spent."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from headgate.domain.cost import Budget, CostLine
from headgate.domain.feature_job import StageJob
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.lineage import Edge
from headgate.domain.model import AliasMove, ModelVersion
from headgate.domain.product import GateEvidence, ProductRecord
from headgate.domain.release import Proposal, Release
from headgate.domain.reproduction import Reproduction
from headgate.domain.run import RunRecord


class ProductCatalog(Protocol):
    """Products, their stages and gate evidence."""

    def product(self, name: str) -> ProductRecord:
        """Raises NotFound."""
        ...

    def products(self) -> Sequence[ProductRecord]: ...

    def put_product(self, record: ProductRecord, previous: ProductRecord | None = None) -> None:
        """Replace exactly ``previous`` (None: the product must not be there yet). Raises Conflict."""
        ...

    def change_stage(self, name: str, from_stage: str, to_stage: str, at: str) -> None:
        """Raises Conflict when the product is in another stage by now."""
        ...

    def put_evidence(self, evidence: GateEvidence) -> None: ...

    def evidence(self, product: str) -> Sequence[GateEvidence]:
        """The newest evidence of each gate."""
        ...


class FeatureCatalog(Protocol):
    """Feature versions."""

    def feature_head(self, product: str, feature_set: str) -> FeatureVersionRecord | None: ...

    def feature_version_of_build(
        self, product: str, feature_set: str, build_id: str
    ) -> FeatureVersionRecord | None:
        """The newest version of that build."""
        ...

    def feature_versions(
        self, product: str, feature_set: str, limit: int = 100
    ) -> Sequence[FeatureVersionRecord]: ...

    def commit_features(self, record: FeatureVersionRecord) -> None:
        """Add ``record`` (its ordinal is one more than the head's) and move the head. Raises Conflict, also
        when the head is of this very build; one that was replaced since may be the newest once more.
        """
        ...

    def stage_job(self, product: str, feature_set: str, recipe: str) -> StageJob | None:
        """The newest job of a set and recipe."""
        ...

    def put_stage_job(self, job: StageJob, was: StageJob | None) -> None:
        """Replace ``was``, or the lack of any. Raises Conflict when another is there by now."""
        ...

    def give_up_features(self, product: str, feature_set: str, ordinals: Sequence[int], at: str) -> None:
        """Mark versions as garbage. Idempotent: an older mark stays."""
        ...

    def keep_features(self, product: str, feature_set: str, ordinals: Sequence[int]) -> None:
        """Take marks back."""
        ...


class RunCatalog(Protocol):
    """Training runs, one per run spec digest."""

    def add_run(self, record: RunRecord) -> bool:
        """False when a run of that digest exists already."""
        ...

    def run(self, product: str, digest: str) -> RunRecord:
        """Raises NotFound."""
        ...

    def runs(self, product: str, limit: int = 100) -> Sequence[RunRecord]:
        """Newest first."""
        ...

    def update_run(self, record: RunRecord) -> None: ...


class ReproductionCatalog(Protocol):
    """Models that were asked to be made again, and what came of it."""

    def add_reproduction(self, record: Reproduction) -> None:
        """Raises Conflict when there is one of that id."""
        ...

    def reproduction(self, product: str, name: str) -> Reproduction:
        """Raises NotFound."""
        ...

    def reproductions(self, product: str, version: int, limit: int = 100) -> Sequence[Reproduction]:
        """Of one model version, newest first."""
        ...

    def advance_reproduction(self, record: Reproduction, was: Reproduction) -> None:
        """Replace ``was``. Raises Conflict when its state is another by now."""
        ...


class ModelCatalog(Protocol):
    """Model versions and aliases."""

    def add_model(self, record: ModelVersion) -> None:
        """Raises Conflict when ``record.version`` is not one more than the newest."""
        ...

    def latest_version(self, model: str) -> int:
        """0 when the model has none."""
        ...

    def model_with_digest(self, model: str, digest: str) -> ModelVersion | None: ...

    def model_version(self, model: str, version: int) -> ModelVersion:
        """Raises NotFound."""
        ...

    def model_versions(self, model: str, limit: int = 100) -> Sequence[ModelVersion]: ...

    def alias(self, model: str, alias: str) -> int | None: ...

    def move_alias(self, move: AliasMove) -> None:
        """Raises Conflict when the alias is not at ``move.from_version``."""
        ...

    def alias_moves(self, model: str, alias: str) -> Sequence[AliasMove]:
        """Oldest first."""
        ...

    def add_report(self, model: str, report: Mapping[str, Any]) -> None:
        """A monitoring report (has ``id`` and ``time``); idempotent on both."""
        ...

    def reports(self, model: str, limit: int = 50) -> Sequence[Mapping[str, Any]]:
        """Newest first."""
        ...


class ReleaseCatalog(Protocol):
    """What a product serves, move by move, and who asked for a version to be next."""

    def add_release(self, release: Release, move: AliasMove, accepts: Proposal | None = None) -> None:
        """Write the release, move the alias, and accept the proposal: all or nothing.

        Raises Conflict when the release is not one more than the newest or is dated before it, the alias is
        not at ``move.from_version``, or the proposal is open no more.
        """
        ...

    def latest_release(self, product: str) -> Release | None: ...

    def release(self, product: str, number: int) -> Release:
        """Raises NotFound."""
        ...

    def releases(self, product: str, limit: int = 100) -> Sequence[Release]:
        """Newest first."""
        ...

    def add_proposal(self, proposal: Proposal) -> None:
        """Raises Conflict when one for that version is open already."""
        ...

    def withdraw_proposal(self, proposal: Proposal) -> None:
        """Keep the proposal as it is given: closed. Raises Conflict when it is open no more."""
        ...

    def open_proposal(self, product: str, version: int) -> Proposal | None: ...

    def proposals(self, product: str, limit: int = 100) -> Sequence[Proposal]:
        """Newest first, closed ones too."""
        ...


class Ledger(Protocol):
    """Append-only accounts: decisions, costs, lineage, predictions."""

    def append_decision(self, product: str, entry: Mapping[str, Any]) -> None:
        """Chain one decision onto the product's audit log; idempotent on ``entry['id']``. Raises Conflict
        after many lost races.
        """
        ...

    def decisions(self, product: str, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """Newest first, each with its sequence, hash and previous hash."""
        ...

    def add_cost(self, line: CostLine) -> None: ...

    def costs(self, product: str, month: str) -> Sequence[CostLine]: ...

    def add_edges(self, edges: Sequence[Edge]) -> None: ...

    def upstream(self, node: str) -> Sequence[Edge]: ...

    def index_prediction(self, prediction: str, entry: Mapping[str, Any]) -> None: ...

    def prediction(self, prediction: str) -> Mapping[str, Any]:
        """Raises NotFound."""
        ...

    def reserve(self, product: str, month: str, key: str, limit: float, usd: float) -> Budget:
        """Reserve money in one atomic step, once for each ``key`` (one attempt of a run). Raises
        PreconditionFailed when less is left than asked.
        """
        ...

    def budget(self, product: str, month: str) -> Budget:
        """What is reserved and spent; a limit of 0 where nothing was ever reserved."""
        ...

    def settle(self, product: str, month: str, key: str, spent: float) -> None:
        """Turn the reservation of ``key`` into what was really spent; once, and a no-op for a key that holds
        none.
        """
        ...
