"""Rows of the reader's own, joined with a version's views by the engine that joins training sets."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits, identifier, quoted
from headgate.cli.failures import CommandFailed
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.manifest import SchemaColumn
from headgate.ports import ViewFiles

MEMORY_BYTES = 2 << 30
LABELS = "labels.parquet"
PLACE = "__place"
"""Where a row stood among the labels: they come back in their order."""
Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Joined:
    """The labels with their features, in one Parquet file."""

    path: Path
    rows: int
    columns: Columns
    notes: tuple[str, ...]


def label_table(labels: Any, folder: Path) -> Path:
    """The labels as a Parquet file: of a path of Parquet or CSV, or of a table of pyarrow, pandas, polars or
    whatever hands out Arrow. Named indexes of pandas come as columns, others are left out. Raises
    CommandFailed for anything else, and where two columns have one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(labels, str | os.PathLike):
        return _label_file(Path(labels), folder)
    path = folder / LABELS
    try:
        table = _arrow_table(labels)
        if twice := [name for name, n in Counter(map(str.lower, table.column_names)).items() if n > 1]:
            raise CommandFailed(f"two columns of the labels have one name: {', '.join(twice)}")
        pq.write_table(table, path)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise CommandFailed(f"the labels are no table that Arrow can read: {_first_line(error)}") from error
    return path


def _arrow_table(labels: Any) -> Any:
    import pyarrow as pa

    if hasattr(labels, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(labels).read_all()
    elif type(labels).__module__.startswith("pandas.") and type(labels).__name__ == "DataFrame":
        table = pa.Table.from_pandas(labels)
    else:
        raise CommandFailed(
            "labels are a table of pyarrow, pandas or polars, or a path, not of the type "
            f"{type(labels).__name__}"
        )
    return table.drop_columns([name for name in table.column_names if _UNNAMED_INDEX.fullmatch(name)])


def moments(start: str | None, end: str | None) -> None:
    """Raises CommandFailed unless both are dates or instants, and ``start`` comes before ``end``."""
    for text in (start, end):
        if text is not None:
            _asked(f"SELECT {_moment(text)}", f"{text!r} is no date or instant: 2013-10-01 is needed")
    if (
        start is not None
        and end is not None
        and not _asked(f"SELECT {_moment(start)} < {_moment(end)}", "")[0]
    ):
        raise CommandFailed(f"no time is from {start} on and before {end}")


def limits_of(labels: Path, event_time: str, start: str | None, end: str | None) -> tuple[str, str]:
    """The first event time from ``start`` on, and an instant after the last before ``end``. Raises
    CommandFailed when a row has none, or no row is of that time.
    """
    if event_time.lower() not in {name.lower() for name in _described(labels)}:
        raise CommandFailed(f"the labels have no column {event_time}, which says what was known by then")
    query = (
        f"SELECT count(*) - count(t), strftime(min(t) FILTER (meant), {_STAMP}), "
        f"strftime(max(t) FILTER (meant) + INTERVAL 1 SECOND, {_STAMP}) "
        f"FROM (SELECT *, {within('t', start, end)} AS meant FROM "
        f"(SELECT {_utc(event_time)} AS t FROM {_parquet(labels)}))"
    )
    row = _asked(query, f"the column {event_time} of the labels")
    if row[0]:
        raise CommandFailed(f"{row[0]:,} of the labels have no {event_time}: nothing was known at no time")
    if row[1] is None:
        raise CommandFailed("there is no row among the labels that is asked for")
    return str(row[1]), str(row[2])


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
    return Joined(path, count, tuple((c.name, c.role) for c in columns), notes)


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
    for name in _described(labels):
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
    there = _described(labels)
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
        f"{_utc(name, kind) if name == time else _cast(name, meant.get(name))} AS {identifier(name)}"
        for name, kind in there.items()
    ]
    source = _parquet(labels, "file_row_number=true")
    selected += [f"file_row_number AS {place}"] if place else []
    rows = f"SELECT {', '.join(selected)} FROM {source}"
    asked = f"SELECT * FROM ({rows}) WHERE {within(time, *bounds)}"
    columns = _columns(asked)
    entity = tuple(sorted(needed - {time}))
    view = replace(declared.spine, name="labels", sql="", inputs=(), entity=entity)
    return asked, _files(view, columns, []), left_out


