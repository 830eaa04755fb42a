"""What is kept of datasets: versions, their names, garbage, refusals, erasures."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from headgate.domain.dataset import QuarantineRecord, SourceRef
from headgate.domain.erasure import ErasureRecord
from headgate.domain.garbage import CollectionRecord, Of
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, Branch, CommitView, Head, Hold, Tag, VersionRecord


class DatasetCatalog(Protocol):
    """Versions of datasets: branches' heads, records, sources that are known."""

    def dataset_head(self, product: str, dataset: str, branch: str = MAIN) -> VersionRecord | None:
        """None for main before its first version. Raises NotFound for a branch that does not exist."""
        ...

    def dataset_version(self, product: str, dataset: str, ordinal: int) -> VersionRecord:
        """Raises NotFound."""
        ...

    def dataset_versions(
        self, product: str, dataset: str, limit: int = 100, before: int | None = None
    ) -> Sequence[VersionRecord]:
        """Of all branches, newest first, with ordinals below ``before``."""
        ...

    def commit_view(
        self, product: str, dataset: str, branch: str, sources: Sequence[SourceRef]
    ) -> CommitView:
        """Everything a committer must know, in one read (at most MAX_SOURCES sources). Its parts may be of
        different moments; `commit_version` finds that out. Of several versions that added the same bytes
        it names the newest that the head shows, else the newest. Raises NotFound for a branch that does not
        exist.
        """
        ...

    def commit_version(
        self, record: VersionRecord, manifest: Manifest, view: CommitView, reuses: Sequence[int] = ()
    ) -> None:
        """Move the head of ``record.branch`` from where ``view`` saw it to ``record``: the record, the
        ordinal, the sources and the head move together or not at all. Raises Conflict when the head, the
        ordinal or one of the sources is elsewhere by now, StateUnknown when the answer was lost.
        """
        ...

    def remember(self, product: str, dataset: str, objects: Mapping[str, int]) -> None:
        """From now on `commit_view` says of these objects (by identity) that a version holds them, unless it
        says so of one already. Idempotent.
        """
        ...

    def bury(self, product: str, dataset: str, sha256s: Sequence[str], erasure: str) -> None:
        """From now on `commit_view` says of these bytes that they were erased. Idempotent."""
        ...


class RefCatalog(Protocol):
    """Names of versions: tags, branches, and holds that keep a version from being collected. What adds a name
    raises Collected when the version was given up as garbage.
    """

    def add_tag(self, product: str, dataset: str, tag: Tag) -> None:
        """Idempotent for the same version; raises Conflict when the name means another one."""
        ...

    def tags(self, product: str, dataset: str) -> Sequence[Tag]:
        """Sorted by name."""
        ...

    def add_branch(self, product: str, dataset: str, branch: Branch, head: Head | None) -> None:
        """A branch that starts at ``head`` (None: at nothing). Raises Conflict when the name is taken."""
        ...

    def delete_branch(self, product: str, dataset: str, name: str) -> None:
        """Raises NotFound. Versions made on it keep their records."""
        ...

    def branches(self, product: str, dataset: str) -> Sequence[Branch]:
        """Sorted by name; main is not among them."""
        ...

    def add_hold(self, product: str, dataset: str, hold: Hold) -> None:
        """Idempotent on the hold's name."""
        ...

    def release_hold(self, product: str, dataset: str, name: str) -> None:
        """Raises NotFound."""
        ...

    def holds(self, product: str, dataset: str) -> Sequence[Hold]:
        """Sorted by name."""
        ...


class GarbageCatalog(Protocol):
    """Which versions were given up as garbage. The mark stands before anything is deleted, and nothing may
    take over or name a marked version: whoever looks for names after marking sees all there will be.
    """

    def mark_collected(self, product: str, dataset: str, ordinals: Sequence[int], at: str) -> None:
        """Idempotent: an older mark stays."""
        ...

    def clear_collected(self, product: str, dataset: str, ordinals: Sequence[int]) -> None:
        """Take marks back."""
        ...


class CollectionCatalog(Protocol):
    """What became of each collection of garbage. ``dataset`` is the name of the feature set where it is
    ``of`` features.
    """

    def put_collection(self, record: CollectionRecord) -> None:
        """Replace what is kept under the record's id."""
        ...

    def collection(self, product: str, dataset: str, name: str, of: Of = "dataset") -> CollectionRecord:
        """Raises NotFound."""
        ...

    def collections(
        self, product: str, dataset: str, limit: int = 100, of: Of = "dataset"
    ) -> Sequence[CollectionRecord]:
        """Newest first."""
        ...


class QuarantineCatalog(Protocol):
    """Drops that were refused, and what became of them."""

    def add_quarantine(self, record: QuarantineRecord) -> None:
        """Idempotent on the record's id: a record that is closed stays closed. From now on a
        `DatasetCatalog.commit_view` of the object says that it was refused.
        """
        ...

    def quarantined(self, product: str, dataset: str, name: str) -> QuarantineRecord:
        """Raises NotFound."""
        ...

    def quarantine(self, product: str, limit: int = 100) -> Sequence[QuarantineRecord]:
        """Newest first."""
        ...

    def close_quarantine(self, record: QuarantineRecord) -> None:
        """Replace an open record by ``record``, whose state is replayed or discarded. Raises Conflict when it
        is closed by now.
        """
        ...

    def redact_quarantine(self, record: QuarantineRecord) -> None:
        """Replace a record, open or closed, by ``record``, which tells less of the rows."""
        ...


class ErasureCatalog(Protocol):
    """What was asked to be erased, and what became of it."""

    def put_erasure(self, record: ErasureRecord) -> None: ...

    def erasure(self, product: str, name: str) -> ErasureRecord:
        """Raises NotFound."""
        ...

    def erasures(self, product: str, limit: int = 100) -> Sequence[ErasureRecord]:
        """Newest first."""
        ...
