"""What every use case of a dataset's history begins with: the product's policy, then names and manifests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from headgate.domain.contract import Contract
from headgate.domain.errors import NotFound
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.manifest import Manifest
from headgate.domain.policy import hrn
from headgate.domain.policy_request import Fact
from headgate.domain.version import VersionRecord
from headgate.ports import Clock, DatasetCatalog, EventBus, ObjectStore, RefCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.products import Products
from headgate.services.versions.branches import Versions, readable
from headgate.services.versions.commit_version import CommitVersion
from headgate.services.versions.manifests import Manifests


@dataclass(frozen=True)
class Datasets:
    """The datasets of all products. ``lake`` is read; commits write manifests and segments to it."""

    products: Products
    catalog: DatasetCatalog
    refs: RefCatalog
    lake: ObjectStore
    guard: Guard
    bus: EventBus
    clock: Clock

    @property
    def versions(self) -> Versions:
        return Versions(self.catalog, self.refs)

    @property
    def commits(self) -> CommitVersion:
        return CommitVersion(self.catalog, self.lake, self.bus, self.clock)

    def manifests(self, product: str, dataset: str) -> Manifests:
        return Manifests(self.lake, product, dataset)

    def manifest_of(self, record: VersionRecord) -> Manifest:
        """Raises Collected."""
        with self.reading(record):
            return self.manifests(record.product, record.dataset).load(readable(record).digest)

    @contextmanager
    def reading(self, *records: VersionRecord) -> Iterator[None]:
        """Around reading what versions are made of: what is missing because a version was collected meanwhile
        raises Collected.
        """
        try:
            yield
        except NotFound:
            for record in records:
                readable(self.versions.fresh(record))
            raise

    def allow(
        self,
        principal: Principal,
        action: str,
        product: str,
        dataset: str,
        context: Mapping[str, Fact] | None = None,
    ) -> Contract:
        """The dataset's contract, once policy lets the principal act on it. Raises AccessDenied, NotFound.

        Policy is asked first, also of a dataset that does not exist: asking tells nobody what there is. It
        may ask for the classifications of the dataset's columns.
        """
        applied = self.products.get(product)
        missing = None
        facts: dict[str, Fact] = dict(context or {})
        try:
            contract = applied.product.contract(dataset)
        except NotFound as error:
            missing = error
        else:
            facts["headgate:Classification"] = sorted({c.classification for c in contract.columns})
        self.guard.require(applied, principal, action, hrn(product, "dataset", dataset), facts)
        if missing is not None:
            raise missing
        return contract

    def now(self) -> str:
        return iso(self.clock.now())

    def tell(self, kind: str, product: str, name: str, detail: Mapping[str, object]) -> None:
        """Publish one fact, whose id is ``name``: the same again is recognised."""
        self.bus.publish([DomainEvent(kind, product, name, self.now(), dict(detail))])
