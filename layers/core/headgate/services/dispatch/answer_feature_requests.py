"""Does what was asked of a feature set, and keeps the report.

Order of side effects: the work, then the report. A request that is delivered again is answered again; a build
of the same inputs is one build.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import NotFound, Permanent
from headgate.domain.feature_request import FeatureReport, FeatureRequest, Kind
from headgate.services.clock import iso
from headgate.services.features.build_features import BuildFeatures
from headgate.services.features.check_parity import CheckParity
from headgate.services.features.feature_reports import FeatureReports


@dataclass(frozen=True)
class AnswerFeatureRequests:
    """The use case, from a message of `headgate.services.features.request_features`."""

    builder: BuildFeatures
    parity: CheckParity

    def answer(self, request: FeatureRequest) -> FeatureReport:
        """Once: a report that is done or failed stays as it is. What a retry cannot help with is kept in the
        report. Raises Retryable when the message must be delivered again.
        """
        reports = FeatureReports(self.builder.lake)
        known = reports.find(request.kind, request.product, request.feature_set, request.id)
        if known is not None and known.state != "asked":
            return known
        report = self._answered(request)
        reports.put(report)
        return report

    def _answered(self, request: FeatureRequest) -> FeatureReport:
        work: dict[Kind, Callable[[FeatureRequest], Mapping[str, Any]]] = {
            "build": self._build,
            "parity": lambda asked: self.parity.check(asked.product, asked.feature_set),
        }
        report = FeatureReport(request)
        try:
            return report.done(self._now(), work[request.kind](request))
        except Permanent as problem:
            return report.failed(self._now(), str(problem))

    def _build(self, request: FeatureRequest) -> Mapping[str, Any]:
        applied = self.builder.products.get(request.product)
        feature_set = applied.product.feature_sets.get(request.feature_set)
        if feature_set is None:
            raise NotFound(f"product {request.product} has no feature set {request.feature_set!r} any more")
        heads = {d: self.builder.datasets.dataset_head(request.product, d) for d in feature_set.inputs}
        inputs = {d: head.ordinal for d, head in heads.items() if head is not None}
        outcome = self.builder.build(applied, feature_set)
        record = outcome.record
        told = (
            {"version": None}
            if record is None
            else {
                "version": record.ordinal,
                "digest": record.digest,
                "rows": record.rows,
                "built": record.built,
                "steps": record.steps,
                "seconds": record.seconds,
            }
        )
        return {"outcome": outcome.state, "inputs": inputs, "detail": outcome.detail, **told}

    def _now(self) -> str:
        return iso(self.builder.clock.now())
