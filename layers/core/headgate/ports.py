"""Ports: what services need from the outside, as small Protocols named for a role. Each docstring lists what
is raised.

Every port has an in-memory adapter in ``headgate.adapters.memory`` that is part of the product.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.cost import Budget, CostLine
from headgate.domain.dataset import ColumnStats, QuarantineRecord, SourceRef
from headgate.domain.dataset_input import DatasetInput
from headgate.domain.erasure import ErasureRecord
from headgate.domain.events import DomainEvent
from headgate.domain.external_object import ExternalObject
from headgate.domain.feature import FeatureColumn, FeatureSet, FeatureVersionRecord, FeatureView
from headgate.domain.garbage import CollectionRecord
from headgate.domain.job import Job
from headgate.domain.lineage import Edge
from headgate.domain.manifest import Manifest, SchemaColumn
from headgate.domain.model import AliasMove, ModelVersion
from headgate.domain.product import GateEvidence, ProductRecord
from headgate.domain.published_table import TableId, TableVersion
from headgate.domain.row_diff import RowComparison, RowDiff
from headgate.domain.training import RunRecord
from headgate.domain.version import MAIN, Branch, CommitView, Head, Hold, Tag, VersionRecord


class Clock(Protocol):
    """Time, so that tests own it."""

    def now(self) -> datetime:
        """The present, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds for measuring durations."""
        ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class ObjectEntry:
    """One version of an object; the size in bytes, ``last_modified`` ISO-8601 UTC with milliseconds.

    ``is_latest`` is None where the store was not asked (`ObjectStore.head` of a named version); the version
    under a delete marker is not the latest. ``sha256`` is hexadecimal, None where the store keeps none of the
    whole object or was not asked (`ObjectStore.entries`).
    """

    key: str
    version_id: str
    bytes: int
    last_modified: str
    is_latest: bool | None
    sha256: str | None = None


class ObjectStore(Protocol):
    """One bucket. Raises NotFound for a missing key or version, PermissionMissing, Throttled."""

    bucket: str

    def get(self, key: str, version_id: str | None = None) -> bytes: ...

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None: ...

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        """Write the object to ``path`` without holding it in memory; returns the sha256 of what was read."""
        ...

    def upload(self, path: Path, key: str) -> None: ...

    def exists(self, key: str) -> bool: ...

    def head(self, key: str, version_id: str | None = None) -> ObjectEntry:
        """What is known of an object without reading it; its newest version unless one is named."""
        ...

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        """Every version of every object whose key starts with ``prefix``, delete markers left out: by key, of
        one key the newest first. What is written meanwhile may be among them or not.
        """
        ...

    def delete(self, key: str, version_id: str) -> None:
        """Remove exactly this version, for good: if it was the newest, the one before it is seen again.
        Removing what is not there does nothing. Raises InvalidRequest without a version, which would only
        hide the object.
        """
        ...

    def uri(self, key: str) -> str:
        """A URI the SQL engine can read: ``s3://…``, or a local path for the in-memory store."""
        ...


class DatasetCatalog(Protocol):
    """Versions of datasets: branches' heads, records, sources that are known."""

    def dataset_head(self, product: str, dataset: str, branch: str = MAIN) -> VersionRecord | None:
        """None for main before its first version. Raises NotFound for a branch that does not exist."""
        ...

    def dataset_version(self, product: str, dataset: str, ordinal: int) -> VersionRecord:
        """Raises NotFound."""
        ...

    def dataset_versions(
        self, product: str, dataset: str, limit: int = 100, before: int | None = None
    ) -> Sequence[VersionRecord]:
        """Of all branches, newest first, with ordinals below ``before``."""
        ...

    def commit_view(
        self, product: str, dataset: str, branch: str, sources: Sequence[SourceRef]
    ) -> CommitView:
        """Everything a committer must know, in one read (at most MAX_SOURCES sources). Its parts may be of
        different moments; `commit_version` finds that out. Of several versions that added the same bytes
        it names the newest that the head shows, else the newest. Raises NotFound for a branch that does not
        exist.
        """
        ...

    def commit_version(
        self, record: VersionRecord, manifest: Manifest, view: CommitView, reuses: Sequence[int] = ()
    ) -> None:
        """Move the head of ``record.branch`` from where ``view`` saw it to ``record``: the record, the
        ordinal, the sources and the head move together or not at all. Raises Conflict when the head, the
        ordinal or one of the sources is elsewhere by now, StateUnknown when the answer was lost.
        """
        ...

    def remember(self, product: str, dataset: str, objects: Mapping[str, int]) -> None:
        """From now on `commit_view` says of these objects (by identity) that a version holds them, unless it
        says so of one already. Idempotent.
        """
        ...

    def bury(self, product: str, dataset: str, sha256s: Sequence[str], erasure: str) -> None:
        """From now on `commit_view` says of these bytes that they were erased. Idempotent."""
        ...


