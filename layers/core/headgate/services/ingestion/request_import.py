"""Asks for an import: a message to the queue of ingest, which reads Parquet and knows contracts."""

from dataclasses import dataclass
from typing import Any

from headgate.domain.external_object import ImportRequest, place_of
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.ports import MessageQueue
from headgate.services.access import Guard
from headgate.services.products import Products

ACTION = "headgate:ImportObjects"


@dataclass(frozen=True)
class RequestImport:
    """The use case. Whether the bucket can be read, and what is in it, is found by who takes the message."""

    products: Products
    guard: Guard
    queue: MessageQueue

    def request(self, principal: Principal, product: str, dataset: str, uri: str) -> dict[str, Any]:
        """The message that was sent. Raises NotFound (product, dataset), AccessDenied, and InvalidRequest for
        what is no ``s3://bucket/prefix``.
        """
        bucket, prefix = place_of(uri)
        applied = self.products.get(product)
        applied.product.contract(dataset)
        self.guard.require(applied, principal, ACTION, hrn(product, "dataset", dataset))
        message = ImportRequest(product, dataset, bucket, prefix, principal.id).to_message()
        self.queue.send(message)
        return message
