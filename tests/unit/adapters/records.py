"""Records for the adapters' tests: complete, and different where a test says so."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from headgate.domain.cost import CostLine
from headgate.domain.dataset import ColumnStats, DataFile, QuarantineRecord, SourceRef
from headgate.domain.events import DomainEvent
from headgate.domain.experiment import Experiment
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.file_table import FileTable
from headgate.domain.manifest import Manifest, SchemaColumn
from headgate.domain.model import AliasMove, GateResult, ModelVersion
from headgate.domain.product import Criterion, GateEvidence, ProductRecord
from headgate.domain.release import Closure, Proposal, Release, proposal_id
from headgate.domain.run import RunRecord
from headgate.domain.version import MAIN, Branch, CommitView, Head, Hold, Tag, VersionRecord
from headgate.ports import DatasetCatalog, OnlineRow

TIME = "2030-01-01T00:00:00.000Z"


def at(second: int) -> str:
    """The instant ``second`` seconds after `TIME`, for less than an hour."""
    return f"2030-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z"


def source(name: str) -> SourceRef:
    return SourceRef("landing", f"shop/orders/{name}.csv", "v1", f"sha-{name}", 10)


def version(
    ordinal: int,
    digest: str = "",
    parent: str | None = "",
    sources: tuple[SourceRef, ...] = (),
    **changes: Any,
) -> VersionRecord:
    """Version ``ordinal`` of shop/orders; by default named d<ordinal>, on top of d<ordinal - 1>, showing all
    up to itself.
    """
    before = None if ordinal == 1 else f"d{ordinal - 1}"
    record = VersionRecord(
        product="shop",
        dataset="orders",
        ordinal=ordinal,
        digest=digest or f"d{ordinal}",
        parent=before if parent == "" else parent,
        operation="append",
        rows=10 * ordinal,
        files=ordinal,
        bytes=100 * ordinal,
        added_rows=10,
        created_at=at(ordinal),
        sources=sources,
        ingest_seconds=0.1 + 0.2,
        ingest_bytes=10,
        author="user/ada",
        message="für später",
        visible=((1, ordinal),),
    )
    return replace(record, **changes)


def file(name: str, columns: int = 1, rows: int = 10) -> DataFile:
    """A data file; its statistics are hard to compress."""
    stats = tuple(
        ColumnStats(f"column_{n}", "VARCHAR", n, sha256(f"{name}{n}".encode()).hexdigest(), None)
        for n in range(columns)
    )
    key = f"shop/datasets/orders/data/{name}.parquet"
    return DataFile(key, 100, f"sha-{name}", rows, stats, source(name), (0, rows))


def manifest(record: VersionRecord, *files: DataFile) -> Manifest:
    """A manifest of ``record``. The catalog keeps both and compares neither."""
    return Manifest(
        product=record.product,
        dataset=record.dataset,
        ordinal=record.ordinal,
        parents=(record.parent,) if record.parent else (),
        operation=record.operation,
        contract_version="1.0.0",
        schema=(SchemaColumn("amount", "DOUBLE", True, "internal", ("preis",)),),
        table=FileTable(recent=files or (file(record.digest),)),
        checks=({"name": "required:amount", "severity": "error", "passed": True, "rows": 0},),
        note={"of": record.digest},
    )


def committed(
    catalog: DatasetCatalog, record: VersionRecord, view: CommitView | None = None
) -> VersionRecord:
    """``record``, committed on what ``view`` saw: by default what there is now."""
    seen = view or catalog.commit_view(record.product, record.dataset, record.branch, record.sources)
    catalog.commit_version(record, manifest(record), seen)
    return record


def tag(name: str, ordinal: int = 1) -> Tag:
    return Tag(name, ordinal, f"d{ordinal}", "user/ada", TIME, "vor dem Umbau")


def hold(name: str, ordinal: int = 1) -> Hold:
    return Hold(name, ordinal, "user/ada", TIME, "case 7")


def branch(name: str, head: Head | None) -> Branch:
    """A branch that starts at ``head``."""
    digest, ordinal = (head.record.digest, head.record.ordinal) if head else ("", 0)
    return Branch(name, digest, ordinal, "user/ada", TIME, ordinal, digest)


def head(catalog: DatasetCatalog, name: str = MAIN) -> Head | None:
    """Where a branch of shop/orders stands."""
    return catalog.commit_view("shop", "orders", name, ()).head


def refused(name: str, product: str = "shop", second: int = 0) -> QuarantineRecord:
    return QuarantineRecord(
        id=name,
        product=product,
        dataset="orders",
        bucket="landing",
        key="shop/orders/a b.csv",
        version_id="v1",
        rule="required",
        reason="amount is missing",
        rows=2,
        sample=({"line": 3, "column": "amount", "error": "empty"},),
        created_at=at(second),
    )


def features(ordinal: int, build: str = "") -> FeatureVersionRecord:
    return FeatureVersionRecord(
        product="shop",
        feature_set="spend",
        ordinal=ordinal,
        digest=f"f{ordinal}",
        build_id=build or f"b{ordinal}",
        inputs={"orders": f"d{ordinal}"},
        rows=3,
        partitions=1,
        min_event_time=TIME,
        max_event_time=TIME,
        created_at=at(ordinal),
        seconds=1 / 3,
    )


def product(name: str = "shop", stage: str = "poc") -> ProductRecord:
    return ProductRecord(name, "The shop", "group/sales", stage, "s" * 64, TIME)


def evidence(stage: str, passed: bool = True, found: str = "0.71") -> GateEvidence:
    return GateEvidence(
        product="shop",
        stage=stage,
        passed=passed,
        criteria=(Criterion("skill", passed, found, "0.65"),),
        evidence={"auc": 0.1 + 0.2, "runs": [1, 2]},
        checked_at=TIME,
        checked_by="user/ada",
        spec="s" * 64,
    )


def run(digest: str, second: int = 0, **changes: Any) -> RunRecord:
    record = RunRecord(
        product="shop",
        model="churn",
        digest=digest,
        state="SUBMITTED",
        spec_uri=f"s3://models/shop/runs/{digest}/spec.json",
        feature_set="spend",
        feature_version="f1",
        compute_class="cpu",
        estimated_cost_usd=0.1,
        submitted_by="user/ada",
        created_at=at(second),
    )
    return replace(record, **changes)


def experiment(name: str, second: int = 0, **changes: Any) -> Experiment:
    record = Experiment(
        product="shop",
        id=name,
        model="churn",
        state="SUBMITTED",
        method="grid",
        metric="auc",
        direction="max",
        runs=("r1", "r2", "r3"),
        trials_uri=f"s3://models/shop/experiments/{name}/trials.json",
        compute_class="cpu",
        estimated_cost_usd=0.1 + 0.2,
        submitted_by="user/ada",
        created_at=at(second),
        array=("r2", "r3"),
    )
    return replace(record, **changes)


def model(number: int, digest: str = "") -> ModelVersion:
    return ModelVersion(
        model="churn",
        version=number,
        product="shop",
        digest=digest or f"m{number}",
        run=f"r{number}",
        feature_set="spend",
        feature_version="f1",
        artifact_key=f"shop/runs/r{number}/out/model.onnx",
        signature={"inputs": [{"name": "amount", "kind": "numeric"}]},
        metrics={"auc": 2 / 3},
        gates=(GateResult("min_auc", True, 2 / 3, ">=", 0.65),),
        created_at=at(number),
    )


def closure(version: int) -> Closure:
    return Closure(
        datasets={"orders": {"digest": f"d{version}", "ordinal": version}},
        feature_set="spend",
        feature_version="f1",
        model="churn",
        version=version,
        model_digest=f"m{version}",
        artifact_sha256="a" * 64,
        run=f"r{version}",
        code_digest="c" * 64,
        config_digest="e" * 64,
        environment_digest="sha256:image",
    )


def release(number: int, from_version: int | None, version: int, second: int = 0) -> Release:
    return Release(
        product="shop",
        number=number,
        kind="promote",
        closure=closure(version),
        from_version=from_version,
        principal="user/ada",
        proposed_by=None,
        reason="better",
        moved_at=at(second),
    )


def proposal(version: int, second: int = 0, principal: str = "user/ada") -> Proposal:
    id_ = proposal_id("shop", version, principal, at(second))
    return Proposal("shop", id_, "churn", version, principal, "better", at(second))


def move(from_version: int | None, to_version: int, second: int = 0, alias: str = "champion") -> AliasMove:
    return AliasMove("churn", alias, from_version, to_version, "user/ada", "better", at(second))


def cost(name: str, usd: float = 0.25, time: str = TIME) -> CostLine:
    return CostLine(name, "shop", "training", 120.0, "seconds", usd, time, "r1")


def online_row(
    key: str, event_time: str = TIME, product: str = "shop", space: str = "spend", **more: Any
) -> OnlineRow:
    fields: dict[str, Any] = {"values": {"total": 0.1 + 0.2, "name": "ö"}, "feature_version": "f1", **more}
    return OnlineRow(product=product, space=space, key=key, event_time=event_time, **fields)


def event(name: str, kind: str = "ProductApplied", **detail: Any) -> DomainEvent:
    return DomainEvent(kind, "shop", name, TIME, detail or {"price": 0.1 + 0.2, "note": "ü"})
