"""Asks for a training run by hand: a message to the queue that events fill too, so both take one path."""

from dataclasses import dataclass
from typing import Any

from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.ports import MessageQueue
from headgate.services.access import Guard
from headgate.services.product_models import training_of
from headgate.services.products import Products

REASON = "manual"


@dataclass(frozen=True)
class RequestTraining:
    """The use case. Budget, duplicates and compute are decided by who takes the message."""

    products: Products
    guard: Guard
    queue: MessageQueue

    def request(self, principal: Principal, product: str) -> dict[str, Any]:
        """The message that was sent: product, reason, principal. Raises NotFound (no training),
        AccessDenied.
        """
        applied = self.products.get(product)
        training = training_of(applied)
        resource = hrn(product, "model", training.model)
        context = {"headgate:ComputeClass": training.compute_class}
        self.guard.require(applied, principal, "headgate:SubmitTraining", resource, context)
        message = {"product": product, "reason": REASON, "principal": principal.id}
        self.queue.send(message)
        return message
