"""Which columns of which datasets each column of a training table comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.column_lineage import ColumnLineage, ColumnSource, through
from headgate.domain.errors import LineageUnknown
from headgate.domain.feature import REQUEST_TABLE, WATERMARK_COLUMN, WATERMARK_TABLE, FeatureView
from headgate.domain.feature_version import FeatureColumn, FeatureManifest
from headgate.services.features.feature_work import FeatureWork


def version_lineage(
    work: FeatureWork, columns: Sequence[FeatureColumn], before: FeatureManifest | None
) -> Mapping[str, Any]:
    """``{"columns": {column: [[dataset, column, type, subtype]]}, "unknown": {view: why}}``; that of
    ``before`` when it was made by the same recipe.
    """
    feature_set = work.feature_set
    if before and (before.recipe, before.engine) == (feature_set.recipe_digest(), work.engine.version):
        return before.lineage
    views, unknown = _views(work)
    found: dict[str, list[list[str]]] = {}
    for column in columns:
        try:
            own = views[column.view][column.name]
            made = through(views, {column.name: own})[column.name]
        except (KeyError, LineageUnknown):
            continue
        found[column.name] = [[s.dataset, s.column, s.type, s.subtype] for s in made]
    return {"columns": found, "unknown": unknown}


def recorded_lineage(manifest: FeatureManifest) -> ColumnLineage:
    """As the manifest has it."""
    columns = manifest.lineage.get("columns", {})
    return {name: tuple(ColumnSource(*each) for each in sources) for name, sources in columns.items()}


def _views(work: FeatureWork) -> tuple[dict[str, ColumnLineage], dict[str, str]]:
    """Of every view, and of the request, which is the spine; views that cannot be told, with the reason."""
    feature_set = work.feature_set
    found: dict[str, ColumnLineage] = {}
    unknown: dict[str, str] = {}
    every: list[FeatureView] = [*feature_set.built]
    if feature_set.on_demand is not None:
        every.append(feature_set.on_demand)
    for view in every:
        tables = _tables(work, view)
        names = [c.name for c in work.built[view.name].columns] if view.name in work.built else []
        try:
            found[view.name] = _of_data(work, view, work.engine.lineage(view, tables, names))
        except LineageUnknown as reason:
            unknown[view.name] = str(reason)
    spine = feature_set.spine.name
    given = found.get(spine, {})
    requested = {name: (ColumnSource(spine, name, "DIRECT", "IDENTITY"),) for name in given}
    return {REQUEST_TABLE: requested, **found}, unknown


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