class RefCatalog(Protocol):
    """Names of versions: tags, branches, and holds that keep a version from being collected. What adds a name
    raises Collected when the version was given up as garbage.
    """

    def add_tag(self, product: str, dataset: str, tag: Tag) -> None:
        """Idempotent for the same version; raises Conflict when the name means another one."""
        ...

    def tags(self, product: str, dataset: str) -> Sequence[Tag]:
        """Sorted by name."""
        ...

    def add_branch(self, product: str, dataset: str, branch: Branch, head: Head | None) -> None:
        """A branch that starts at ``head`` (None: at nothing). Raises Conflict when the name is taken."""
        ...

    def delete_branch(self, product: str, dataset: str, name: str) -> None:
        """Raises NotFound. Versions made on it keep their records."""
        ...

    def branches(self, product: str, dataset: str) -> Sequence[Branch]:
        """Sorted by name; main is not among them."""
        ...

    def add_hold(self, product: str, dataset: str, hold: Hold) -> None:
        """Idempotent on the hold's name."""
        ...

    def release_hold(self, product: str, dataset: str, name: str) -> None:
        """Raises NotFound."""
        ...

    def holds(self, product: str, dataset: str) -> Sequence[Hold]:
        """Sorted by name."""
        ...


class GarbageCatalog(Protocol):
    """Which versions were given up as garbage. The mark stands before anything is deleted, and nothing may
    take over or name a marked version: whoever looks for names after marking sees all there will be.
    """

    def mark_collected(self, product: str, dataset: str, ordinals: Sequence[int], at: str) -> None:
        """Idempotent: an older mark stays."""
        ...

    def clear_collected(self, product: str, dataset: str, ordinals: Sequence[int]) -> None:
        """Take marks back."""
        ...


class CollectionCatalog(Protocol):
    """What became of each collection of garbage."""

    def put_collection(self, record: CollectionRecord) -> None:
        """Replace what is kept under the record's id."""
        ...

    def collection(self, product: str, dataset: str, name: str) -> CollectionRecord:
        """Raises NotFound."""
        ...

    def collections(self, product: str, dataset: str, limit: int = 100) -> Sequence[CollectionRecord]:
        """Newest first."""
        ...


class QuarantineCatalog(Protocol):
    """Drops that were refused, and what became of them."""

    def add_quarantine(self, record: QuarantineRecord) -> None:
        """Idempotent on the record's id: a record that is closed stays closed. From now on a
        `DatasetCatalog.commit_view` of the object says that it was refused.
        """
        ...

    def quarantined(self, product: str, dataset: str, name: str) -> QuarantineRecord:
        """Raises NotFound."""
        ...

    def quarantine(self, product: str, limit: int = 100) -> Sequence[QuarantineRecord]:
        """Newest first."""
        ...

    def close_quarantine(self, record: QuarantineRecord) -> None:
        """Replace an open record by ``record``, whose state is replayed or discarded. Raises Conflict when it
        is closed by now.
        """
        ...

    def redact_quarantine(self, record: QuarantineRecord) -> None:
        """Replace a record, open or closed, by ``record``, which tells less of the rows."""
        ...


class ErasureCatalog(Protocol):
    """What was asked to be erased, and what became of it."""

    def put_erasure(self, record: ErasureRecord) -> None: ...

    def erasure(self, product: str, name: str) -> ErasureRecord:
        """Raises NotFound."""
        ...

    def erasures(self, product: str, limit: int = 100) -> Sequence[ErasureRecord]:
        """Newest first."""
        ...


class FeatureCatalog(Protocol):
    """Feature versions."""

    def feature_head(self, product: str, feature_set: str) -> FeatureVersionRecord | None: ...

    def feature_version_of_build(
        self, product: str, feature_set: str, build_id: str
    ) -> FeatureVersionRecord | None: ...

    def feature_versions(
        self, product: str, feature_set: str, limit: int = 100
    ) -> Sequence[FeatureVersionRecord]: ...

    def commit_features(self, record: FeatureVersionRecord) -> None:
        """Add ``record`` (its ordinal is one more than the head's) and move the head. Raises Conflict."""
        ...


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

    def settle(self, product: str, month: str, key: str, spent: float) -> None:
        """Turn the reservation of ``key`` into what was really spent; once, and a no-op for a key that holds
        none.
        """
        ...


@dataclass(frozen=True)
class OnlineRow:
    """The newest values of one entity of one view. ``event_time`` is ISO-8601 UTC, '' without one."""

    product: str
    view: str
    key: str
    event_time: str
    values: Mapping[str, Any]
    feature_version: str
    expires_at: int | None = None


