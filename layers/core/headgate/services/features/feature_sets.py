"""What every use case of a feature set begins with: the product's policy, then versions by name."""

from dataclasses import dataclass

from headgate.domain.errors import Collected, InvalidRequest, NotFound
from headgate.domain.feature_masking import Hidden
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.policy_request import Fact
from headgate.domain.version import ordinal_of
from headgate.ports import Clock, FeatureCatalog, ObjectStore
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.features.feature_manifests import load_features
from headgate.services.products import AppliedProduct, Products

READ = "headgate:ReadFeatures"
BUILD = "headgate:BuildFeatures"
NEWEST = "latest"
LEAST_DIGITS = 6


@dataclass(frozen=True)
class GrantedSet:
    """A feature set that policy lets the caller act on."""

    applied: AppliedProduct
    feature_set: FeatureSet

    @property
    def product(self) -> str:
        return self.applied.product.name

    @property
    def name(self) -> str:
        return self.feature_set.name

    @property
    def hidden(self) -> Hidden:
        """What the contracts of today restrict."""
        return Hidden.of(self.feature_set, self.applied.product.datasets)


@dataclass(frozen=True)
class FeatureSets:
    """The feature sets of all products."""

    products: Products
    catalog: FeatureCatalog
    lake: ObjectStore
    guard: Guard
    clock: Clock

    def allow(self, principal: Principal, action: str, product: str, name: str) -> GrantedSet:
        """Raises AccessDenied, NotFound. Policy is asked first, also of a set that does not exist: asking
        tells nobody what there is. It may ask for the classifications of the columns that the set reads.
        """
        applied = self.products.get(product)
        found = applied.product.feature_sets.get(name)
        facts: dict[str, Fact] = {}
        if found is not None:
            read = [applied.product.datasets[d] for d in found.inputs if d in applied.product.datasets]
            facts["headgate:Classification"] = sorted({c.classification for r in read for c in r.columns})
        self.guard.require(applied, principal, action, hrn(product, "features", name), facts)
        if found is None:
            known = ", ".join(sorted(applied.product.feature_sets)) or "none"
            raise NotFound(f"product {product} has no feature set {name!r}; it has {known}")
        return GrantedSet(applied, found)

    def version(self, granted: GrantedSet, reference: str) -> FeatureVersionRecord:
        """``latest``, an ordinal (v3 or 3), or the first digits of a digest. Raises NotFound, Collected, and
        InvalidRequest when the digits are too few or mean several versions.
        """
        product, name = granted.product, granted.name
        head = self.catalog.feature_head(product, name)
        if head is None:
            raise NotFound(f"feature set {product}/{name} has no version yet")
        if reference == NEWEST:
            return head
        if (ordinal := ordinal_of(reference)) is not None:
            if not 1 <= ordinal <= head.ordinal:
                raise NotFound(
                    f"feature set {product}/{name} has no v{ordinal}; the newest is v{head.ordinal}"
                )
            return _kept(self.catalog.feature_versions(product, name, head.ordinal - ordinal + 1)[-1])
        return _kept(self._by_digest(head, reference))

    def manifest(self, record: FeatureVersionRecord) -> FeatureManifest:
        """Raises Corrupted."""
        return load_features(self.lake, record.product, record.feature_set, record.digest)

    def now(self) -> str:
        return iso(self.clock.now())

    def _by_digest(self, head: FeatureVersionRecord, start: str) -> FeatureVersionRecord:
        if len(start) < LEAST_DIGITS or not all(c in "0123456789abcdef" for c in start):
            raise InvalidRequest(
                f"{start!r} names no feature version: {NEWEST}, v3, or at least {LEAST_DIGITS} digits of a "
                "digest are needed"
            )
        every = self.catalog.feature_versions(head.product, head.feature_set, head.ordinal)
        newest = {record.digest: record for record in reversed(every)}
        found = [record for digest, record in newest.items() if digest.startswith(start)]
        if not found:
            raise NotFound(
                f"{head.product}/{head.feature_set} has no version whose digest starts with {start}"
            )
        if len(found) > 1:
            raise InvalidRequest(f"{start} is the beginning of {len(found)} versions; give more digits")
        return found[0]


def _kept(record: FeatureVersionRecord) -> FeatureVersionRecord:
    if record.collected_at:
        raise Collected(
            f"feature version v{record.ordinal} of {record.product}/{record.feature_set} was collected as "
            f"garbage at {record.collected_at}: its files are gone"
        )
    return record
