"""Write, audit, publish: versions of a dataset with ``publish: manual`` wait on the branch ``pending`` until
someone whom policy allows publishes them, or rejects them with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.errors import InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.policy_request import Fact
from headgate.domain.version import MAIN, VersionRecord
from headgate.services.versions.ancestry import ancestry
from headgate.services.versions.branches import PENDING
from headgate.services.versions.commit_version import Authorship, Line
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.merge_versions import Merged, MergeVersions
from headgate.services.versions.rollback_dataset import RolledBack, ShowAgain
from headgate.services.versions.waiting import waiting

ACTION = "headgate:PublishVersion"
READ = "headgate:ReadDataset"
NEWEST_SHOWN = 20


@dataclass(frozen=True)
class Waiting:
    """A version that waits, with the results of its checks."""

    record: VersionRecord
    checks: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Pending:
    """What waits for one dataset: ``versions`` newest first (the newest few), ``total`` of them in all."""

    dataset: str
    published: VersionRecord | None
    versions: Sequence[Waiting]
    total: int

    @property
    def rows(self) -> int:
        return sum(w.record.added_rows for w in self.versions)


@dataclass(frozen=True)
class PublishVersion:
    """The use case."""

    datasets: Datasets

    def pending(self, principal: Principal, product: str) -> Sequence[Pending]:
        """What waits, for each dataset that the principal may read. Sorted by dataset."""
        applied = self.datasets.products.get(product)
        found = []
        for name, contract in sorted(applied.product.datasets.items()):
            if contract.publish == "manual":
                self.datasets.allow(principal, READ, product, name)
                waits = self._waits(product, name)
                shown = [Waiting(r, self.datasets.manifest_of(r).checks) for r in waits[:NEWEST_SHOWN]]
                found.append(Pending(name, self._main(product, name), shown, len(waits)))
        return found

    def publish(
        self, principal: Principal, product: str, dataset: str, version: str | None = None, message: str = ""
    ) -> Merged:
        """Merges what waits into main, up to ``version`` (all of it by default). Idempotent.

        Raises AccessDenied, NotFound, InvalidRequest for a version that does not wait, and PreconditionFailed
        when nothing does.
        """
        contract = self.datasets.allow(principal, ACTION, product, dataset, self._facts(product, dataset))
        if contract.publish != "manual":
            raise PreconditionFailed(f"{dataset} publishes by itself: its contract says publish: automatic")
        wanted = self._wanted(product, dataset, version)
        line, by = Line(product, dataset, MAIN), Authorship(principal.id, message)
        return MergeVersions(self.datasets).merge(line, wanted, by)

    def reject(
        self, principal: Principal, product: str, dataset: str, reason: str, version: str | None = None
    ) -> RolledBack:
        """Drops all that waits: the branch shows again what main shows, and the reason stands on that
        version. With ``version`` it does so only while that is the newest one that waits.
        """
        self.datasets.allow(principal, ACTION, product, dataset, self._facts(product, dataset))
        if not reason.strip():
            raise InvalidRequest("a rejection needs a reason")
        head, main = self._head(product, dataset), self._main(product, dataset)
        seen = head if version is None else self.datasets.versions.resolve(product, dataset, version)
        by, line = Authorship(principal.id, reason), Line(product, dataset, PENDING)
        if not waiting(self.datasets.catalog, head, main) and head.operation != "rollback":
            raise PreconditionFailed(f"nothing waits for {product}/{dataset}")
        done = ShowAgain(self.datasets).show(line, main, by, seen=seen.ordinal)
        dropped = waiting(self.datasets.catalog, done.record, main, done.record.parent)
        detail = {
            "dataset": dataset,
            "ordinals": [r.ordinal for r in dropped],
            "reason": done.record.message,
            "principal": done.record.author,
        }
        self.datasets.tell(events.VERSIONS_REJECTED, product, done.record.digest, detail)
        return done

    def _wanted(self, product: str, dataset: str, version: str | None) -> VersionRecord:
        """The version to publish: the newest that waits, or the one named. One that is published already is
        found again, so that a repeated call gets the first one's answer.
        """
        head, main = self._head(product, dataset), self._main(product, dataset)
        waits = waiting(self.datasets.catalog, head, main)
        wanted = head
        if version is not None:
            wanted = self.datasets.versions.resolve(product, dataset, version)
        if wanted.digest in {r.digest for r in waits} or self._was_published(wanted, main):
            return wanted
        if version is None:
            raise PreconditionFailed(f"nothing waits for {product}/{dataset}")
        raise InvalidRequest(f"v{wanted.ordinal} does not wait for {product}/{dataset}")

    def _was_published(self, wanted: VersionRecord, main: VersionRecord | None) -> bool:
        kin = ancestry(self.datasets.catalog, wanted, main)
        return not kin.ahead and any(r.second_parent == wanted.digest for r in kin.behind)

    def _facts(self, product: str, dataset: str) -> dict[str, Fact]:
        """What a policy may ask: how many rows wait, and how the newest came."""
        waits = self._waits(product, dataset)
        rows = sum(r.added_rows for r in waits)
        return {"headgate:Rows": rows, "headgate:Operation": waits[0].operation if waits else None}

    def _waits(self, product: str, dataset: str) -> Sequence[VersionRecord]:
        """Newest first; nothing when the branch was never opened."""
        try:
            head = self._head(product, dataset)
        except PreconditionFailed:
            return ()
        return waiting(self.datasets.catalog, head, self._main(product, dataset))

    def _main(self, product: str, dataset: str) -> VersionRecord | None:
        return self.datasets.catalog.dataset_head(product, dataset, MAIN)

    def _head(self, product: str, dataset: str) -> VersionRecord:
        try:
            head = self.datasets.catalog.dataset_head(product, dataset, PENDING)
        except NotFound:
            head = None
        if head is None:
            raise PreconditionFailed(f"nothing waits for {product}/{dataset}")
        return head