def _require_kept(labels: Path, casts: Mapping[str, tuple[str, str]]) -> None:
    """Raises CommandFailed where a number or an instant is not what it was in the type that is joined by: the
    engine would round it, and find features of something else.
    """
    for name, (kind, wanted) in casts.items():
        if kind == wanted or kind.startswith(("VARCHAR", "ENUM")):
            continue
        changed = f"CAST({_cast(name, wanted)} AS {kind}) IS DISTINCT FROM {identifier(name)}"
        found = _asked(
            f"SELECT count(*) FILTER ({changed}), CAST(any_value({identifier(name)}) FILTER ({changed}) AS "
            f"VARCHAR) FROM {_parquet(labels)}",
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


def _label_file(path: Path, folder: Path) -> Path:
    """Under a name of its own: an engine takes more from a path than a file (``*``, ``key=value/``)."""
    if not path.is_file():
        raise CommandFailed(f"{path}: there is no such file of labels")
    if path.suffix not in (".parquet", ".csv"):
        raise CommandFailed(f"{path}: labels are read from .parquet or .csv")
    target = folder / LABELS
    if path.suffix == ".parquet":
        target.symlink_to(path.resolve())
        return target
    given = folder / "labels.csv"
    given.symlink_to(path.resolve())
    read = f"read_csv({quoted(str(given))}, hive_partitioning=false)"
    _asked(f"COPY (FROM {read}) TO {quoted(str(target))} (FORMAT parquet)", str(path))
    return target


def _parquet(path: Path, *options: str) -> str:
    return f"read_parquet({', '.join([quoted(str(path)), 'hive_partitioning=false', *options])})"


def _described(path: Path) -> dict[str, str]:
    return dict(_columns(f"FROM {_parquet(path)}"))


def _columns(query: str) -> Columns:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            found = connection.execute(f"DESCRIBE {query}").fetchall()
        except duckdb.Error as error:
            raise CommandFailed(f"the labels: {str(error).splitlines()[0]}") from error
    return tuple((row[0], row[1]) for row in found)


def _asked(query: str, what: str) -> tuple[Any, ...]:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            return connection.execute(query).fetchone() or ()
        except duckdb.Error as error:
            raise CommandFailed(f"{what}: {str(error).splitlines()[0]}") from error


def _utc(column: str, type_: str = "") -> str:
    """Instants as UTC TIMESTAMPs; what says no zone is UTC."""
    if type_ == "TIMESTAMP":
        return identifier(column)
    return f"CAST(CAST({identifier(column)} AS TIMESTAMPTZ) AS TIMESTAMP)"


def _cast(column: str, type_: str | None) -> str:
    name = identifier(column)
    return name if type_ is None else f"CAST({name} AS {type_})"


def _moment(text: str) -> str:
    """A date or an instant as a UTC TIMESTAMP; what says no zone is UTC."""
    return f"CAST(CAST({quoted(text)} AS TIMESTAMPTZ) AS TIMESTAMP)"


def within(column: str, start: str | None, end: str | None) -> str:
    """The SQL condition that a UTC TIMESTAMP is from ``start`` on and before ``end``."""
    limits = [(start, ">="), (end, "<")]
    asked = [f"{identifier(column)} {sign} {_moment(bound)}" for bound, sign in limits if bound is not None]
    return " AND ".join(asked) or "true"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


_STAMP = quoted("%Y-%m-%dT%H:%M:%S.%fZ")
_UNNAMED_INDEX = re.compile(r"__index_level_[0-9]+__")
"""What pandas calls an index without a name."""
