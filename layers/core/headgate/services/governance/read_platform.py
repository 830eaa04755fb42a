"""Reads for people: products, versions, runs, models, costs, decisions. It changes nothing and computes
next to nothing.

Every method asks the product's policy first: ``headgate:ReadProduct`` on the product,
``headgate:ReadAudit`` for decisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.cost import CostLine
from headgate.domain.errors import InvalidRequest
from headgate.domain.identity import Principal
from headgate.domain.model import ModelVersion
from headgate.domain.policy import ACTIONS, Explanation, hrn
from headgate.domain.policy_vocabulary import check_hrn, did_you_mean, product_of
from headgate.domain.product import GateEvidence, ProductRecord
from headgate.domain.run import RunRecord
from headgate.ports import (
    Clock,
    Ledger,
    ModelCatalog,
    ProductCatalog,
    RunCatalog,
)
from headgate.services.access import READ_PRODUCT, Guard
from headgate.services.models.promote_model import ALIASES
from headgate.services.product_models import training_of, version_of, versions_of
from headgate.services.products import AppliedProduct, Products


@dataclass(frozen=True)
class ModelListing:
    """A product's model: its versions, newest first, and where its aliases are."""

    model: str
    versions: Sequence[ModelVersion]
    aliases: Mapping[str, int | None]


@dataclass(frozen=True)
class CostListing:
    """One month's cost lines and their sum in US dollars."""

    month: str
    lines: Sequence[CostLine]
    usd: float


@dataclass(frozen=True)
class ReadPlatform:
    """The use case; a method a question. Each raises NotFound and AccessDenied."""

    products: Products
    catalog: ProductCatalog
    run_catalog: RunCatalog
    model_catalog: ModelCatalog
    ledger: Ledger
    guard: Guard
    clock: Clock

    def list_products(self, principal: Principal, limit: int) -> Sequence[ProductRecord]:
        """The products the principal may read. What is left out of a list is not a decision, so none is
        recorded.
        """
        readable = []
        for record in self.catalog.products():
            applied = self.products.get(record.name)
            resource = hrn(record.name, "product", record.name)
            if self.guard.explain(applied, principal, READ_PRODUCT, resource).decision.allowed:
                readable.append(applied.record)
        return readable[:limit]

    def product(self, principal: Principal, product: str) -> AppliedProduct:
        return self._readable(principal, product)

    def runs(self, principal: Principal, product: str, limit: int) -> Sequence[RunRecord]:
        self._readable(principal, product)
        return self.run_catalog.runs(product, limit)

    def run(self, principal: Principal, product: str, digest: str) -> RunRecord:
        self._readable(principal, product)
        return self.run_catalog.run(product, digest)

    def models(self, principal: Principal, product: str, limit: int) -> ModelListing:
        applied = self._readable(principal, product)
        model = training_of(applied).model
        aliases = {alias: self.model_catalog.alias(model, alias) for alias in ALIASES}
        return ModelListing(model, versions_of(self.model_catalog, applied, limit), aliases)

    def model(self, principal: Principal, product: str, version: int) -> ModelVersion:
        return version_of(self.model_catalog, self._readable(principal, product), version)

    def reports(self, principal: Principal, product: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """Drift and performance reports of the product's model, newest first."""
        applied = self._readable(principal, product)
        return self.model_catalog.reports(training_of(applied).model, limit)

    def gates(self, principal: Principal, product: str) -> Sequence[GateEvidence]:
        self._readable(principal, product)
        return self.catalog.evidence(product)

    def costs(self, principal: Principal, product: str, month: str | None) -> CostListing:
        """``month`` is ``yyyy-mm``; the present one when it is None."""
        self._readable(principal, product)
        asked = month or f"{self.clock.now():%Y-%m}"
        lines = self.ledger.costs(product, asked)
        return CostListing(asked, lines, round(sum(line.usd for line in lines), 6))

    def decisions(self, principal: Principal, product: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """The audit log, newest first."""
        applied = self.products.get(product)
        self.guard.require(applied, principal, "headgate:ReadAudit", hrn(product, "audit", product))
        return self.ledger.decisions(product, limit)

    def explain_access(self, principal: Principal, product: str, action: str, resource: str) -> Explanation:
        """How the policy would answer the principal. Raises InvalidRequest for an unknown action or
        resource.
        """
        applied = self._readable(principal, product)
        if action not in ACTIONS:
            raise InvalidRequest(f"action {action!r} is not known{did_you_mean(action, ACTIONS)}")
        check_hrn(resource)
        if product_of(resource) != product:
            raise InvalidRequest(f"{resource} is of product {product_of(resource)}, not of {product}")
        return self.guard.explain(applied, principal, action, resource)

    def _readable(self, principal: Principal, product: str) -> AppliedProduct:
        applied = self.products.get(product)
        self.guard.require_reading(applied, principal)
        return applied
