"""Asks for a dataset's table to be made anew from the manifests: a message to the queue of its versions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.published_table import ICEBERG, PublishRequest
from headgate.ports import MessageQueue
from headgate.services.access import Guard
from headgate.services.products import Products
from headgate.services.versions.publish_iceberg import ACTION, classes


@dataclass(frozen=True)
class RequestRebuild:
    """The use case."""

    products: Products
    guard: Guard
    queue: MessageQueue
    new_id: Callable[[], str]

    def request(self, principal: Principal, product: str, dataset: str) -> dict[str, Any]:
        """The message that was sent. Raises NotFound, AccessDenied, and PreconditionFailed when the contract
        asks for no table.
        """
        applied = self.products.get(product)
        contract = applied.product.contract(dataset)
        self.guard.require(applied, principal, ACTION, hrn(product, "dataset", dataset), classes(contract))
        if ICEBERG not in contract.tables:
            raise PreconditionFailed(
                f"the contract of {product}/{dataset} asks for no table; headgateTables: [iceberg] does"
            )
        message = PublishRequest(product, dataset, self.new_id(), principal.id).to_message()
        self.queue.send(message)
        return message
