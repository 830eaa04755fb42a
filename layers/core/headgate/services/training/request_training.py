"""Asks for training by hand, of a run or of a search: a message to the queue that events fill too, so that
both take one path.
"""

from dataclasses import dataclass
from typing import Any

from headgate.domain.cost import PriceTable
from headgate.domain.errors import ConfigurationError, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.training_request import TrainingRequest
from headgate.ports import MessageQueue
from headgate.services.access import Guard
from headgate.services.product_models import training_of
from headgate.services.products import Products


@dataclass(frozen=True)
class RequestTraining:
    """The use case. Budget, duplicates and compute are decided by who takes the message."""

    products: Products
    guard: Guard
    queue: MessageQueue
    prices: PriceTable

    def request(self, principal: Principal, product: str) -> dict[str, Any]:
        """The message that was sent: product, reason, principal. Raises NotFound (no training),
        AccessDenied.
        """
        applied = self.products.get(product)
        training = training_of(applied)
        resource = hrn(product, "model", training.model)
        context = {"headgate:ComputeClass": training.compute_class}
        self.guard.require(applied, principal, "headgate:SubmitTraining", resource, context)
        return self._send(TrainingRequest("run", product, "manual", principal.id))

    def experiment(self, principal: Principal, product: str, purpose: str) -> dict[str, Any]:
        """The message that was sent, with what all trials cost at most if each has to be computed.

        Raises NotFound (no training), PreconditionFailed (no search, or no price), AccessDenied.
        """
        applied = self.products.get(product)
        training = training_of(applied)
        if training.search is None:
            raise PreconditionFailed(f"product {product} declares no search in its training.yaml")
        trials = len(training.search.configurations())
        try:
            each = self.prices.compute_usd(training.compute_class, training.timeout_seconds)
        except ConfigurationError as unpriced:
            raise PreconditionFailed(str(unpriced)) from unpriced
        usd = round(each * trials, 6)
        context = {"headgate:ComputeClass": training.compute_class, "headgate:EstimatedCostUSD": str(usd)}
        resource = hrn(product, "model", training.model)
        self.guard.require(applied, principal, "headgate:SubmitTraining", resource, context)
        asked = TrainingRequest("experiment", product, "experiment", principal.id, purpose=purpose)
        return {**self._send(asked), "trials": trials, "estimated_cost_usd": usd}

    def _send(self, request: TrainingRequest) -> dict[str, Any]:
        message = request.to_message()
        self.queue.send(message)
        return message
