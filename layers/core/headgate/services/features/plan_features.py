"""What a build of the newest inputs would make, before it runs. Nothing is built and nothing is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from headgate.domain.errors import NotFound
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import Partition, ViewVersion, build_id
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.version import VersionRecord
from headgate.ports import DatasetCatalog, FeatureCatalog, FeatureEngine, ObjectStore
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.features.feature_compute import FeatureCompute
from headgate.services.features.feature_inputs import planned_inputs
from headgate.services.features.feature_manifests import (
    features_prefix,
    load_features,
    load_statistics,
    sketches_of,
)
from headgate.services.features.feature_memo import FeatureMemo
from headgate.services.features.feature_plan import Step, ViewPlan
from headgate.services.features.feature_work import FeatureWork
from headgate.services.features.standing_version import standing_version
from headgate.services.products import Products

ACTION = "headgate:ReadFeatures"
ENGINE = "duckdb 1.5.5"
"""What builds: whoever plans need not have it."""


@dataclass(frozen=True)
class _Version:
    """An engine that can only say what it is."""

    version: str


@dataclass(frozen=True)
class PlanFeatures:
    """The use case."""

    products: Products
    datasets: DatasetCatalog
    features: FeatureCatalog
    lake: ObjectStore
    guard: Guard
    decide: FeatureCompute
    engine: str = ENGINE

    def plan(self, principal: Principal, product: str, feature_set: str) -> dict[str, Any]:
        """``{"product", "feature_set", "engine", "build_id", "inputs": {dataset: ordinal}, "waiting":
        [dataset], "unchanged": ordinal or None, "views": [{"view", "build": incremental or whole, "because",
        "partitions", "to_build", "bytes", "names": [partition]}], "training": {"partitions", "to_build",
        "bytes", "names"}, "stages": [{"stage", "makes": [view], "kind": function, job or array, "workers",
        "tasks", "bytes", "seconds", "usd"}], "total": {"partitions", "to_build", "bytes", "seconds",
        "usd"}}``: bytes are those of Parquet to be read, money is US dollars, the training table is the last
        of the views. What is made of partitions that are not there yet is presumed to be new.

        Raises NotFound, AccessDenied.
        """
        applied = self.products.get(product)
        self.guard.require(applied, principal, ACTION, hrn(product, "features", feature_set))
        declared = applied.product.feature_sets.get(feature_set)
        if declared is None:
            there = ", ".join(sorted(applied.product.feature_sets)) or "none"
            raise NotFound(f"product {product} has no feature set {feature_set!r}; it has {there}")
        heads = {d: self.datasets.dataset_head(product, d) for d in declared.inputs}
        inputs = {d: head for d, head in heads.items() if head is not None}
        told: dict[str, Any] = {
            "product": product,
            "feature_set": feature_set,
            "engine": self.engine,
            "build_id": build_id(declared, {d: h.digest for d, h in inputs.items()}, self.engine),
            "inputs": {d: h.ordinal for d, h in sorted(inputs.items())},
            "waiting": sorted(set(heads) - set(inputs)),
            "unchanged": None,
            "views": [],
            "training": {"partitions": 0, "to_build": 0, "bytes": 0, "names": []},
            "stages": [],
        }
        if not told["waiting"]:
            known = standing_version(self.features, product, feature_set, told["build_id"])
            told["unchanged"] = known.ordinal if known else None
            self._fill(told, self._work(product, declared, inputs))
        made = [*told["views"], told["training"]]
        counted = {n: sum(each[n] for each in made) for n in ("partitions", "to_build", "bytes")}
        spent = {n: round(sum(s[n] for s in told["stages"]), 6) for n in ("seconds", "usd")}
        return {**told, "total": {**counted, **spent}}

    def _work(
        self, product: str, feature_set: FeatureSet, inputs: Mapping[str, VersionRecord]
    ) -> FeatureWork:
        head = self.features.feature_head(product, feature_set.name)
        before = load_features(self.lake, product, feature_set.name, head.digest) if head else None
        sketches = sketches_of(load_statistics(self.lake, before)) if before else {}
        prefix = features_prefix(product, feature_set.name)
        return FeatureWork(
            feature_set=feature_set,
            engine=cast(FeatureEngine, _Version(self.engine)),
            lake=self.lake,
            memo=FeatureMemo(self.lake, prefix, before, sketches),
            prefix=prefix,
            inputs=planned_inputs(self.lake, self.products.get(product).product, inputs),
            directory=Path(),
            chunk_bytes=self.decide.chunk_bytes,
        )

    def _fill(self, told: dict[str, Any], work: FeatureWork) -> None:
        for number, stage in enumerate(work.stages()):
            plans = work.plan(stage)
            missing = work.missing(plans)
            told["views"] += [_view(p, steps) for p, steps in zip(plans, missing, strict=True)]
            makes = [p.view.name for p, steps in zip(plans, missing, strict=True) if steps]
            told["stages"].append(self._stage(number, makes, work.task_bytes(missing)))
            for plan, steps in zip(plans, missing, strict=True):
                work.built[plan.view.name] = _presumed(work, plan, steps)
        joins = work.join_steps()
        found = work.memo.find([s.id for s in joins])
        new = [s for s in joins if s.id not in found]
        told["training"] = {
            "partitions": len(joins),
            "to_build": len(new),
            "bytes": sum(s.bytes for s in new),
            "names": [s.spine.name for s in new],
        }
        name = work.feature_set.name
        told["stages"].append(self._stage(len(told["stages"]), [name], [s.bytes for s in new]))

    def _stage(self, number: int, makes: Sequence[str], tasks: Sequence[int]) -> dict[str, Any]:
        placed = self.decide.place(tasks)
        size = {"tasks": len(tasks), "bytes": sum(tasks)}
        return {"stage": number, "makes": list(makes), **size, **asdict(placed), "usd": round(placed.usd, 6)}


def _view(plan: ViewPlan, missing: Sequence[Step]) -> dict[str, Any]:
    return {
        "view": plan.view.name,
        "build": "whole" if plan.whole_because else "incremental",
        "because": plan.whole_because,
        "partitions": len(plan.steps),
        "to_build": len(missing),
        "bytes": sum(s.bytes for s in missing),
        "names": [s.name for s in missing],
    }


def _presumed(work: FeatureWork, plan: ViewPlan, missing: Sequence[Step]) -> ViewVersion:
    """The view as if it were built: a partition that is not there yet has rows in all of its time."""
    lacking = {s.id for s in missing}
    work.settle([replace(plan, steps=tuple(s for s in plan.steps if s.id not in lacking))])
    built = work.built[plan.view.name]
    new = tuple(_partition(s) for s in missing)
    return replace(built, partitions=tuple(sorted((*built.partitions, *new), key=lambda p: p.name)))


def _partition(step: Step) -> Partition:
    first = iso(step.cut.start) if step.cut else ""
    last = iso(step.cut.end - timedelta(milliseconds=1)) if step.cut else ""
    return Partition(step.name, step.id, step.id, step.id, step.bytes, 1, None, first, last)
