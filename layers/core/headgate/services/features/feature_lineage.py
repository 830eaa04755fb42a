"""Which columns of which datasets each column of a training table comes from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.column_lineage import INDIRECT, ColumnLineage, ColumnSource, of_rows, through
from headgate.domain.errors import LineageUnknown
from headgate.domain.feature import REQUEST_TABLE, WATERMARK_COLUMN, WATERMARK_TABLE, FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureColumn, FeatureManifest
from headgate.services.features.feature_work import FeatureWork

METHOD = 2
"""Raised when an equal text is told of otherwise."""
_JOIN = ColumnSource("", "", INDIRECT, "JOIN")


def version_lineage(
    work: FeatureWork, columns: Sequence[FeatureColumn], before: FeatureManifest | None
) -> Mapping[str, Any]:
    """``{"columns": {column: [[dataset, column, type, subtype]]}, "unknown": {view: why}, "of": digest}``;
    that of ``before`` when it is of the same. A column that cannot be told is in no ``columns``: its view is
    ``unknown``, or that of the labels is, or one that is read.
    """
    tables = {view.name: _tables(work, view) for view in _told_of(work)}
    names = [[c.name, c.view] for c in columns]
    made_of = digest([METHOD, work.engine.version, work.feature_set.recipe_digest(), tables, names])
    if before and before.lineage.get("of") == made_of:
        return before.lineage
    views, unknown = _views(work, tables)
    found = {c.name: _sources(work.feature_set, views, c) for c in columns if _told(work, views, c)}
    told = {n: [[s.dataset, s.column, s.type, s.subtype] for s in made] for n, made in found.items()}
    return {"columns": told, "unknown": unknown, "of": made_of}


def recorded_lineage(manifest: FeatureManifest) -> ColumnLineage:
    """As the manifest has it."""
    columns = manifest.lineage.get("columns", {})
    return {name: tuple(ColumnSource(*each) for each in sources) for name, sources in columns.items()}


def _told(work: FeatureWork, views: Mapping[str, ColumnLineage], column: FeatureColumn) -> bool:
    """Not where its view is unknown, or the labels are."""
    return work.feature_set.spine.name in views and column.name in views.get(column.view, {})


def _sources(
    feature_set: FeatureSet, views: Mapping[str, ColumnLineage], column: FeatureColumn
) -> Sequence[ColumnSource]:
    """Its own; what decides which labels there are; and the keys and times that the point-in-time join finds
    its row by. That rows of one entity and instant are told apart by all their values is left out.
    """
    found = {*views[column.view][column.name], *of_rows(views[feature_set.spine.name])}
    for view, name in _found_by(feature_set, column.view):
        rows = of_rows(views[view])
        found |= {source.under(_JOIN) for source in _of(views[view], name) if source not in rows}
    return sorted(found)


def _found_by(feature_set: FeatureSet, name: str) -> Iterator[tuple[str, str]]:
    """(view, column) of either side of a feature view's join; none for what the labels say themselves."""
    spine = feature_set.spine
    view = next((v for v in feature_set.views if v.name == name), None)
    if view is None:
        return
    yield from ((each, column) for column in view.entity for each in (spine.name, name))
    yield from ((name, column) for column in view.times)
    if view.event_time is not None:
        yield spine.name, spine.event_time or ""


def _of(lineage: ColumnLineage, column: str) -> Sequence[ColumnSource]:
    """By the name in any case, as SQL takes it."""
    return next((sources for name, sources in lineage.items() if name.lower() == column.lower()), ())


def _views(
    work: FeatureWork, tables: Mapping[str, Mapping[str, Sequence[str]]]
) -> tuple[dict[str, ColumnLineage], dict[str, str]]:
    """Of every view, down to the datasets; and the views that cannot be told, with the reason."""
    found: dict[str, ColumnLineage] = {}
    unknown: dict[str, str] = {}
    spine = work.feature_set.spine.name
    for view in _told_of(work):
        read = {REQUEST_TABLE: spine} if view.kind == "on_demand" else {name: name for name in view.inputs}
        names = [c.name for c in work.built[view.name].columns] if view.name in work.built else []
        try:
            if dark := [name for name in read.values() if name in unknown]:
                raise LineageUnknown(f"it reads {dark[0]}, which cannot be traced")
            told = _of_data(work, view, work.engine.lineage(view, tables[view.name], names))
            found[view.name] = through({n: found[v] for n, v in read.items() if v in found}, told)
        except LineageUnknown as reason:
            unknown[view.name] = str(reason)
    return found, unknown


def _told_of(work: FeatureWork) -> list[FeatureView]:
    """Every view, each after what it reads."""
    on_demand = work.feature_set.on_demand
    return [*work.feature_set.built, *([on_demand] if on_demand is not None else [])]


def _of_data(work: FeatureWork, view: FeatureView, lineage: ColumnLineage) -> ColumnLineage:
    """The watermark is made of the event times of the inputs that have a window."""
    reached = [
        ColumnSource(window.input, time, "DIRECT", "AGGREGATION")
        for window in view.windows
        if (time := work.feature_set.event_time_of(window.input)) is not None
    ]

    def resolved(source: ColumnSource) -> Sequence[ColumnSource]:
        return [r.under(source) for r in reached] if source.dataset == WATERMARK_TABLE else [source]

    return {
        column: tuple(sorted({made for source in sources for made in resolved(source)}))
        for column, sources in lineage.items()
    }


def _tables(work: FeatureWork, view: FeatureView) -> Mapping[str, Sequence[str]]:
    if view.kind == "on_demand":
        spine = work.built[work.feature_set.spine.name]
        return {REQUEST_TABLE: [c.name for c in spine.columns if c.name != work.feature_set.label]}
    read = {name: [c.name for c in given.schema] for name, given in work.inputs_of(view).items()}
    return {**read, WATERMARK_TABLE: [WATERMARK_COLUMN]}
