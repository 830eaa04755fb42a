"""Asks for a registered model to be made again, and shows what came of it. The work is done by who takes the
message.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.cost import PriceTable
from headgate.domain.errors import NotFound
from headgate.domain.identity import Principal
from headgate.domain.model import ModelVersion
from headgate.domain.policy import hrn
from headgate.domain.reproduction import Against, Reproduction, reproduction_id
from headgate.ports import Clock, MessageQueue, ModelCatalog, ReproductionCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.product_models import training_of, version_of
from headgate.services.products import AppliedProduct, Products

REPRODUCE = "headgate:ReproduceModel"
READ = "headgate:ReadModel"


@dataclass(frozen=True)
class RequestReproduction:
    """The use case. Raises NotFound, AccessDenied. ``queue`` is the one of the function that submits jobs."""

    products: Products
    models: ModelCatalog
    reproductions: ReproductionCatalog
    queue: MessageQueue
    guard: Guard
    clock: Clock
    prices: PriceTable
    new_id: Callable[[], str]

    def ask(self, principal: Principal, product: str, version: int, against: Against) -> dict[str, Any]:
        """The record as it begins: state ``asked``. It is there before the message is."""
        applied, model = self._model(principal, product, version, REPRODUCE)
        now = self.clock.now()
        record = Reproduction(
            product=product,
            id=reproduction_id(version, now, self.new_id()[-8:]),
            model=model.model,
            version=version,
            against=against,
            spec=applied.record.spec,
            requested_by=principal.id,
            requested_at=iso(now),
        )
        self.reproductions.add_reproduction(record)
        self.queue.send(record.to_message())
        return asdict(record)

    def show(self, principal: Principal, product: str, version: int, name: str) -> dict[str, Any]:
        self._model(principal, product, version, READ)
        record = self.reproductions.reproduction(product, name)
        if record.version != version:
            raise NotFound(f"version {version} has no reproduction {name}")
        return asdict(record)

    def list(self, principal: Principal, product: str, version: int, limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        _, model = self._model(principal, product, version, READ)
        found = self.reproductions.reproductions(product, version, limit)
        return [asdict(record) for record in found if record.model == model.model]

    def _model(
        self, principal: Principal, product: str, version: int, action: str
    ) -> tuple[AppliedProduct, ModelVersion]:
        """Policy is asked first: asking tells nobody which versions there are."""
        applied = self.products.get(product)
        training = training_of(applied)
        resource = hrn(product, "model", training.model, version)
        usd = self.prices.compute_usd(training.compute_class, training.timeout_seconds)
        context = {"headgate:EstimatedCostUSD": str(round(usd, 6))}
        context |= {"headgate:ComputeClass": training.compute_class}
        self.guard.require(applied, principal, action, resource, context if action == REPRODUCE else None)
        return applied, version_of(self.models, applied, version)
