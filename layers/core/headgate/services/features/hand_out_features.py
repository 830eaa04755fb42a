"""Hands out the files of a feature version, so that others read its rows without asking again."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.domain.errors import InvalidRequest, PreconditionFailed
from headgate.domain.feature import FeatureView
from headgate.domain.feature_masking import Hidden
from headgate.domain.feature_version import FeatureColumn, FeatureManifest, Partition, ViewVersion
from headgate.domain.identity import Principal
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_sets import READ, FeatureSets, GrantedSet
from headgate.services.features.planned_input import span_of

LINK_SECONDS = 900


@dataclass(frozen=True)
class Between:
    """Instants from ``start`` on and before ``end``; None is no bound."""

    start: datetime | None
    end: datetime | None

    @classmethod
    def of(cls, start: str | None, end: str | None) -> "Between":
        """ISO-8601 dates or instants. Raises InvalidRequest."""
        found = cls(*(None if text is None else _instant(text) for text in (start, end)))
        if found.start and found.end and found.start >= found.end:
            raise InvalidRequest(f"no time is from {start} on and before {end}")
        return found

    def earlier(self, seconds: int | None) -> "Between":
        """From so much earlier on; None: from the beginning."""
        if seconds is None or self.start is None:
            return Between(None, self.end)
        try:
            return Between(self.start - timedelta(seconds=seconds), self.end)
        except OverflowError:
            return Between(None, self.end)

    def meets(self, partition: Partition) -> bool:
        """Whether a row of it may be meant; one without times may always be."""
        span = span_of(partition)
        if span is None:
            return True
        return (self.end is None or span.first < self.end) and (self.start is None or span.last >= self.start)


@dataclass(frozen=True)
class HandOutFeatures:
    """The use case."""

    sets: FeatureSets

    def files(
        self,
        principal: Principal,
        product: str,
        feature_set: str,
        reference: str,
        start: str | None,
        end: str | None,
        views: bool,
    ) -> dict[str, Any]:
        """``{"product", "feature_set", "version", "digest", "rows", "event_time", "from", "to", "expires_at",
        "columns": [column], "partitions": [file]}``; a file is ``{"name", "url", "sha256", "bytes", "rows",
        "min_event_time", "max_event_time"}``, a column ``{"name", "type", "role", "view"}``. ``rows`` are
        those of the files, which may hold some before ``start`` and after ``end``.

        With ``views`` also ``"declared"``, the feature set and its views as the applied product has them, and
        ``"views": [{"view", "columns", "files"}]`` of the joined views: what rows of that time may see.

        Raises AccessDenied, NotFound, InvalidRequest, and PreconditionFailed where a column is restricted or,
        with ``views``, when the version was built of another declaration.
        """
        granted = self.sets.allow(principal, READ, product, feature_set)
        between = Between.of(start, end)
        record = self.sets.version(granted, reference)
        manifest = self.sets.manifest(record)
        columns = [*manifest.columns, *(c for v in manifest.views if views for c in v.columns)]
        _refuse_restricted(granted.hidden, f"{product}/{feature_set}", columns)
        chosen = [p for p in manifest.partitions if p.key and between.meets(p)]
        document = {
            "product": product,
            "feature_set": feature_set,
            "version": record.ordinal,
            "digest": record.digest,
            "rows": sum(p.rows for p in chosen),
            "event_time": granted.feature_set.spine.event_time,
            "from": start,
            "to": end,
            "expires_at": iso(self.sets.clock.now() + timedelta(seconds=LINK_SECONDS)),
            "columns": [asdict(column) for column in manifest.columns],
            "partitions": self._files(chosen),
        }
        return {**document, **self._views(granted, manifest, between)} if views else document

    def _views(self, granted: GrantedSet, manifest: FeatureManifest, between: Between) -> dict[str, Any]:
        declared = granted.feature_set
        if manifest.recipe != declared.recipe_digest():
            raise PreconditionFailed(
                f"feature set {declared.name}: this version was built of another declaration than the "
                "applied one, so that rows joined with it would mean something else; build the set again"
            )
        found = {view.name: manifest.view(view.name) for view in declared.views}
        bundle = granted.applied.product.document
        names = [declared.spine.name, *found, *([declared.on_demand.name] if declared.on_demand else [])]
        return {
            "declared": {
                "feature_set": bundle["feature_sets"][declared.name],
                "views": {name: bundle["views"][name] for name in names},
            },
            "views": [
                {
                    "view": view.name,
                    "columns": [asdict(column) for column in built.columns],
                    "files": self._files(_seen(view, built, between)),
                }
                for view in declared.views
                if (built := found[view.name]) is not None
            ],
        }

    def _files(self, partitions: Iterable[Partition]) -> list[dict[str, Any]]:
        names = ("name", "sha256", "bytes", "rows", "min_event_time", "max_event_time")
        return [
            {**{n: getattr(p, n) for n in names}, "url": self.sets.lake.signed(p.key, LINK_SECONDS)}
            for p in sorted(partitions, key=lambda p: p.name)
        ]


def _seen(view: FeatureView, built: ViewVersion, between: Between) -> list[Partition]:
    """The partitions of a view that rows of a time may see: not older than its staleness cap at the start."""
    wanted = between.earlier(view.max_age_seconds)
    return [p for p in built.partitions if p.key and (view.event_time is None or wanted.meets(p))]


def _refuse_restricted(hidden: Hidden, name: str, columns: Iterable[FeatureColumn]) -> None:
    if secret := sorted({column.name for column in columns if column.name in hidden}):
        raise PreconditionFailed(
            f"the rows of {name} are not handed out: {', '.join(secret)} is restricted by a contract, and "
            "values of restricted columns are never shown"
        )


def _instant(text: str) -> datetime:
    try:
        return parse_iso(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{text!r} is no date or instant: 2013-10-01 is needed") from error
