"""Compares the rows of two versions that someone asked about, and keeps the report.

A report holds sample rows. Rows may be erased while it is made: what was made of files that the versions do
not consist of any more is taken back. An erasure forgets all reports once nothing names the old files; so
none that came before or comes later holds what was erased.
"""

from dataclasses import dataclass, replace

from headgate.domain.errors import Conflict, Corrupted, Permanent
from headgate.domain.version_diff import DiffReport, hidden_columns
from headgate.ports import DiffEngine
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.diff_reports import DiffReports
from headgate.services.versions.version_delta import VersionDelta


@dataclass(frozen=True)
class DiffVersions:
    """The use case, from a message of `headgate.services.versions.request_diff`."""

    datasets: Datasets
    engine: DiffEngine

    @property
    def reports(self) -> DiffReports:
        return DiffReports(self.datasets.lake)

    def compare(self, asked: DiffReport, seconds: float) -> DiffReport:
        """Within ``seconds``, once: a report that is done stays as it is. What a retry cannot help with is
        kept in the report. Raises Retryable when the message must be delivered again.
        """
        try:
            delta = self._delta(asked)
            known = self.reports.find(asked.product, asked.dataset, asked.id)
            if known is not None and known.state == "done" and self._stands(known):
                return known
            self.reports.put(replace(asked, state="running"))
            return self._compared(asked, delta, seconds)
        except Permanent as problem:
            failed = replace(asked, state="failed", problem=str(problem), finished_at=self.datasets.now())
            self.reports.put(failed)
            return failed

    def _compared(self, asked: DiffReport, delta: VersionDelta, seconds: float) -> DiffReport:
        with self.datasets.reading(delta.before, delta.after):
            rows = self.engine.compare(delta.comparison(asked.key, asked.limit), seconds)
        before, after = (sum(f.rows for f in files) for files in delta.files)
        unchanged = rows.unchanged(before, after)
        if unchanged is None:
            raise Corrupted(
                f"v{asked.before.ordinal} and v{asked.after.ordinal}: the files do not hold the "
                f"{before:,} and {after:,} rows that their manifests say"
            )
        report = replace(
            asked,
            state="done",
            finished_at=self.datasets.now(),
            schema=delta.schema,
            statistics=delta.statistics,
            files=delta.shared.change,
            rows=rows,
            unchanged=unchanged,
            made_of=delta.made_of,
        )
        contract = self.datasets.products.get(asked.product).product.contract(asked.dataset)
        hidden = hidden_columns(contract, delta.old.schema, delta.new.schema, delta.pairs)
        report = report.masked(hidden).clipped()
        self._must_stand(report)  # an erasure during the comparison is seen before anything is kept
        self.reports.put(report)
        self._must_stand(report)
        return report

    def _must_stand(self, report: DiffReport) -> None:
        if not self._stands(report):
            raise Conflict(f"diff {report.id}: rows of its versions were erased meanwhile; it is made again")

    def _stands(self, report: DiffReport) -> bool:
        """Whether the versions still consist of the files that were read; else the report is forgotten."""
        stands = self._delta(report).made_of == report.made_of
        if not stands:
            self.reports.forget(report.product, report.dataset, report.id)
        return stands

    def _delta(self, asked: DiffReport) -> VersionDelta:
        """Raises Collected."""
        version = self.datasets.catalog.dataset_version
        before, after = (
            version(asked.product, asked.dataset, n) for n in (asked.before.ordinal, asked.after.ordinal)
        )
        return VersionDelta.between(self.datasets, before, after)