class OnlineStore(Protocol):
    """Newest feature rows by key. Raises Throttled."""

    def write(self, rows: Sequence[OnlineRow]) -> int:
        """Write the rows that are not older than what is there; returns how many were written."""
        ...

    def read(self, product: str, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], OnlineRow]:
        """Rows by (view, key); absent ones are left out."""
        ...

    def keys(self, product: str, view: str) -> Iterator[str]:
        """Every key of a view, in no order. Reads the whole store: for what is rare."""
        ...

    def remove(self, product: str, keys: Sequence[tuple[str, str]]) -> None:
        """Rows by (view, key) are gone; absent ones already are."""
        ...


class EventBus(Protocol):
    """Publishes facts. Raises Throttled, or StateUnknown when some were not accepted."""

    def publish(self, events: Sequence[DomainEvent]) -> None: ...


class MessageQueue(Protocol):
    """One queue to send to. Raises Throttled."""

    def send(self, body: Mapping[str, Any]) -> None: ...


class BatchCompute(Protocol):
    """Submits and describes jobs. Raises ConfigurationError for a compute class that is not deployed,
    Throttled, PermissionMissing.
    """

    def submit(
        self, *, name: str, compute_class: str, parameters: Mapping[str, str], timeout_seconds: int
    ) -> str:
        """Returns the job id. ``parameters`` fill the places that the job definition's command names."""
        ...

    def describe(self, job_id: str) -> Job:
        """Raises NotFound."""
        ...


@dataclass(frozen=True)
class Converted:
    """What ingest made of one source file: the Parquet file's path, rows, column statistics and the result of
    every check.
    """

    path: Path
    rows: int
    columns: tuple[ColumnStats, ...]
    checks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Checked:
    """What is known of an object that was checked in place: its rows, column statistics and the result of
    every check.
    """

    rows: int
    columns: tuple[ColumnStats, ...]
    checks: tuple[dict[str, Any], ...]


class IngestEngine(Protocol):
    """Turns one source file into Parquet while checking its contract."""

    def convert(
        self,
        source: Path,
        source_name: str,
        contract: Contract,
        target: Path,
        context: CheckContext | None = None,
    ) -> Converted:
        """``context`` may be left out for a contract that looks at nothing but the drop. Raises DropRefused
        with the failed rule and rows (nothing is left at ``target`` then), Retryable when a dataset that the
        contract refers to cannot be read now.
        """
        ...


KeyColumns = Sequence[Sequence[str]]
"""The columns of a key, each by its present name and the names it had."""


@dataclass(frozen=True)
class Rest:
    """What is left of a file: rows, statistics of its columns, and how many rows have a true label."""

    rows: int
    columns: tuple[ColumnStats, ...] = ()
    positives: int = 0


class ErasureEngine(Protocol):
    """Finds the rows of a subject in data files, and writes files without them. A file in which a key column
    has none of its names holds no subject.
    """

    def holding(
        self, uris: Sequence[str], keys: KeyColumns, values: Sequence[Sequence[str]]
    ) -> Mapping[str, int]:
        """Rows of the subject by URI; files without any are left out."""
        ...

    def without(
        self,
        source: Path,
        keys: KeyColumns,
        values: Sequence[Sequence[str]],
        target: Path,
        columns: Sequence[tuple[str, str]] = (),
        label: str = "",
    ) -> Rest:
        """Write ``source`` to ``target`` without the subject's rows, the others as they were. Statistics are
        made of ``columns`` (name, type), positives are counted of ``label``.
        """
        ...


@dataclass(frozen=True)
class BuiltPartition:
    month: str
    path: Path
    rows: int
    positives: int | None
    min_event_time: str
    max_event_time: str


@dataclass(frozen=True)
class OnlineValue:
    """One entity's newest row: key parts joined by the entity columns' order."""

    key: str
    event_time: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class BuiltFeatures:
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[BuiltPartition, ...]
    label_rows: int
    online: Mapping[str, Sequence[OnlineValue]]


class ImportEngine(Protocol):
    """Checks the contract of a Parquet object that stays where it is."""

    def check(self, uri: str, name: str, contract: Contract, context: CheckContext | None = None) -> Checked:
        """Reads the object at ``uri``; what is told of it calls it ``name``. ``context`` is as for
        `IngestEngine`. Raises DropRefused with the failed rule and rows, Retryable when the object cannot be
        reached now.
        """
        ...


class ExternalObjects(Protocol):
    """Buckets that are not the platform's. Raises NotFound, PermissionMissing, Throttled."""

    def is_versioned(self, bucket: str) -> bool:
        """Whether each write makes a version of its own, so that what was imported stays readable."""
        ...

    def objects(self, bucket: str, prefix: str) -> Iterator[ExternalObject]:
        """The newest version of every object below ``prefix``, by key."""
        ...

    def sha256(self, found: ExternalObject) -> str:
        """Digest of the bytes of this very version, read once and kept nowhere."""
        ...


