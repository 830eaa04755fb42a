"""A control plane over the in-memory adapters, and a product that has lived: versions, models, a trace."""

import copy
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from headgate.adapters.memory import (
    Faults,
    ManualClock,
    MemoryBatchCompute,
    MemoryCatalog,
    MemoryEventBus,
    MemoryJobLogs,
    MemoryLedger,
    MemoryObjectStore,
    MemoryOnlineStore,
    MemoryQueue,
    MemoryScratch,
    MemorySigner,
)
from headgate.bootstrap import price_table
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.cost import CostLine
from headgate.domain.dataset import ColumnStats, DataFile, QuarantineRecord, SourceRef, dataset_node
from headgate.domain.erasure import ErasureRecord, Findings
from headgate.domain.events import DomainEvent
from headgate.domain.experiment import Experiment
from headgate.domain.feature_request import FeatureReport, FeatureRequest
from headgate.domain.feature_version import (
    FeatureColumn,
    FeatureManifest,
    FeatureVersionRecord,
    Partition,
    ViewVersion,
    features_node,
)
from headgate.domain.file_table import FileTable
from headgate.domain.garbage import CollectionRecord, Garbage, Kept, Retention
from headgate.domain.identity import Principal
from headgate.domain.lineage import Edge
from headgate.domain.manifest import Manifest, SchemaColumn
from headgate.domain.model import (
    AliasMove,
    GateResult,
    ModelVersion,
    document_key,
    model_node,
    prediction_node,
)
from headgate.domain.model_card import RunEvidence
from headgate.domain.online_space import online_spaces
from headgate.domain.product import Product
from headgate.domain.reproduction import Reproduction
from headgate.domain.reproduction_verdict import Reason, Verdict
from headgate.domain.row_diff import RowDiff, SampleRow, Samples
from headgate.domain.run import RunRecord, run_node
from headgate.domain.version import MAIN, Head, Hold, Tag, VersionRecord
from headgate.domain.version_diff import DiffedVersion, DiffReport, FileChange
from headgate.ports import OnlineRow
from headgate.services.access import Guard
from headgate.services.dispatch.control_plane import ControlPlane
from headgate.services.erasure.request_erasure import RequestErasure
from headgate.services.experiments.show_experiments import ShowExperiments
from headgate.services.features.feature_compute import FeatureCompute
from headgate.services.features.feature_manifests import features_manifest_key, store_statistics
from headgate.services.features.feature_reports import FeatureReports
from headgate.services.features.feature_sets import FeatureSets
from headgate.services.features.hand_out_features import HandOutFeatures
from headgate.services.features.plan_features import PlanFeatures
from headgate.services.features.read_online import ReadOnline
from headgate.services.features.request_features import RequestFeatures
from headgate.services.features.show_features import ShowFeatures
from headgate.services.governance.apply_product import ApplyProduct
from headgate.services.governance.change_stage import ChangeStage
from headgate.services.governance.check_gate import CheckGate
from headgate.services.governance.read_platform import ReadPlatform
from headgate.services.governance.record_events import RecordEvents
from headgate.services.ingestion.request_import import RequestImport
from headgate.services.ingestion.review_quarantine import ReviewQuarantine
from headgate.services.models.compare_models import CompareModels
from headgate.services.models.model_documents import ModelDocuments
from headgate.services.models.promote_model import PromoteModel
from headgate.services.models.propose_model import ProposeModel
from headgate.services.models.read_model import ReadModel
from headgate.services.models.read_releases import ReadReleases
from headgate.services.models.rollback_model import RollbackModel
from headgate.services.models.verify_version import VerifyVersion
from headgate.services.products import AppliedProduct, Products
from headgate.services.reproduction.request_reproduction import RequestReproduction
from headgate.services.retention.request_collection import RequestCollection
from headgate.services.retention.request_feature_collection import RequestFeatureCollection
from headgate.services.serving.trace_prediction import TracePrediction
from headgate.services.training.read_run_logs import ReadRunLogs
from headgate.services.training.request_training import RequestTraining
from headgate.services.training.stop_training import StopTraining
from headgate.services.versions.branches import open_branch, start_branch
from headgate.services.versions.commit_version import Line
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.diff_reports import DiffReports
from headgate.services.versions.history import History
from headgate.services.versions.manifests import Manifests, data_key
from headgate.services.versions.merge_branch import MergeBranch
from headgate.services.versions.name_version import NameVersion
from headgate.services.versions.publish_version import PublishVersion
from headgate.services.versions.request_diff import RequestDiff
from headgate.services.versions.request_rebuild import RequestRebuild
from headgate.services.versions.rollback_dataset import RollbackDataset

