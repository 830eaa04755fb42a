"""Datasets in memory: heads, versions, known sources, names of versions, and quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.dataset import QuarantineRecord, SourceRef, quarantine_name
from headgate.domain.errors import Collected, Conflict, InvalidRequest, NotFound
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, MAX_SOURCES, Branch, CommitView, Head, Hold, Tag, VersionRecord

MOST_MANIFEST_CHARACTERS = 2_000_000
"""A longer manifest is not kept with the head."""


@dataclass
class _Dataset:
    """One dataset. Records are kept as text, so that nothing kept can be changed through a reference."""

    versions: list[str] = field(default_factory=list)
    heads: dict[str, tuple[str, str | None] | None] = field(default_factory=lambda: {MAIN: None})
    objects: dict[str, int] = field(default_factory=dict)
    contents: dict[str, list[int]] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    branches: dict[str, Branch] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    collected: dict[int, str] = field(default_factory=dict)

    def record(self, ordinal: int) -> VersionRecord:
        found = documents.version_record(self.versions[ordinal - 1])
        return replace(found, collected_at=self.collected.get(ordinal, ""))

    def check_kept(self, ordinal: int) -> None:
        """Raises Collected when the version was given up as garbage."""
        if ordinal in self.collected:
            raise Collected(f"v{ordinal} was collected as garbage: it takes no name")

    def head(self, branch: str) -> Head | None:
        """Raises NotFound for a branch that does not exist."""
        if branch not in self.heads:
            raise NotFound(f"no branch {branch!r}")
        kept = self.heads[branch]
        if kept is None:
            return None
        record, text = kept
        manifest = None if text is None else Manifest.from_document(documents.document_of(text))
        return Head(documents.version_record(record), manifest)

    def set_head(self, branch: str, head: Head) -> None:
        """A manifest that is too long is left out, as where an item of a table has bounds."""
        manifest = None if head.manifest is None else documents.text_of(head.manifest.to_document())
        if manifest is not None and len(manifest) > MOST_MANIFEST_CHARACTERS:
            manifest = None
        self.heads[branch] = (documents.text_of_record(head.record), manifest)

    def seen(self, source: SourceRef, head: Head | None) -> tuple[int | None, int | None]:
        """What a committer on ``head`` sees of a source: the version that took in the object, and of those
        that added its bytes the newest that the head shows, else the newest.
        """
        added = self.contents.get(source.sha256, [])
        shown = [n for n in added if head is not None and head.record.shows(n)]
        return self.objects.get(source.identity), max(shown or added, default=None)


class MemoryDatasets(CatalogPart):
    """The DatasetCatalog, RefCatalog and QuarantineCatalog ports."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._datasets: dict[tuple[str, str], _Dataset] = {}
        self._quarantine: dict[tuple[str, str, str], str] = {}

    # --- versions

    def dataset_head(self, product: str, dataset: str, branch: str = MAIN) -> VersionRecord | None:
        with self._faults.read("catalog.dataset_head"), self._lock:
            head = self._dataset(product, dataset).head(branch)
            return head.record if head else None

    def dataset_version(self, product: str, dataset: str, ordinal: int) -> VersionRecord:
        with self._faults.read("catalog.dataset_version"), self._lock:
            kept = self._dataset(product, dataset)
            if not 1 <= ordinal <= len(kept.versions):
                raise NotFound(f"dataset {product}/{dataset} has no version v{ordinal}")
            return kept.record(ordinal)

    def dataset_versions(
        self, product: str, dataset: str, limit: int = 100, before: int | None = None
    ) -> Sequence[VersionRecord]:
        with self._faults.read("catalog.dataset_versions"), self._lock:
            kept = self._dataset(product, dataset)
            newest = len(kept.versions) if before is None else min(len(kept.versions), before - 1)
            return [kept.record(ordinal) for ordinal in range(newest, max(0, newest - limit), -1)]

    def commit_view(
        self, product: str, dataset: str, branch: str, sources: Sequence[SourceRef]
    ) -> CommitView:
        with self._faults.read("catalog.commit_view"), self._lock:
            kept = self._dataset(product, dataset)
            head = kept.head(branch)
            known = {s: kept.seen(s, head) for s in sources}
            return CommitView(
                head=head,
                next_ordinal=len(kept.versions) + 1,
                objects={s.identity: taken for s, (taken, _) in known.items() if taken is not None},
                contents={s.sha256: added for s, (_, added) in known.items() if added is not None},
                erased=frozenset(s.sha256 for s in sources if s.sha256 in kept.erased),
                refused=frozenset(
                    s.identity
                    for s in sources
                    if (product, dataset, quarantine_name(s.identity)) in self._quarantine
                ),
            )

    def remember(self, product: str, dataset: str, objects: Mapping[str, int]) -> None:
        with self._faults.effect("catalog.remember"), self._lock:
            kept = self._dataset(product, dataset).objects
            for identity, ordinal in objects.items():
                kept.setdefault(identity, ordinal)

    def bury(self, product: str, dataset: str, sha256s: Sequence[str], erasure: str) -> None:  # noqa: ARG002 - who asks is not told by whom
        with self._faults.effect("catalog.bury"), self._lock:
            self._dataset(product, dataset).erased.update(sha256s)

    def commit_version(
        self, record: VersionRecord, manifest: Manifest, view: CommitView, reuses: Sequence[int] = ()
    ) -> None:
        if len(record.sources) > MAX_SOURCES:
            raise InvalidRequest(f"a commit takes at most {MAX_SOURCES} sources, found {len(record.sources)}")
        with self._faults.effect("catalog.commit_version"), self._lock:
            kept = self._dataset(record.product, record.dataset)
            if not _is_as_seen(kept, record, view) or kept.collected.keys() & set(reuses):
                raise Conflict(
                    f"dataset {record.product}/{record.dataset} has moved: read its head, then try again"
                )
            kept.versions.append(documents.text_of_record(record))
            kept.set_head(record.branch, Head(record, manifest))
            for source in record.sources:
                kept.objects[source.identity] = record.ordinal
                kept.contents.setdefault(source.sha256, []).append(record.ordinal)
            if record.branch in kept.branches:
                kept.branches[record.branch] = replace(
                    kept.branches[record.branch], head_ordinal=record.ordinal, head_digest=record.digest
                )

    # --- names

    def add_tag(self, product: str, dataset: str, tag: Tag) -> None:
        with self._faults.effect("catalog.add_tag"), self._lock:
            kept = self._dataset(product, dataset)
            kept.check_kept(tag.ordinal)
            known = kept.tags.setdefault(tag.name, tag)
            if known.digest != tag.digest:
                raise Conflict(f"the tag {tag.name} means v{known.ordinal}; tags do not move")

    def tags(self, product: str, dataset: str) -> Sequence[Tag]:
        with self._faults.read("catalog.tags"), self._lock:
            return [tag for _, tag in sorted(self._dataset(product, dataset).tags.items())]

    def add_branch(self, product: str, dataset: str, branch: Branch, head: Head | None) -> None:
        with self._faults.effect("catalog.add_branch"), self._lock:
            kept = self._dataset(product, dataset)
            if head is not None:
                kept.check_kept(head.record.ordinal)
            if branch.name in kept.heads:
                raise Conflict(f"the branch {branch.name} is there already")
            if head is None:
                kept.heads[branch.name] = None
            else:
                kept.set_head(branch.name, head)
            kept.branches[branch.name] = branch

    def delete_branch(self, product: str, dataset: str, name: str) -> None:
        with self._faults.effect("catalog.delete_branch"), self._lock:
            kept = self._dataset(product, dataset)
            if name not in kept.branches:
                raise NotFound(f"no branch {name!r}")
            del kept.branches[name], kept.heads[name]

    def branches(self, product: str, dataset: str) -> Sequence[Branch]:
        with self._faults.read("catalog.branches"), self._lock:
            return [branch for _, branch in sorted(self._dataset(product, dataset).branches.items())]

    def add_hold(self, product: str, dataset: str, hold: Hold) -> None:
        with self._faults.effect("catalog.add_hold"), self._lock:
            kept = self._dataset(product, dataset)
            kept.check_kept(hold.ordinal)
            kept.holds.setdefault(hold.name, hold)

    def release_hold(self, product: str, dataset: str, name: str) -> None:
        with self._faults.effect("catalog.release_hold"), self._lock:
            if self._dataset(product, dataset).holds.pop(name, None) is None:
                raise NotFound(f"no hold {name!r}")

    def holds(self, product: str, dataset: str) -> Sequence[Hold]:
        with self._faults.read("catalog.holds"), self._lock:
            return [hold for _, hold in sorted(self._dataset(product, dataset).holds.items())]

    # --- garbage

    def mark_collected(self, product: str, dataset: str, ordinals: Sequence[int], at: str) -> None:
        with self._faults.effect("catalog.mark_collected"), self._lock:
            kept = self._dataset(product, dataset)
            for ordinal in ordinals:
                kept.collected.setdefault(ordinal, at)

    def clear_collected(self, product: str, dataset: str, ordinals: Sequence[int]) -> None:
        with self._faults.effect("catalog.clear_collected"), self._lock:
            kept = self._dataset(product, dataset)
            for ordinal in ordinals:
                kept.collected.pop(ordinal, None)

    # --- quarantine

    def add_quarantine(self, record: QuarantineRecord) -> None:
        with self._faults.effect("catalog.add_quarantine"), self._lock:
            key = (record.product, record.dataset, record.id)
            known = self._quarantine.get(key)
            if known is None or documents.quarantine_record(known).state == "open":
                self._quarantine[key] = documents.text_of_record(record)

    def quarantined(self, product: str, dataset: str, name: str) -> QuarantineRecord:
        with self._faults.read("catalog.quarantined"), self._lock:
            text = self._quarantine.get((product, dataset, name))
            if text is None:
                raise NotFound(f"nothing is quarantined under {dataset}/{name}")
            return documents.quarantine_record(text)

    def quarantine(self, product: str, limit: int = 100) -> Sequence[QuarantineRecord]:
        """Newest first."""
        with self._faults.read("catalog.quarantine"), self._lock:
            found = [
                documents.quarantine_record(t) for (p, _, _), t in self._quarantine.items() if p == product
            ]
        return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)[:limit]

    def close_quarantine(self, record: QuarantineRecord) -> None:
        with self._faults.effect("catalog.close_quarantine"), self._lock:
            key = (record.product, record.dataset, record.id)
            known = self._quarantine.get(key)
            if known is None or documents.quarantine_record(known).state != "open":
                raise Conflict(f"the drop {record.dataset}/{record.id} is not open any more")
            self._quarantine[key] = documents.text_of_record(record)

    def redact_quarantine(self, record: QuarantineRecord) -> None:
        with self._faults.effect("catalog.redact_quarantine"), self._lock:
            key = (record.product, record.dataset, record.id)
            self._quarantine[key] = documents.text_of_record(record)

    def _dataset(self, product: str, dataset: str) -> _Dataset:
        return self._datasets.setdefault((product, dataset), _Dataset())


def _is_as_seen(kept: _Dataset, record: VersionRecord, view: CommitView) -> bool:
    """Whether a commit finds the head, the ordinals and its sources as ``view`` saw them."""
    if record.branch not in kept.heads or record.ordinal != len(kept.versions) + 1:
        return False
    head = kept.head(record.branch)
    if (head.record.digest if head else None) != (view.head.record.digest if view.head else None):
        return False
    return all(
        kept.seen(s, head) == (view.objects.get(s.identity), view.contents.get(s.sha256))
        for s in record.sources
    )
