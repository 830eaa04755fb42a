"""The merge itself: one version's changes brought into a branch as a new version. Policy is its callers'
matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.errors import PreconditionFailed
from headgate.domain.file_table import FileTable, ReadSegment
from headgate.domain.manifest import Manifest
from headgate.domain.merge import MergedFiles, merge_files, merged_visible
from headgate.domain.version import CommitView, VersionRecord
from headgate.services.versions.ancestry import Ancestry, ancestry
from headgate.services.versions.commit_version import Authorship, Line, Proposal
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.take_in import combined_checks

CHECKED_VERSIONS = 50
"""Of at most so many merged versions, the newest, the check results stand on the merge: each is one read."""


@dataclass(frozen=True)
class Merged:
    """The version that holds the merge; ``changed`` is false when an earlier call made it."""

    record: VersionRecord
    changed: bool


class _InAlready(Exception):
    """The branch holds the version: ``record`` is the one that brought it in."""

    def __init__(self, record: VersionRecord) -> None:
        super().__init__(record.ordinal)
        self.record = record


@dataclass(frozen=True)
class MergeVersions:
    """Three-way merges on the file lists. Even a fast-forward makes a version: history says who merged
    when.
    """

    datasets: Datasets

    def merge(self, line: Line, theirs: VersionRecord, by: Authorship) -> Merged:
        """Brings ``theirs`` into ``line``. Idempotent: a second call finds the first one's version.

        Raises PreconditionFailed when the two sides cannot be merged, Collected, and what a commit raises.
        """

        def propose(view: CommitView, parent: Manifest | None, read: ReadSegment) -> Proposal:
            return self._propose(theirs, view, parent, read)

        commits = self.datasets.commits
        try:
            record, changed = commits.commit(line, propose, by), True
        except _InAlready as known:
            record, changed = known.record, False
        commits.publish(record)
        return Merged(record, changed)

    def _propose(
        self, theirs: VersionRecord, view: CommitView, parent: Manifest | None, read: ReadSegment
    ) -> Proposal:
        ours = view.head.record if view.head else None
        kin = ancestry(self.datasets.catalog, theirs, ours)
        if ours is not None and not kin.ahead:
            brought = (r for r in kin.behind if r.second_parent == theirs.digest)
            raise _InAlready(next(brought, ours))
        source = self.datasets.manifest_of(self.datasets.versions.fresh(theirs))
        base = self.datasets.manifest_of(kin.base) if kin.base else None
        _check_unbroken(kin, theirs, ours)
        with self.datasets.reading(theirs, *([kin.base] if kin.base else [])):
            files = merge_files(
                base.table if base else FileTable(),
                parent.table if parent else FileTable(),
                source.table,
                read,
            )
        _check_replaced(kin, files, parent)
        schema_from = _newer_schema(source, parent, base)
        return Proposal(
            operation="merge",
            change=files.change,
            schema=schema_from.schema,
            contract_version=schema_from.contract_version,
            visible=merged_visible(
                kin.base.visible if kin.base else (),
                ours.visible if ours else (),
                theirs.visible,
                view.next_ordinal,
            ),
            added_rows=sum(f.rows for f in files.added),
            checks=self._checks(kin.ahead),
            note={
                "merged": theirs.branch,
                "version": theirs.ordinal,
                "base": kin.base.ordinal if kin.base else None,
                "versions": [r.ordinal for r in kin.ahead[:CHECKED_VERSIONS]],
                "files_added": len(files.added),
                "files_removed": len(files.removed),
            },
            second_parent=theirs.digest,
            reuses=(theirs.ordinal,),
        )

    def _checks(self, merged: Sequence[VersionRecord]) -> tuple[dict[str, object], ...]:
        """The results of what is merged, one a check."""
        taken = [r for r in merged[:CHECKED_VERSIONS] if r.sources and not r.collected_at]
        return combined_checks(c for r in taken for c in self.datasets.manifest_of(r).checks)


def _check_unbroken(kin: Ancestry, theirs: VersionRecord, ours: VersionRecord | None) -> None:
    """Raises PreconditionFailed when the branch merged into went back behind what both began from."""
    base = kin.base
    if base is None or ours is None or ours.shows(base.ordinal):
        return
    raise PreconditionFailed(
        f"{ours.branch} v{ours.ordinal} does not show v{base.ordinal} any more, which v{theirs.ordinal} of "
        f"{theirs.branch} was built on: roll {theirs.branch} back to {ours.branch} and drop its data again"
    )


def _check_replaced(kin: Ancestry, files: MergedFiles, parent: Manifest | None) -> None:
    """Raises PreconditionFailed when what is merged replaced the whole dataset, and files came meanwhile."""
    overwritten = next((r for r in kin.ahead if r.operation == "overwrite"), None)
    if overwritten is None or parent is None:
        return
    kept = parent.table.files - len(files.removed)
    if kept > 0:
        raise PreconditionFailed(
            f"v{overwritten.ordinal} replaces the whole dataset, but {kept} file(s) came since they parted: "
            "roll back or drop again, so that it is clear what the dataset is"
        )


def _newer_schema(source: Manifest, parent: Manifest | None, base: Manifest | None) -> Manifest:
    """Whose schema the merge shows: the side that changed it, and of two the later."""
    if parent is None or (base is not None and parent.schema == base.schema):
        return source
    if base is not None and source.schema == base.schema:
        return parent
    return max(source, parent, key=lambda m: m.ordinal)