ALICE = Principal("user/alice", ("ml-engineers",), {"team": "flights"})
BOB = Principal("user/bob", ("data-scientists",))
MALLORY = Principal("user/mallory")
ARTIFACT = b"a model"
RUN, TRIAL, EXPERIMENT = "a" * 64, "b" * 64, "e" * 64
_STATISTICS = (ColumnStats("flight", "VARCHAR", 0, "UA1", "UA9"),)
SOURCE = SourceRef("landing", "flights/flights/2013 01+é.csv", "v-1", "5" * 64, 2_500_000)

_COLUMNS = [
    {"name": "flight", "type": "VARCHAR", "required": True},
    {"name": "time_hour", "type": "TIMESTAMPTZ", "required": True},
    {"name": "carrier", "type": "VARCHAR", "allowed": ["UA", "DL"]},
    {"name": "late", "type": "BOOLEAN"},
]
_CONTRACT = {
    "name": "flights",
    "version": "1.0.0",
    "format": "csv",
    "publish": "manual",
    "tables": ["iceberg"],
    "columns": _COLUMNS,
}
_SPINE = {
    "name": "departures",
    "kind": "spine",
    "inputs": ["flights"],
    "entity": ["flight"],
    "event_time": "time_hour",
    "max_age_seconds": None,
    "online": False,
    "sql": "SELECT flight, time_hour, carrier, late FROM flights",
}
_NOW = {
    **_SPINE,
    "name": "carrier_now",
    "kind": "feature",
    "entity": ["carrier"],
    "max_age_seconds": 7200,
    "online": True,
    "sql": "SELECT carrier, time_hour, count(*) AS flights_now FROM flights GROUP BY ALL",
}
STATISTICS: dict[str, Any] = {
    "columns": {
        "carrier": {"kind": "categorical", "rows": 200, "nulls": 0, "values": {"UA": 150}, "others": 50}
    },
    "partitions": {},
}
_PARTITION = Partition(
    *("2013-01", "1" * 64, f"flights/features/late/data/{'5' * 64}.parquet", "5" * 64, 1000, 200, 30),
    *("2013-01-01T00:00:00.000Z", "2013-01-31T00:00:00.000Z"),
)
_CARRIER = FeatureColumn("carrier", "VARCHAR", "request", "departures")
FEATURES = FeatureManifest(
    product="flights",
    feature_set="late",
    recipe="c" * 64,
    engine="duckdb 1.5.5",
    seed=0,
    inputs={"flights": "d" * 64},
    columns=(_CARRIER,),
    partitions=(_PARTITION,),
    label_rows=200,
    views=(ViewVersion("departures", "e" * 64, (_CARRIER,), (_PARTITION,), "it declares no window"),),
    statistics=digest(STATISTICS),
    tests=({"view": "departures", "tests": [{"name": "window", "passed": True}]},),
)
FEATURES_DIGEST = FEATURES.digest
POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "EngineersOperate",
            "Effect": "Allow",
            "Principal": {"Headgate": ["group/ml-engineers"]},
            "Action": "headgate:*",
            "Resource": "hrn:flights:*",
        },
        {
            "Sid": "ScientistsRead",
            "Effect": "Allow",
            "Principal": {"Headgate": ["group/data-scientists"]},
            "Action": ["headgate:Read*", "headgate:PromoteModel"],
            "Resource": "hrn:flights:*",
        },
        {
            "Sid": "OnlyEngineersPromote",
            "Effect": "Deny",
            "Principal": {"Headgate": ["group/data-scientists"]},
            "Action": "headgate:PromoteModel",
            "Resource": "hrn:flights:model/*",
        },
        {
            "Sid": "AuditIsForEngineers",
            "Effect": "Deny",
            "Principal": {"Headgate": ["group/data-scientists"]},
            "Action": "headgate:ReadAudit",
            "Resource": "*",
        },
    ],
}
_BUNDLE: dict[str, Any] = {
    "format": "headgate.product/1",
    "name": "flights",
    "title": "Late arrivals",
    "owner": "team-flights",
    "stage": "poc",
    "datasets": {"flights": _CONTRACT},
    "views": {"departures": _SPINE, "carrier_now": _NOW},
    "feature_sets": {
        "late": {
            "name": "late",
            "spine": "departures",
            "on_demand": None,
            "views": ["carrier_now"],
            "label": "late",
        }
    },
    "training": {
        "model": "late_arrival",
        "feature_set": "late",
        "trainer": "lightgbm",
        "compute_class": "cpu",
        "params": {"rounds": 10},
        "seed": 7,
        "split": {"train": ["2013-01-01", "2013-09-01"], "holdout": ["2013-09-01", "2013-10-01"]},
        "features": [{"name": "carrier", "kind": "categorical"}],
        "label": "late",
        "baselines": [{"name": "carrier_hour", "mean_by": ["carrier"]}],
        "gates": {"min_auc": 0.65, "max_auc": 0.95},
        "budget_usd_per_month": 5.0,
        "timeout_seconds": 1800,
        "search": {"method": "grid", "space": {"rounds": [10, 20]}},
    },
    "policy": POLICY,
    "sources": {"flights.odps.yaml": "1" * 64},
}


