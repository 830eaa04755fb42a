"""Rolls a branch back: a new version that shows what an earlier one showed. History is never rewritten."""

from contextlib import suppress
from dataclasses import dataclass

from headgate.domain.errors import NotFound, PreconditionFailed
from headgate.domain.file_table import Change, FileTable, ReadSegment
from headgate.domain.identity import Principal
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, CommitView, VersionRecord, with_ordinal
from headgate.services.versions.branches import PENDING
from headgate.services.versions.commit_version import Authorship, Line, Proposal
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.waiting import waiting

ACTION = "headgate:RollbackDataset"


@dataclass(frozen=True)
class RolledBack:
    """The head after the call; ``changed`` is false when it showed the target already."""

    record: VersionRecord
    target: VersionRecord | None
    changed: bool


class _ShownAlready(Exception):
    """The head shows what is asked for."""

    def __init__(self, record: VersionRecord) -> None:
        super().__init__(record.ordinal)
        self.record = record


@dataclass(frozen=True)
class ShowAgain:
    """The rollback itself. Policy is its callers' matter."""

    datasets: Datasets

    def show(
        self, line: Line, target: VersionRecord | None, by: Authorship, seen: int | None = None
    ) -> RolledBack:
        """Makes ``line`` show what ``target`` shows (None: nothing). With ``seen`` it does so only while that
        is the head.

        Raises Collected, PreconditionFailed when the head is not ``seen``, and what a commit raises.
        """

        def propose(view: CommitView, parent: Manifest | None, _: ReadSegment) -> Proposal:
            head = view.head.record if view.head else None
            if seen is not None and (head is None or head.ordinal != seen):
                raise PreconditionFailed(
                    f"{line.branch} is not at v{seen} any more: look at what came, then try again"
                )
            if head is not None and _shows(head, target):
                raise _ShownAlready(head)
            return self._nothing(view, parent) if target is None else self._again(view, target)

        commits = self.datasets.commits
        try:
            record, changed = commits.commit(line, propose, by), True
        except _ShownAlready as already:
            record, changed = already.record, False
        commits.publish(record)
        return RolledBack(record, target, changed)

    def _again(self, view: CommitView, target: VersionRecord) -> Proposal:
        fresh = self.datasets.versions.fresh(target)
        shown = self.datasets.manifest_of(fresh)
        return Proposal(
            operation="rollback",
            change=Change(shown.table, ()),
            schema=shown.schema,
            contract_version=shown.contract_version,
            visible=with_ordinal(fresh.visible, view.next_ordinal),
            added_rows=0,
            note={"to": fresh.ordinal, "digest": fresh.digest, "branch": fresh.branch},
            second_parent=fresh.digest,
            reuses=(fresh.ordinal,),
        )

    def _nothing(self, view: CommitView, parent: Manifest | None) -> Proposal:
        if parent is None:
            raise PreconditionFailed("there is nothing to roll back")
        return Proposal(
            operation="rollback",
            change=Change(FileTable(), ()),
            schema=parent.schema,
            contract_version=parent.contract_version,
            visible=((view.next_ordinal, view.next_ordinal),),
            added_rows=0,
            note={"to": None},
        )


@dataclass(frozen=True)
class RollbackDataset:
    """The use case. A restore is the same to where a branch stood at a time (``main@2026-11-23T08:00``)."""

    datasets: Datasets

    def rollback(
        self,
        principal: Principal,
        product: str,
        dataset: str,
        to: str,
        branch: str = MAIN,
        reason: str = "",
    ) -> RolledBack:
        """Idempotent: a head that shows the target already stays. Raises AccessDenied, NotFound,
        Collected.
        """
        facts = {"headgate:Operation": "rollback", "headgate:Branch": branch}
        self.datasets.allow(principal, ACTION, product, dataset, facts)
        target = self.datasets.versions.resolve(product, dataset, to)
        by = Authorship(principal.id, reason)
        again = ShowAgain(self.datasets)
        done = again.show(Line(product, dataset, branch), target, by)
        if branch == MAIN:
            self._carry_to_pending(done.record, by)
        return done

    def _carry_to_pending(self, main: VersionRecord, by: Authorship) -> None:
        """What main went back behind must not come back with the next publication. What waits stays
        waiting.
        """
        line = Line(main.product, main.dataset, PENDING)
        try:
            head = self.datasets.catalog.dataset_head(line.product, line.dataset, PENDING)
        except NotFound:
            return
        if head is None or waiting(self.datasets.catalog, head, main):
            return
        with suppress(PreconditionFailed):  # a drop came in meanwhile: now that waits
            ShowAgain(self.datasets).show(line, main, by, seen=head.ordinal)


def _shows(head: VersionRecord, target: VersionRecord | None) -> bool:
    if target is None:
        return head.files == 0
    return head.digest == target.digest or (
        head.operation == "rollback" and head.second_parent == target.digest
    )
