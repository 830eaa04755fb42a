"""Takes a product bundle: checks it whole, keeps it in the lake under its digest, makes it the current one.

Who may: the policy that is applied decides; for the first application, the policy in the bundle itself. A
bundle whose own policy would shut its applier out is refused, so that nobody locks a product by a slip. The
stage is not changed here. Order of effects: bundle, catalog, event. Each is harmless to repeat, so a retry
ends right wherever it was cut.
"""

from dataclasses import dataclass, replace
from typing import Any

from headgate.domain import events
from headgate.domain.bundle import read_bundle
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.errors import InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.product import Product, ProductRecord
from headgate.domain.product_diff import DatasetChange, product_diff
from headgate.ports import Clock, EventBus, ObjectStore, ProductCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.products import AppliedProduct, Products, spec_key

ACTION = "headgate:ApplyProduct"


@dataclass(frozen=True)
class Application:
    """What applying did: ``created`` for the first time, ``changed`` when the current bundle is another one
    now.
    """

    product: ProductRecord
    created: bool
    changed: bool


@dataclass(frozen=True)
class ApplyProduct:
    """The use case. ``lake`` takes the bundle, ``catalog`` the pointer to it."""

    products: Products
    catalog: ProductCatalog
    lake: ObjectStore
    guard: Guard
    bus: EventBus
    clock: Clock

    def apply(self, principal: Principal, name: str, document: Any) -> Application:
        """Applies ``document`` as product ``name``; the same bundle again changes nothing.

        Raises InvalidRequest for the bundle, AccessDenied, Conflict when the product was changed meanwhile,
        and PreconditionFailed when its model belongs to another product, or when a contract breaks what was
        promised without declaring it.
        """
        product = read_bundle(document)
        if product.name != name:
            raise InvalidRequest(f"bundle.name: is {product.name!r}, the request is for {name!r}")
        current = self._current(name)
        proposed = AppliedProduct(self._record(product, current), product)
        self._authorize(principal, proposed, current)
        self._check_contracts(product, current)
        self._check_model_is_free(product)
        changed = current is None or current.record.spec != proposed.record.spec
        if changed:
            self.lake.put(
                spec_key(name, product.digest), canonical_json(product.document), "application/json"
            )
            self.catalog.put_product(proposed.record, current.record if current else None)
        self._publish(proposed.record, principal)
        return Application(proposed.record, created=current is None, changed=changed)

    def _current(self, name: str) -> AppliedProduct | None:
        try:
            return self.products.get(name)
        except NotFound:
            return None

    def _record(self, product: Product, current: AppliedProduct | None) -> ProductRecord:
        """The record to be; of an unchanged bundle the present one, time included."""
        if current is not None and current.record.spec == product.digest:
            return current.record
        now = iso(self.clock.now())
        if current is not None:
            return replace(
                current.record, title=product.title, owner=product.owner, spec=product.digest, updated_at=now
            )
        return ProductRecord(
            name=product.name,
            title=product.title,
            owner=product.owner,
            stage=product.declared_stage,
            spec=product.digest,
            updated_at=now,
        )

    def _authorize(
        self, principal: Principal, proposed: AppliedProduct, current: AppliedProduct | None
    ) -> None:
        name = proposed.record.name
        resource = hrn(name, "product", name)
        self.guard.require(current or proposed, principal, ACTION, resource)
        if current is not None:
            decision = self.guard.explain(proposed, principal, ACTION, resource).decision
            if not decision.allowed:
                raise InvalidRequest(f"bundle.policy: would shut out {principal.id}: {decision.reason}")

    def _check_contracts(self, product: Product, current: AppliedProduct | None) -> None:
        """Versions, readers and droppers rely on a contract: what breaks them must be meant."""
        refused = [c for c in product_diff(current.product if current else None, product) if c.refused]
        if refused:
            told = "; ".join(f"bundle.datasets.{c.dataset}: {_sentences(c)}: {c.remedy}" for c in refused)
            raise PreconditionFailed(
                f"breaking contract changes that nobody declared (see `headgate product diff`): {told}"
            )

    def _check_model_is_free(self, product: Product) -> None:
        """Model names are shared by all products: a second owner would govern the first one's model."""
        if product.training is None:
            return
        for record in self.catalog.products():
            if record.name == product.name:
                continue
            other = self.products.get(record.name).product.training
            if other is not None and other.model == product.training.model:
                raise PreconditionFailed(
                    f"bundle.training.model: {product.training.model!r} is the model of product {record.name}"
                )

    def _publish(self, record: ProductRecord, principal: Principal) -> None:
        name = digest({"product": record.name, "spec": record.spec, "at": record.updated_at})
        detail = {"spec": record.spec, "stage": record.stage, "principal": principal.id}
        self.bus.publish([DomainEvent(events.PRODUCT_APPLIED, record.name, name, record.updated_at, detail)])


def _sentences(dataset: DatasetChange) -> str:
    return "; ".join(change.sentence for change in dataset.refused)