class DiffEngine(Protocol):
    """Compares the rows of two versions."""

    def compare(self, asked: RowComparison, seconds: float) -> RowDiff:
        """Raises PreconditionFailed when it takes longer than ``seconds`` or more than the engine may use,
        InvalidRequest when a value of a file does not fit its column's type, Retryable when a file cannot be
        read now, Corrupted when it is not what it should be. No message holds a value.
        """
        ...


class FeatureEngine(Protocol):
    """Builds a feature set in a locked-down SQL engine. Raises InvalidRequest when a view's SQL is refused or
    fails.
    """

    @property
    def version(self) -> str: ...

    def build(
        self, feature_set: FeatureSet, inputs: Mapping[str, DatasetInput], target: Path
    ) -> BuiltFeatures:
        """``inputs`` are dataset versions by the dataset's name; partitions are written below ``target``."""
        ...

    def on_demand(
        self, view: FeatureView, request: Sequence[Mapping[str, Any]], types: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The view's features for each request row, in order."""
        ...


class LoadedModel(Protocol):
    """One model in memory. Raises InvalidRequest when inputs do not fit its signature."""

    def score(self, columns: Mapping[str, Sequence[Any]]) -> list[float]:
        """One score a row; ``columns`` has one sequence of equal length per input, None where missing."""
        ...


class ModelRuntime(Protocol):
    """Loads ONNX models. Raises Corrupted when the bytes are no model."""

    def load(self, artifact: Path) -> LoadedModel: ...


@dataclass(frozen=True)
class RowWindow:
    """Rows of a feature version: Parquet URIs, and the half-open interval of event time (ISO-8601 UTC). Rows
    come in the order of event time, then entity.
    """

    uris: tuple[str, ...]
    event_time: str
    entity: tuple[str, ...]
    start: str
    end: str


class EvaluationEngine(Protocol):
    """Reads feature partitions for scoring and for drift, with bounded memory."""

    def rows(self, window: RowWindow, columns: Sequence[str]) -> Iterator[Mapping[str, Sequence[Any]]]:
        """Batches of columns, None where missing."""
        ...

    def group_means(
        self, train: RowWindow, window: RowWindow, label: str, mean_by: Sequence[str]
    ) -> Sequence[float]:
        """One baseline score for each row of ``window``: the label's mean over the training rows with the
        same ``mean_by``.
        """
        ...

    def histograms(
        self, window: RowWindow, features: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Sequence[int]]:
        """Counts of each feature over its reference: numeric ``{"kind", "edges"}`` gives len(edges)+1 bins
        and the nulls; categorical ``{"kind", "categories"}`` gives one count a category, then others, then
        nulls.
        """
        ...


class Statistics(Protocol):
    """Numbers over labels (0 or 1) and scores of equal length."""

    def auc(self, labels: Sequence[int], scores: Sequence[float]) -> float:
        """Area under the ROC curve; 0.5 when one class is absent."""
        ...

    def skill(
        self, labels: Sequence[int], scores: Sequence[float], baseline: Sequence[float], seed: int
    ) -> Mapping[str, float]:
        """AUC difference with a 95% bootstrap interval: ``{"value", "low", "high", "resamples"}``."""
        ...


class PublishedTable(Protocol):
    """One table of another engine's catalog, as it was when it was opened."""

    @property
    def generation(self) -> str:
        """What it was made for: empty, or the rebuild that made it."""
        ...

    @property
    def ordinal(self) -> int:
        """The newest version that it shows, 0 for none."""
        ...

    @property
    def digest(self) -> str:
        """The digest of that version; empty when there is none, or when the table was changed by others."""
        ...

    def publish(self, version: TableVersion) -> None:
        """Add the version as one snapshot, in one step: readers see all of it or nothing.

        Raises Conflict when another worker came first: open the table again. Raises Corrupted when the change
        does not lead to the version's rows, PreconditionFailed when the table cannot become what the version
        is.
        """
        ...


class TableCatalog(Protocol):
    """Tables that other engines read. Raises Throttled, StateUnknown, PermissionMissing."""

    def find(self, table: TableId) -> PublishedTable | None:
        """The table as it is now. Raises InvalidRequest when its name is another dataset's."""
        ...

    def create(self, table: TableId, schema: Sequence[SchemaColumn], generation: str) -> PublishedTable:
        """An empty table. One of another generation goes, for good, with all files of its own; one of this
        generation stays as it is.
        """
        ...


@dataclass(frozen=True)
class S3Access:
    """Credentials and address for httpfs; ``endpoint`` is a URL, or None for AWS itself."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    region: str
    endpoint: str | None


S3AccessProvider = Callable[[], S3Access]


class Scratch(Protocol):
    """Temporary disk."""

    def directory(self) -> AbstractContextManager[Path]:
        """A fresh directory that is gone after the with block."""
        ...
