"""Checks a stage's gate: gathers what was measured, judges it, and keeps the evidence a stage change rests
on.
"""

from dataclasses import dataclass

from headgate.domain.gate import (
    DEFAULT_LEAK_CEILING,
    Skill,
    Throughput,
    evidence_document,
    later_criteria,
    poc_criteria,
)
from headgate.domain.gate_reproduction import reproduced
from headgate.domain.identity import Principal
from headgate.domain.model import CHAMPION, ModelVersion
from headgate.domain.policy import hrn
from headgate.domain.product import Criterion, GateEvidence, next_stage
from headgate.ports import Clock, DatasetCatalog, ModelCatalog, ProductCatalog, ReproductionCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.products import AppliedProduct, Products

VERSIONS_LOOKED_AT = 100


@dataclass(frozen=True)
class CheckGate:
    """The use case."""

    products: Products
    catalog: ProductCatalog
    datasets: DatasetCatalog
    models: ModelCatalog
    guard: Guard
    clock: Clock
    reproductions: ReproductionCatalog

    def check(self, principal: Principal, product: str, stage: str) -> GateEvidence:
        """The evidence for the gate out of ``stage``, stored as its newest, passed or not.

        Raises InvalidRequest for an unknown stage, AccessDenied.
        """
        next_stage(stage)
        applied = self.products.get(product)
        self.guard.require(applied, principal, "headgate:CheckGate", hrn(product, "product", product))
        evidence = self._evidence(applied, stage, principal)
        self.catalog.put_evidence(evidence)
        return evidence

    def _evidence(self, applied: AppliedProduct, stage: str, principal: Principal) -> GateEvidence:
        if stage == "poc":
            skill, ceiling, throughput = (
                self._skill(applied),
                _leak_ceiling(applied),
                self._throughput(applied),
            )
            training = applied.product.training
            declared = [] if training is None else [str(baseline["name"]) for baseline in training.baselines]
            criteria = poc_criteria(skill, declared, ceiling, throughput)
            numbers = evidence_document(skill, ceiling, throughput)
        else:
            criteria, numbers = later_criteria(stage), {}
            if stage == "mvp":
                criteria = (*criteria, self._reproduced(applied))
        return GateEvidence(
            product=applied.record.name,
            stage=stage,
            passed=all(criterion.passed for criterion in criteria),
            criteria=criteria,
            evidence=numbers,
            checked_at=iso(self.clock.now()),
            checked_by=principal.id,
            spec=applied.record.spec,
        )

    def _reproduced(self, applied: AppliedProduct) -> Criterion:
        version = self._champion_or_newest(applied)
        if version is None:
            return reproduced(None, ())
        records = self.reproductions.reproductions(version.product, version.version)
        return reproduced(version.version, [each for each in records if each.model == version.model])

    def _skill(self, applied: AppliedProduct) -> Skill | None:
        version = self._champion_or_newest(applied)
        return None if version is None else Skill.of(version)

    def _champion_or_newest(self, applied: AppliedProduct) -> ModelVersion | None:
        training = applied.product.training
        if training is None:
            return None
        champion = self.models.alias(training.model, CHAMPION)
        number = champion or self.models.latest_version(training.model)
        if not number:
            return None
        version = self.models.model_version(training.model, number)
        return version if version.product == applied.record.name else None

    def _throughput(self, applied: AppliedProduct) -> list[Throughput]:
        """Over the newest versions of each dataset; how fast it was a hundred versions ago is no evidence."""
        product = applied.record.name
        return [
            Throughput.of(name, self.datasets.dataset_versions(product, name, VERSIONS_LOOKED_AT))
            for name in sorted(applied.product.datasets)
        ]


def _leak_ceiling(applied: AppliedProduct) -> float:
    training = applied.product.training
    return DEFAULT_LEAK_CEILING if training is None else training.gates.get("max_auc", DEFAULT_LEAK_CEILING)
