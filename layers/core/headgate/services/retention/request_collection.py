"""Asks for a collection of garbage, and shows what became of it. Who takes the message collects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate.domain.garbage import CollectionRecord, CollectionRequest, Retention
from headgate.domain.identity import Principal
from headgate.ports import CollectionCatalog, MessageQueue
from headgate.services.versions.datasets import Datasets

ACTION = "headgate:CollectGarbage"
READ = "headgate:ReadDataset"


@dataclass(frozen=True)
class RequestCollection:
    """The use case. Raises AccessDenied and NotFound."""

    datasets: Datasets
    collections: CollectionCatalog
    queue: MessageQueue
    new_id: Callable[[], str]

    def ask(
        self, principal: Principal, product: str, dataset: str, retention: Retention, dry_run: bool
    ) -> CollectionRecord:
        """The collection that was asked for. A policy may allow a dry run (the operation ``inspect``) and not
        a deletion (``delete``).
        """
        operation = "inspect" if dry_run else "delete"
        self.datasets.allow(principal, ACTION, product, dataset, {"headgate:Operation": operation})
        request = CollectionRequest(self.new_id(), product, dataset, principal.id, retention, dry_run)
        record = CollectionRecord(
            id=request.id,
            product=product,
            dataset=dataset,
            requested_by=principal.id,
            requested_at=self.datasets.now(),
            dry_run=dry_run,
            retention=retention,
        )
        self.collections.put_collection(record)
        self.queue.send(request.to_message())
        return record

    def show(self, principal: Principal, product: str, dataset: str, name: str) -> CollectionRecord:
        self.datasets.allow(principal, READ, product, dataset)
        return self.collections.collection(product, dataset, name)

    def list(
        self, principal: Principal, product: str, dataset: str, limit: int
    ) -> Sequence[CollectionRecord]:
        """Newest first."""
        self.datasets.allow(principal, READ, product, dataset)
        return self.collections.collections(product, dataset, limit)
