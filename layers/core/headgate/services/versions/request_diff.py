"""Answers what manifests tell of the difference between two versions, asks for the comparison of the rows,
and shows what came of it. The rows are compared by who takes the message.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headgate.domain.contract import Contract
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.identity import Principal
from headgate.domain.row_diff import RowDiff
from headgate.domain.version_diff import (
    DiffedVersion,
    DiffReport,
    FileChange,
    diff_id,
    hidden_columns,
)
from headgate.ports import MessageQueue
from headgate.services.versions.branches import readable
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.diff_reports import DiffReports
from headgate.services.versions.version_delta import VersionDelta

ACTION = "headgate:DiffVersions"
MOST_STATISTICS = 200_000
"""Files times columns of a version: with more, only the report tells of files and statistics, since an answer
is waited for. So many were read and summed up in 2 s.
"""


@dataclass(frozen=True)
class RequestDiff:
    """The use case. Raises AccessDenied, NotFound and Collected. ``queue`` is the one of the function that
    reads data files and has time.
    """

    datasets: Datasets
    queue: MessageQueue
    most_statistics: int = MOST_STATISTICS

    @property
    def reports(self) -> DiffReports:
        return DiffReports(self.datasets.lake)

    def ask(
        self,
        principal: Principal,
        product: str,
        dataset: str,
        before: str,
        after: str,
        key: Sequence[str] | None,
        limit: int,
    ) -> DiffReport:
        """Versions by any of their names. Without a ``key`` it is the contract's primary key. A report that
        is done, or that needs no row to be read, is done at once. Raises InvalidRequest for a key that is not
        in both versions.
        """
        contract = self.datasets.allow(principal, ACTION, product, dataset)
        resolve = self.datasets.versions.resolve
        old, new = (readable(resolve(product, dataset, name)) for name in (before, after))
        delta = VersionDelta.between(self.datasets, old, new)
        hidden = hidden_columns(contract, delta.old.schema, delta.new.schema, delta.pairs)
        columns, note = _key(contract, delta, key)
        report = DiffReport(
            id=diff_id(old, new, columns, limit, hidden),
            product=product,
            dataset=dataset,
            before=DiffedVersion.of(old),
            after=DiffedVersion.of(new),
            key=columns,
            limit=limit,
            requested_by=principal.id,
            requested_at=self.datasets.now(),
            note=note,
        )
        known = self.reports.find(product, dataset, report.id)
        if known is not None and known.state == "done":
            return known.masked(hidden)
        return self._begun(report, delta).masked(hidden)

    def show(self, principal: Principal, product: str, dataset: str, name: str) -> DiffReport:
        """The report as far as it is. What the contract of today restricts is not shown, whenever the report
        was made.
        """
        contract = self.datasets.allow(principal, ACTION, product, dataset)
        report = self.reports.find(product, dataset, name)
        if report is None:
            raise NotFound(
                f"dataset {product}/{dataset} has no diff {name}; ask for it again: reports go when garbage "
                "is collected and when rows are erased, and what is known at once is not kept"
            )
        for side in (report.before, report.after):
            readable(self.datasets.catalog.dataset_version(product, dataset, side.ordinal))
        return report.masked(contract.restricted)

    def _begun(self, report: DiffReport, delta: VersionDelta) -> DiffReport:
        """What is kept of the question holds no value: an erasure that runs beside it would not find one."""
        told = replace(report, schema=delta.schema)
        if delta.before.digest == delta.after.digest:
            table = delta.new.table
            return _equal(replace(told, files=FileChange(table.files, table.rows), statistics=()))
        if delta.small(self.most_statistics):
            told = replace(told, files=delta.shared.change, statistics=delta.statistics)
            if delta.same_rows:
                return _equal(told)
        if not delta.pairs:
            raise InvalidRequest(
                f"v{delta.before.ordinal} and v{delta.after.ordinal} have no column in common: no row of one "
                "can be found in the other"
            )
        self.reports.put(report)
        self.queue.send(report.to_message())
        return told


def _equal(report: DiffReport) -> DiffReport:
    """Done: every row is in a file that both versions share."""
    shared = report.files.shared_rows if report.files else 0
    at = report.requested_at
    return replace(report, state="done", finished_at=at, rows=RowDiff(), unchanged=shared)


def _key(contract: Contract, delta: VersionDelta, asked: Sequence[str] | None) -> tuple[tuple[str, ...], str]:
    """The key in the later version's names, and why there is none."""
    common = {p.after.name for p in delta.pairs}
    if asked:
        if len(set(asked)) != len(asked):
            raise InvalidRequest(f"the key {', '.join(asked)} names a column twice")
        if missing := [name for name in asked if name not in common]:
            raise InvalidRequest(
                f"{', '.join(missing)} is no column of both v{delta.before.ordinal} and "
                f"v{delta.after.ordinal}; they share {', '.join(sorted(common))}"
            )
        return tuple(asked), ""
    if not contract.primary_key:
        return (), f"{contract.name} has no primary key: whole rows are compared"
    names = _renamed(contract)
    key = [next((n for n in names[c] if n in common), None) for c in contract.primary_key]
    if None in key:
        listed = ", ".join(contract.primary_key)
        return (), f"the primary key {listed} is not in both versions: whole rows are compared"
    return tuple(name for name in key if name is not None), ""


def _renamed(contract: Contract) -> dict[str, tuple[str, ...]]:
    """Each column's name and the names it had: a version may be older than the contract."""
    return {c.name: (c.name, *c.former_names) for c in contract.columns}
