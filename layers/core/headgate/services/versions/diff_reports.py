"""Where reports of diffs are kept: in the lake, beside the datasets, each under its id."""

import json
from dataclasses import dataclass

from headgate.domain.errors import NotFound
from headgate.domain.version_diff import DiffReport
from headgate.ports import ObjectStore


def reports_prefix(product: str, dataset: str) -> str:
    """Below it lies all that is kept of a dataset's diffs."""
    return f"{product}/diffs/{dataset}/"


@dataclass(frozen=True)
class DiffReports:
    """The reports of every dataset."""

    lake: ObjectStore

    def find(self, product: str, dataset: str, name: str) -> DiffReport | None:
        try:
            body = self.lake.get(self._key(product, dataset, name))
        except NotFound:
            return None
        return DiffReport.from_document(json.loads(body))

    def put(self, report: DiffReport) -> None:
        """Fields keep their order: rows are shown as their version has its columns."""
        key = self._key(report.product, report.dataset, report.id)
        body = json.dumps(report.to_document(), ensure_ascii=False, allow_nan=False)
        self.lake.put(key, body.encode("utf-8"), "application/json")

    def forget(self, product: str, dataset: str, name: str = "") -> None:
        """The report, or all of the dataset's, with every older version of the objects."""
        prefix = self._key(product, dataset, name) if name else reports_prefix(product, dataset)
        for entry in list(self.lake.entries(prefix)):
            self.lake.delete(entry.key, entry.version_id)

    def _key(self, product: str, dataset: str, name: str) -> str:
        return f"{reports_prefix(product, dataset)}{name}.json"
