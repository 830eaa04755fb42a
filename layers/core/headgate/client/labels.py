"""Rows of the reader's own, joined with a version's views by the engine that joins training sets."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits, identifier
from headgate.cli.failures import CommandFailed
from headgate.client.label_query import Columns, columns_of, described, first_row, parquet, utc, within
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureColumn
from headgate.domain.manifest import SchemaColumn
from headgate.ports import ViewFiles

MEMORY_BYTES = 2 << 30
PLACE = "__place"
"""Where a row stood among the labels: they come back in their order."""


@dataclass(frozen=True)
class Joined:
    """The labels with their features, in one Parquet file."""

    path: Path
    rows: int
    columns: Columns
    notes: tuple[str, ...]


def join_labels(
    told: Mapping[str, Any],
    views: Sequence[tuple[Mapping[str, Any], Sequence[Path]]],
    labels: Path,
    folder: Path,
    start: str | None,
    end: str | None,
    keep_order: bool = True,
) -> Joined:
    """``told`` is the answer of the platform, with views; ``views`` their files. Labels out of [start, end)
    are left out first. Raises CommandFailed for what does not fit.
    """
    declared = _declared(told["declared"])
    place = PLACE if keep_order else None
    _refuse_features(declared, [view for view, _ in views], labels)
    types = {c["name"]: c["type"] for view, _ in views for c in view["columns"] if c["role"] == "entity"}
    rows, spine, notes = _spine(declared, labels, types, (start, end), place)
    feature_set = replace(declared, spine=spine.view, label=None)
    if notes:
        feature_set = replace(feature_set, on_demand=None)
    by_name = {view.name: view for view in declared.views}
    joined = tuple(_view_files(by_name[v["view"]], v, paths) for v, paths in views)
    engine = DuckDbFeatureEngine(Limits(MEMORY_BYTES, os.cpu_count() or 2), folder / "sql")
    readable = [str(labels), *(f.uri for each in joined for f in each.data.files)]
    path = folder / "training-set.parquet"
    try:
        with engine.session(readable, folder, declared.seed) as session:
            columns, count = session.join_labels(feature_set, rows, spine, joined, path, place)
    except InvalidRequest as wrong:
        raise CommandFailed(f"the labels cannot be joined: {wrong}") from wrong
    nothing = tuple(_nothing_found(path, columns, declared))
    return Joined(path, count, tuple((c.name, c.role) for c in columns), (*notes, *nothing))


def _nothing_found(path: Path, columns: Sequence[FeatureColumn], declared: FeatureSet) -> Iterator[str]:
    """What may be meant otherwise: a view of which no label has a value."""
    for view in declared.views:
        made = [f"{identifier(c.name)} IS NOT NULL" for c in columns if c.view == view.name]
        any_of = " OR ".join(made) or "true"
        found = first_row(f"SELECT count(*) FILTER ({any_of}) FROM {parquet(path)}", view.name)
        if not found[0]:
            keys = ", ".join(view.entity)
            yield (
                f"no label has a value of {view.name}: it is joined by {keys}, and the labels' times may not "
                "be those it tells of"
            )


def _declared(document: Mapping[str, Any]) -> FeatureSet:
    views = {name: FeatureView.from_document(view) for name, view in document["views"].items()}
    shallow = {name: replace(view, inputs=()) for name, view in views.items() if view.kind != "on_demand"}
    return FeatureSet.from_document(document["feature_set"], {**views, **shallow})


def _refuse_features(declared: FeatureSet, views: Sequence[Mapping[str, Any]], labels: Path) -> None:
    """Raises CommandFailed when a column of the labels has the name of a feature."""
    known = {view.name: {*view.entity, *view.times} for view in declared.views}
    made = {
        column["name"].lower(): view["view"]
        for view in views
        for column in view["columns"]
        if column["name"] not in known[view["view"]]
    }
    for name in described(labels):
        if (view := made.get(name.lower())) is not None:
            raise CommandFailed(f"the labels have a column {name}, and the view {view} makes one: rename it")


def _spine(
    declared: FeatureSet,
    labels: Path,
    types: Mapping[str, str],
    bounds: tuple[str | None, str | None],
    place: str | None,
) -> tuple[str, ViewFiles, tuple[str, ...]]:
    """The labels as a spine: a SELECT of their columns in the types that views and SQL expect, and of where
    they stood.
    """
    time = declared.spine.event_time or ""
    there = described(labels)
    needed = {column for view in declared.views for column in view.entity} | {time}
    if missing := sorted(needed - set(there)):
        raise CommandFailed(
            f"the labels have no column {', '.join(missing)}: {', '.join(sorted(needed))} say what is joined"
        )
    if taken := {PLACE, "file_row_number"} & set(there):
        raise CommandFailed(f"the labels may have no column {', '.join(taken)}")
    left_out = _left_out(declared, set(there))
    meant = {**types, **({} if left_out else {c.name: c.type for c in declared.request})}
    _require_kept(labels, {name: (kind, meant[name]) for name, kind in there.items() if name in meant})
    selected = [
        f"{utc(name, kind) if name == time else _cast(name, meant.get(name))} AS {identifier(name)}"
        for name, kind in there.items()
    ]
    source = parquet(labels, "file_row_number=true")
    selected += [f"file_row_number AS {place}"] if place else []
    rows = f"SELECT {', '.join(selected)} FROM {source}"
    meant_rows = f"SELECT * FROM ({rows}) WHERE {within(time, *bounds)}"
    columns = columns_of(meant_rows)
    entity = tuple(sorted(needed - {time}))
    view = replace(declared.spine, name="labels", sql="", inputs=(), entity=entity)
    return meant_rows, _files(view, columns, []), left_out


def _require_kept(labels: Path, casts: Mapping[str, tuple[str, str]]) -> None:
    """Raises CommandFailed where a number or an instant is not what it was in the type that is joined by: the
    engine would round it, and find features of something else.
    """
    for name, (kind, wanted) in casts.items():
        if kind == wanted or kind.startswith(("VARCHAR", "ENUM")):
            continue
        changed = f"CAST({_cast(name, wanted)} AS {kind}) IS DISTINCT FROM {identifier(name)}"
        found = first_row(
            f"SELECT count(*) FILTER ({changed}), CAST(any_value({identifier(name)}) FILTER ({changed}) AS "
            f"VARCHAR) FROM {parquet(labels)}",
            f"the column {name} of the labels, which is joined as {wanted}",
        )
        if found[0]:
            raise CommandFailed(
                f"the column {name} of the labels is joined as {wanted}, and {found[0]:,} of its values are "
                f"none, such as {found[1]}"
            )


def _left_out(declared: FeatureSet, there: set[str]) -> tuple[str, ...]:
    """Why there are no on-demand features, if there are none."""
    view = declared.on_demand
    missing = sorted({c.name for c in declared.request} - there)
    if view is None or not missing:
        return ()
    return (f"the features of {view.name} are left out: the labels lack {', '.join(missing)}",)


def _view_files(view: FeatureView, told: Mapping[str, Any], paths: Sequence[Path]) -> ViewFiles:
    return _files(view, tuple((c["name"], c["type"]) for c in told["columns"]), paths)


def _files(view: FeatureView, columns: Columns, paths: Sequence[Path]) -> ViewFiles:
    schema = tuple(SchemaColumn(name, type_, False, "internal") for name, type_ in columns)
    return ViewFiles(view, DatasetInput(schema, tuple(InputFile(str(path), columns) for path in paths)))


def _cast(column: str, type_: str | None) -> str:
    name = identifier(column)
    return name if type_ is None else f"CAST({name} AS {type_})"
