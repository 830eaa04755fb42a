"""Asks for a collection of a feature set's garbage, and shows what became of it. Who takes the message
collects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate.domain.errors import NotFound
from headgate.domain.garbage import CollectionRecord, CollectionRequest, Retention
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.policy_request import Fact
from headgate.ports import CollectionCatalog, MessageQueue
from headgate.services.features.feature_sets import READ, FeatureSets
from headgate.services.retention.request_collection import ACTION


@dataclass(frozen=True)
class RequestFeatureCollection:
    """The use case. Raises AccessDenied and NotFound."""

    sets: FeatureSets
    collections: CollectionCatalog
    queue: MessageQueue
    new_id: Callable[[], str]

    def ask(
        self, principal: Principal, product: str, feature_set: str, retention: Retention, dry_run: bool
    ) -> CollectionRecord:
        """The collection that was asked for. A policy may allow a dry run (the operation ``inspect``) and not
        a deletion (``delete``).
        """
        operation = "inspect" if dry_run else "delete"
        self._allow(principal, ACTION, product, feature_set, {"headgate:Operation": operation})
        request = CollectionRequest(
            self.new_id(), product, feature_set, principal.id, retention, dry_run, "features"
        )
        record = CollectionRecord(
            id=request.id,
            product=product,
            dataset=feature_set,
            requested_by=principal.id,
            requested_at=self.sets.now(),
            dry_run=dry_run,
            retention=retention,
            of="features",
        )
        self.collections.put_collection(record)
        self.queue.send(request.to_message())
        return record

    def show(self, principal: Principal, product: str, feature_set: str, name: str) -> CollectionRecord:
        self._allow(principal, READ, product, feature_set, {})
        return self.collections.collection(product, feature_set, name, "features")

    def list(
        self, principal: Principal, product: str, feature_set: str, limit: int
    ) -> Sequence[CollectionRecord]:
        """Newest first."""
        self._allow(principal, READ, product, feature_set, {})
        return self.collections.collections(product, feature_set, limit, "features")

    def _allow(
        self, principal: Principal, action: str, product: str, name: str, facts: dict[str, Fact]
    ) -> None:
        """Also of a set that is declared no more: its versions are there still. Policy is asked first."""
        applied = self.sets.products.get(product)
        self.sets.guard.require(applied, principal, action, hrn(product, "features", name), facts)
        declared = applied.product.feature_sets
        if name not in declared and self.sets.catalog.feature_head(product, name) is None:
            known = ", ".join(sorted(declared)) or "none"
            raise NotFound(f"product {product} has no feature set {name!r}; it has {known}")
