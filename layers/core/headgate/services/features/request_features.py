"""Asks for a build of a feature set, or for a comparison of its online rows, and shows what came of it. The
work is done by who takes the message.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.feature_request import FeatureReport, FeatureRequest, Kind
from headgate.domain.identity import Principal
from headgate.ports import MessageQueue
from headgate.services.features.feature_reports import FeatureReports
from headgate.services.features.feature_sets import BUILD, READ, FeatureSets, GrantedSet

ACTIONS: dict[Kind, str] = {"build": BUILD, "parity": READ}


@dataclass(frozen=True)
class RequestFeatures:
    """The use case. Raises AccessDenied, NotFound. ``queue`` is the one of the function that builds."""

    sets: FeatureSets
    queue: MessageQueue
    new_id: Callable[[], str]

    @property
    def reports(self) -> FeatureReports:
        return FeatureReports(self.sets.lake)

    def ask(self, principal: Principal, kind: Kind, product: str, feature_set: str) -> dict[str, Any]:
        """The report as it begins: state ``asked``. The report is there before the message is, so that
        whoever asks for it finds it.
        """
        self.sets.allow(principal, ACTIONS[kind], product, feature_set)
        request = FeatureRequest(kind, product, feature_set, self.new_id(), principal.id, self.sets.now())
        report = FeatureReport(request)
        self.reports.put(report)
        self.queue.send(request.to_message())
        return report.to_document()

    def show(
        self, principal: Principal, kind: Kind, product: str, feature_set: str, name: str
    ) -> dict[str, Any]:
        """The report as far as it is. What the contracts of today restrict is not shown, whenever the report
        was made.
        """
        granted = self.sets.allow(principal, ACTIONS[kind], product, feature_set)
        report = self.reports.find(kind, product, feature_set, name)
        if report is None:
            what = "build" if kind == "build" else "comparison"
            raise NotFound(
                f"feature set {product}/{feature_set} has no {what} {name}; reports that tell values go when "
                "rows are erased: ask for it again"
            )
        return _masked(granted, self._followed(granted, report)).to_document()

    def _followed(self, granted: GrantedSet, report: FeatureReport) -> FeatureReport:
        """A build that went to a job has failed when the job, or what was to follow it, has."""
        if report.result.get("outcome") != "handed over":
            return report
        recipe = granted.feature_set.recipe_digest()
        job = self.sets.catalog.stage_job(granted.product, granted.name, recipe)
        if job is None or not job.failed(report.result["inputs"]):
            return report
        return report.failed(report.finished_at, job.problem)


def _masked(granted: GrantedSet, report: FeatureReport) -> FeatureReport:
    hidden = granted.hidden
    entity = {v.name: v.entity for v in granted.feature_set.views}
    result = dict(report.result)
    if "views" in result:
        result["views"] = [hidden.parity(view, entity.get(view["view"])) for view in result["views"]]
    return replace(report, problem=hidden.told(report.problem), result=result)
