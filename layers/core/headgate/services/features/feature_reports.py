"""Where reports of builds and comparisons are kept that someone asked for: in the lake, by the versions."""

import json
from dataclasses import dataclass

from headgate.domain.errors import NotFound
from headgate.domain.feature_request import FeatureReport, FeatureRequest, Kind
from headgate.ports import ObjectStore
from headgate.services.features.feature_manifests import features_prefix

FOLDERS: dict[Kind, str] = {"build": "builds", "parity": "parity"}


@dataclass(frozen=True)
class FeatureReports:
    """The reports of every feature set."""

    lake: ObjectStore

    def find(self, kind: Kind, product: str, feature_set: str, name: str) -> FeatureReport | None:
        try:
            body = self.lake.get(f"{reports_prefix(kind, product, feature_set)}{name}.json")
        except NotFound:
            return None
        return FeatureReport.from_document(json.loads(body))

    def put(self, report: FeatureReport) -> None:
        """Fields keep their order: values are shown as their view has its columns."""
        body = json.dumps(report.to_document(), ensure_ascii=False, allow_nan=False, default=str)
        self.lake.put(_key(report.request), body.encode("utf-8"), "application/json")


def forget_reports(lake: ObjectStore, product: str, feature_set: str) -> None:
    """Every version of every report is gone: they tell values of rows, those of a build that failed too."""
    for folder in FOLDERS.values():
        for entry in list(lake.entries(f"{features_prefix(product, feature_set)}/{folder}/")):
            lake.delete(entry.key, entry.version_id)


def reports_prefix(kind: Kind, product: str, feature_set: str) -> str:
    return f"{features_prefix(product, feature_set)}/{FOLDERS[kind]}/"


def _key(request: FeatureRequest) -> str:
    return f"{reports_prefix(request.kind, request.product, request.feature_set)}{request.id}.json"