def bundle(**changes: Any) -> dict[str, Any]:
    """The bundle of the product flights, as JSON brings it, with ``changes`` at its top level."""
    whole: dict[str, Any] = json.loads(json.dumps({**_BUNDLE, **changes}))
    return whole


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with ``value`` at a dotted ``path``; a value of ... takes the field away."""
    whole = copy.deepcopy(document)
    *parents, last = path.split(".")
    place: Any = whole
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    at = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[at]
    else:
        place[at] = value
    return whole


def metrics(auc: float = 0.72, low: float = 0.05, **changes: Any) -> dict[str, Any]:
    """Metrics as registration writes them."""
    return {
        "auc": auc,
        "baselines": {"constant": 0.5, "carrier_hour": 0.63},
        "skill": {"value": auc - 0.63, "low": low, "high": 0.12, "against": "carrier_hour"},
        "window": ["2013-09-01", "2013-10-01"],
        **changes,
    }


def model_version(version: int, product: str = "flights", **changes: Any) -> ModelVersion:
    fields: dict[str, Any] = {
        "model": "late_arrival",
        "version": version,
        "product": product,
        "digest": f"{version:064x}",
        "run": RUN,
        "feature_set": "late",
        "feature_version": FEATURES_DIGEST,
        "artifact_key": f"flights/runs/{RUN}/out/model.onnx",
        "signature": {"inputs": [{"name": "carrier"}], "outputs": [{"name": "score"}]},
        "metrics": metrics(),
        "gates": (GateResult("min_auc", True, 0.72, ">=", 0.65),),
        "created_at": "2030-01-01T00:00:00.000Z",
        "artifact_sha256": sha256(ARTIFACT).hexdigest(),
        **changes,
    }
    return ModelVersion(**fields)


def manifest(ordinal: int, dataset: str = "flights") -> Manifest:
    """Version ``ordinal`` of a line of versions that each add a file."""
    files = tuple(
        DataFile(
            data_key("flights", dataset, f"{n:064x}"), 1000, f"{n:064x}", 100, _STATISTICS, SOURCE, (n, n + 1)
        )
        for n in range(ordinal)
    )
    return Manifest(
        product="flights",
        dataset=dataset,
        ordinal=ordinal,
        parents=() if ordinal == 1 else (manifest(ordinal - 1, dataset).digest,),
        operation="append",
        contract_version="1.0.0",
        schema=(SchemaColumn("flight", "VARCHAR", True, "internal"),),
        table=FileTable(recent=files),
        checks=({"name": "required", "severity": "error", "passed": True, "rows": 0},),
    )


def dataset_version(
    ordinal: int, dataset: str = "flights", seconds: float = 0.5, branch: str = MAIN
) -> VersionRecord:
    return VersionRecord(
        product="flights",
        dataset=dataset,
        ordinal=ordinal,
        digest=manifest(ordinal, dataset).digest,
        parent=None if ordinal == 1 else manifest(ordinal - 1, dataset).digest,
        operation="append",
        rows=100 * ordinal,
        files=ordinal,
        bytes=1000,
        added_rows=100,
        created_at="2030-01-01T00:00:00.000Z",
        sources=(SOURCE,),
        ingest_seconds=seconds,
        ingest_bytes=2_500_000,
        branch=branch,
        visible=((1, ordinal),),
    )


def commit(catalog: MemoryCatalog, record: VersionRecord) -> None:
    """``record`` on top of main, with its manifest."""
    view = catalog.commit_view(record.product, record.dataset, record.branch, record.sources)
    catalog.commit_version(record, manifest(record.ordinal, record.dataset), view)


DATASET_DIGEST = manifest(1).digest


@dataclass
class World:
    """Every adapter of one control plane, and the plane. What is published reaches the ledger by `settle`."""

    folder: Path
    faults: Faults = field(default_factory=Faults)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        counter = itertools.count(1)
        self.new_id: Callable[[], str] = lambda: f"id-{next(counter)}"
        self.catalog = MemoryCatalog(self.faults)
        self.lake = MemoryObjectStore("lake", self.folder, self.faults)
        self.artifacts = MemoryObjectStore("models", self.folder, self.faults)
        self.compute = MemoryBatchCompute(faults=self.faults)
        self.ledger = MemoryLedger(self.faults)
        self.bus = MemoryEventBus(self.faults)
        self.queue = MemoryQueue("train", self.faults)
        self.ingest_queue = MemoryQueue("ingest", self.faults)
        self.maintain_queue = MemoryQueue("maintain", self.faults)
        self.publish_queue = MemoryQueue("publish", self.faults)
        self.feature_queue = MemoryQueue("features", self.faults)
        self.online = MemoryOnlineStore(self.faults)
        self.compute = MemoryBatchCompute(faults=self.faults)
        self.logs = MemoryJobLogs(self.faults)
        self.bus.subscribe(RecordEvents(self.ledger, MemoryObjectStore("logs", self.folder)).record)
        self.restart()

    def restart(self) -> None:
        """New service objects over the same stores, as in another process."""
        catalog, ledger, bus, clock = self.catalog, self.ledger, self.bus, self.clock
        self.products = Products(catalog, self.lake)
        self.guard = guard = Guard(bus, clock, self.new_id)
        products = self.products
        datasets = Datasets(products, catalog, catalog, self.lake, guard, bus, clock)
        sets = FeatureSets(products, catalog, self.lake, guard, clock)
        self.documents = ModelDocuments(self.artifacts, MemorySigner())
        scratch = MemoryScratch(self.folder / "scratch")
        read_model = ReadModel(products, catalog, self.documents, guard, scratch)
        signed = VerifyVersion(self.documents, scratch)
        promotion = PromoteModel(products, catalog, catalog, guard, bus, clock, signed)
        self.plane = ControlPlane(
            apply_product=ApplyProduct(products, catalog, self.lake, guard, bus, clock),
            read=ReadPlatform(
                products=products,
                catalog=catalog,
                run_catalog=catalog,
                model_catalog=catalog,
                ledger=ledger,
                guard=guard,
                clock=clock,
            ),
            promote_model=promotion,
            propose_model=ProposeModel(products, catalog, catalog, guard, bus, clock),
            rollback_model=RollbackModel(promotion),
            releases=ReadReleases(products, catalog, guard, clock),
            read_model=read_model,
            compare_models=CompareModels(read_model),
            check_gate=CheckGate(products, catalog, catalog, catalog, guard, clock, catalog),
            change_stage=ChangeStage(products, catalog, guard, bus, clock),
            trace_prediction=TracePrediction(products, ledger, guard),
            run_logs=ReadRunLogs(products, catalog, catalog, self.compute, self.logs, guard),
            request_training=RequestTraining(products, guard, self.queue, price_table()),
            experiments=ShowExperiments(products, catalog, catalog, self.artifacts, ledger, guard, clock),
            stop_training=StopTraining(products, catalog, catalog, self.compute, guard, bus, clock),
            request_import=RequestImport(products, guard, self.ingest_queue),
            reproductions=RequestReproduction(
                *(products, catalog, catalog, self.queue, guard, clock, price_table(), self.new_id)
            ),
            request_rebuild=RequestRebuild(products, guard, self.publish_queue, lambda: "generation-1"),
            erasure=RequestErasure(datasets, catalog, self.maintain_queue, self.new_id),
            quarantine=ReviewQuarantine(products, catalog, self.ingest_queue, guard, bus, clock),
            history=History(datasets),
            names=NameVersion(datasets),
            rollback=RollbackDataset(datasets),
            merge=MergeBranch(datasets),
            publish=PublishVersion(datasets),
            collections=RequestCollection(datasets, catalog, self.maintain_queue, self.new_id),
            diffs=RequestDiff(datasets, self.maintain_queue),
            features=ShowFeatures(sets),
            feature_files=HandOutFeatures(sets),
            feature_requests=RequestFeatures(sets, self.feature_queue, self.new_id),
            feature_plans=PlanFeatures(
                products, catalog, catalog, self.lake, guard, FeatureCompute(price_table(), 1 << 30, 3008)
            ),
            feature_collections=RequestFeatureCollection(sets, catalog, self.maintain_queue, self.new_id),
            online=ReadOnline(sets, self.online),
        )

    def apply(self, **changes: Any) -> AppliedProduct:
        document = bundle(**changes)
        self.plane.apply_product.apply(ALICE, document["name"], document)
        return self.products.get(document["name"])

    def register(self, version: ModelVersion) -> None:
        """The version with all that registration leaves of it: artifact, documents, signature."""
        self.artifacts.put(version.artifact_key, ARTIFACT, "application/octet-stream")
        self.catalog.add_model(version)
        self.documents.write(version, RunEvidence(spec={}))

    def unsign(self, version: ModelVersion) -> None:
        """As it was before documents and signatures were kept."""
        for entry in list(self.artifacts.entries(self.document(version, ""))):
            self.artifacts.delete(entry.key, entry.version_id)

    def document(self, version: ModelVersion, name: str) -> str:
        """Its key."""
        return document_key(version.product, version.model, version.version, name)

    def settle(self) -> None:
        """Let what was published reach the ledger."""
        self.bus.deliver()

    def decisions(self) -> list[dict[str, Any]]:
        """The details of every published decision, in order."""
        return [event.detail for event in self.bus.of_type("AccessDecided")]

    def facts(self, kind: str) -> tuple[DomainEvent, ...]:
        return self.bus.of_type(kind)


def lived_world(folder: Path) -> World:
    """A world where flights was applied, fed, trained, promoted and asked."""
    world = World(folder)
    applied = world.apply()
    catalog, ledger = world.catalog, world.ledger
    _give_history(world)
    catalog.add_quarantine(
        QuarantineRecord(
            "q-1",
            "flights",
            "flights",
            "landing",
            "flights/flights/bad.csv",
            "v-9",
            "ragged_rows",
            "3 rows have too many fields",
            3,
            ({"line": 7},),
            "2030-01-01T00:00:00.000Z",
        )
    )
    catalog.commit_features(
        FeatureVersionRecord(
            product="flights",
            feature_set="late",
            ordinal=1,
            digest=FEATURES_DIGEST,
            build_id="b" * 64,
            inputs={"flights": DATASET_DIGEST},
            rows=200,
            partitions=1,
            min_event_time="2013-01-01T00:00:00.000Z",
            max_event_time="2013-01-31T00:00:00.000Z",
            created_at="2030-01-01T00:00:00.000Z",
            seconds=1.5,
            built=2,
            steps=2,
        )
    )
    _give_features(world)
    job = _give_job(world)
    catalog.add_run(
        RunRecord(
            product="flights",
            model="late_arrival",
            digest=RUN,
            state="REGISTERED",
            spec_uri="s3://models/flights/runs/x/spec.json",
            feature_set="late",
            feature_version=FEATURES_DIGEST,
            compute_class="cpu",
            estimated_cost_usd=0.1,
            submitted_by="service/train",
            created_at="2030-01-01T00:00:00.000Z",
            job_id=job,
        )
    )
    catalog.add_reproduction(
        Reproduction(
            product="flights",
            id="v2-20300101000000-r1",
            model="late_arrival",
            version=2,
            against="declared",
            spec=applied.record.spec,
            requested_by="user/alice",
            requested_at="2030-01-01T00:00:00.000Z",
            run=RUN,
        ).judged(
            Verdict("differs", (Reason("seed", "training", 7, 8),), "the model is another one"),
            "2030-01-01T00:10:00.000Z",
        )
    )
    _give_experiment(world)
    for version in (1, 2):
        world.register(model_version(version))
    catalog.move_alias(
        AliasMove(
            "late_arrival", "champion", None, 1, "service/register", "first", "2030-01-01T00:00:00.000Z"
        )
    )
    catalog.add_report("late_arrival", {"id": "r-1", "time": "2030-01-01T00:00:00.000Z", "psi": 0.3})
    ledger.add_cost(
        CostLine("c-1", "flights", "training", 60.0, "seconds", 0.25, "2030-01-01T00:00:00.000Z", RUN)
    )
    ledger.add_edges(lineage())
    ledger.index_prediction(
        "p-1", {"prediction": "p-1", "product": "flights", "model": "late_arrival", "version": 1}
    )
    assert applied.record.stage == "poc"
    catalog.put_erasure(
        ErasureRecord(
            *("e-1", "flights", "flights", ("flight",), 1, "salt", "5" * 64, "asked", "user/alice"),
            *("2030-01-01T00:00:00.000Z", False, "erased", "2030-01-01T00:01:00.000Z"),
            findings=Findings(rows=2, models=("model/late_arrival/2",)),
        )
    )
    world.settle()
    return world


def _give_job(world: World) -> str:
    """The job of the run, which has ended and left two lines."""
    job = world.compute.submit(name="run", compute_class="cpu", parameters={}, timeout_seconds=60)
    world.compute.settle(job, "SUCCEEDED", exit_code=0, log_stream="trainer/default/1")
    for at, line in ((1_893_456_000_000, '{"event": "run_started"}'), (1_893_456_009_000, "done")):
        world.logs.write("trainer/default/1", at, line)
    return job


def _give_experiment(world: World) -> None:
    """An experiment of two trials: the known run, and one whose job is at work."""
    job = world.compute.submit(
        name="trials", compute_class="cpu", parameters={"run_spec": "s3://models/x"}, timeout_seconds=60
    )
    known = world.catalog.run("flights", RUN)
    trial = replace(
        known, digest=TRIAL, state="SUBMITTED", job_id=None, experiment=EXPERIMENT, params={"rounds": 20}
    )
    world.catalog.add_run(replace(trial, created_at="2029-12-31T00:00:00.000Z"))
    world.catalog.add_experiment(
        Experiment(
            product="flights",
            id=EXPERIMENT,
            model="late_arrival",
            state="SUBMITTED",
            method="grid",
            metric="auc",
            direction="max",
            runs=(RUN, TRIAL),
            array=(TRIAL,),
            trials_uri="s3://models/flights/experiments/e/trials.json",
            compute_class="cpu",
            estimated_cost_usd=0.2,
            submitted_by="user/alice",
            created_at="2030-01-01T00:00:00.000Z",
            job_id=job,
        )
    )
    world.ledger.reserve("flights", "2030-01", f"experiment-{EXPERIMENT}", 5.0, 0.2)


def _give_features(world: World) -> None:
    """The manifest and statistics of the feature version, an online row, a build and a comparison."""
    lake, at = world.lake, "2030-01-01T00:00:00.000Z"
    lake.put(
        features_manifest_key("flights", "late", FEATURES_DIGEST), canonical_json(FEATURES.to_document())
    )
    store_statistics(lake, "flights", "late", STATISTICS)
    values = {"flights_now": 3}
    (place,) = online_spaces(Product.from_document(_BUNDLE).feature_sets["late"]).values()
    row = OnlineRow("flights", place, "UA", "2013-01-31T00:00:00.000Z", values, FEATURES_DIGEST)
    world.online.write([row])
    built = FeatureReport(FeatureRequest("build", "flights", "late", "b-1", ALICE.id, at))
    FeatureReports(lake).put(built.done(at, {"outcome": "unchanged", "detail": "", "version": 1}))
    view = {"view": "carrier_now", "checked": 9, "equal": 8, "different": 1}
    example = {"key": "UA", "offline": values, "online": None}
    compared = FeatureReport(FeatureRequest("parity", "flights", "late", "c-1", ALICE.id, at))
    FeatureReports(lake).put(compared.done(at, {"different": 1, "views": [{**view, "examples": [example]}]}))


def _give_history(world: World) -> None:
    """Two versions on main and one that waits; a branch, a tag and a hold on the first."""
    catalog, at = world.catalog, "2030-01-01T00:00:00.000Z"
    for ordinal in (1, 2, 3):
        Manifests(world.lake, "flights", "flights").store(manifest(ordinal), ())
    for ordinal in (1, 2):
        commit(catalog, dataset_version(ordinal))
    pending = Line("flights", "flights", "pending")
    open_branch(catalog, catalog, pending, "service/ingest", at)
    commit(catalog, dataset_version(3, branch="pending"))
    work, first = Line("flights", "flights", "work"), dataset_version(1)
    start_branch(catalog, work, Head(first, manifest(1)), ALICE.id, at)
    catalog.add_tag("flights", "flights", Tag("first", 1, first.digest, ALICE.id, at))
    catalog.put_collection(_collection())
    catalog.put_collection(replace(_collection(), id="f-1", dataset="late", of="features"))
    DiffReports(world.lake).put(_diff())
    catalog.add_hold("flights", "flights", Hold("case-7", 1, ALICE.id, at, "asked for"))


def _collection() -> CollectionRecord:
    return CollectionRecord(
        id="c-1",
        product="flights",
        dataset="flights",
        requested_by=ALICE.id,
        requested_at="2030-01-01T00:00:00.000Z",
        dry_run=True,
        retention=Retention(),
        state="done",
        collected=((1, 1),),
        objects=1,
        bytes=10,
        listed=(Garbage("flights/datasets/flights/data/x", "v", 10, "2030-01-01T00:00:00.000Z", "v1"),),
        kept=(Kept(2, "head of main"),),
    )


def _diff() -> DiffReport:
    sample = Samples(added=(SampleRow({"flight": "UA1"}),))
    return DiffReport(
        id="d" * 64,
        product="flights",
        dataset="flights",
        before=DiffedVersion.of(dataset_version(1)),
        after=DiffedVersion.of(dataset_version(2)),
        key=("flight",),
        limit=1,
        requested_by=ALICE.id,
        requested_at="2030-01-01T00:00:00.000Z",
        state="done",
        schema=(),
        statistics=(),
        files=FileChange(1, 100, 0, 0, 1, 100),
        rows=RowDiff(added=100, samples=sample),
        unchanged=100,
    )


def lineage() -> list[Edge]:
    """prediction -> model -> run -> features -> dataset -> object, and the online features beside it."""
    features = features_node("flights", "late", FEATURES_DIGEST)
    dataset = dataset_node("flights", "flights", DATASET_DIGEST)
    run = run_node("flights", RUN)
    source = {"sha256": SOURCE.sha256, "bytes": SOURCE.bytes, "key": SOURCE.key}
    return [
        Edge(prediction_node("p-1"), model_node("late_arrival", 1), "infer", {"alias": "champion"}),
        Edge(prediction_node("p-1"), features, "infer", {"online": True}),
        Edge(model_node("late_arrival", 1), run, "register/late_arrival"),
        Edge(run, features, "train/late_arrival"),
        Edge(features, dataset, "features/flights/late", {"ordinal": 1}),
        Edge(dataset, SOURCE.node, "ingest/flights/flights", source),
    ]
