"""The SQL the platform writes around a product's views: deduplication, point-in-time joins, partitions,
newest rows.

Pure text, no connection. Column and view names were checked to be identifiers when the product was applied,
and are quoted anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.domain.feature import FeatureSet, FeatureView

STAMP = quoted("%Y-%m-%dT%H:%M:%S.%gZ")
"""An instant as the platform writes it: ISO-8601 UTC with milliseconds."""


@dataclass(frozen=True)
class ViewColumns:
    """A materialised view: its table name and its columns as (name, type), entity and event time left out of
    ``features``.
    """

    view: FeatureView
    table: str
    features: tuple[tuple[str, str], ...]


def names(columns: Sequence[str], prefix: str = "") -> str:
    """``prefix."a", prefix."b"``."""
    dot = f"{prefix}." if prefix else ""
    return ", ".join(dot + identifier(c) for c in columns)


def spine_table(spine: FeatureView) -> str:
    """The spine with its event time as a UTC TIMESTAMP."""
    return f"CREATE TEMP TABLE __spine AS {_with_utc(spine.sql, identifier(spine.event_time or ''))}"


def _with_utc(query: str, time: str) -> str:
    return f"SELECT * REPLACE (CAST({time} AS TIMESTAMP) AS {time}) FROM ({query})"


def feature_table(view: FeatureView, table: str, columns: Sequence[str]) -> str:
    """A feature view with one row per entity and instant. An ASOF join over duplicates picks any of them, so
    ties are broken by the values themselves: the same input always gives the same row.
    """
    if view.event_time is None:
        key, rows = [*view.entity], f"({view.sql})"
    else:
        time = identifier(view.event_time)
        key, rows = [*view.entity, view.event_time], f"({_with_utc(view.sql, time)} WHERE {time} IS NOT NULL)"
    first = f"SELECT DISTINCT ON ({names(key)}) * FROM {rows} ORDER BY {names([*key, *columns])}"
    return f"CREATE TEMP TABLE {table} AS {first}"


def joined_table(
    feature_set: FeatureSet, on_demand: ViewColumns | None, views: Sequence[ViewColumns], kept: Sequence[str]
) -> str:
    """The training table. ``kept`` are the spine's own columns; every view adds its features, null where
    unknown or stale.
    """
    spine = feature_set.spine
    event_time = identifier(spine.event_time or "")
    selected = [names(kept, "s")]
    joins = []
    if on_demand is not None:
        selected += [f"d.{identifier(c)}" for c, _ in on_demand.features]
        joins.append(f"LEFT JOIN {on_demand.table} d ON " + _equal("s", "d", on_demand.view.entity))
    for number, columns in enumerate(views):
        alias, view = f"v{number}", columns.view
        keys = _equal("s", alias, view.entity)
        if view.event_time is None:
            joins.append(f"LEFT JOIN {columns.table} {alias} ON {keys}")
            selected += [f"{alias}.{identifier(c)}" for c, _ in columns.features]
            continue
        known = f"{alias}.{identifier(view.event_time)}"
        joins.append(f"ASOF LEFT JOIN {columns.table} {alias} ON {keys} AND s.{event_time} >= {known}")
        selected += [
            _fresh(view, f"{alias}.{identifier(c)}", f"s.{event_time}", known, c) for c, _ in columns.features
        ]
    columns_ = ", ".join(part for part in selected if part)
    return f"CREATE TEMP TABLE __joined AS SELECT {columns_} FROM __spine s {' '.join(joins)}"


def _fresh(view: FeatureView, value: str, now: str, known: str, name: str) -> str:
    if view.max_age_seconds is None:
        return value
    fresh = f"{now} - {known} <= to_seconds({view.max_age_seconds})"
    return f"CASE WHEN {fresh} THEN {value} END AS {identifier(name)}"


def _equal(left: str, right: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{identifier(c)} = {right}.{identifier(c)}" for c in columns)


def months(event_time: str) -> str:
    return (
        f"SELECT DISTINCT strftime({identifier(event_time)}, '%Y-%m') AS month FROM __joined ORDER BY month"
    )


def partition_copy(event_time: str, entity: Sequence[str], month: str, path: str) -> str:
    """One month, ordered by event time and entity, so that equal content is equal bytes."""
    time, start = identifier(event_time), f"TIMESTAMP {quoted(month + '-01')}"
    return (
        f"COPY (SELECT * FROM __joined WHERE {time} >= {start} AND {time} < {start} + INTERVAL 1 MONTH "
        f"ORDER BY {names([event_time, *entity])}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
    )


def newest_rows(columns: ViewColumns) -> str:
    """The newest row of every entity of a materialised view: entity columns, event time ('' without one),
    features.
    """
    view, table = columns.view, columns.table
    entity, features = names(view.entity), names([c for c, _ in columns.features])
    if view.event_time is None:
        return f"SELECT {entity}, '' AS __time, {features} FROM {table} ORDER BY {entity}"
    time = identifier(view.event_time)
    selected = f"{entity}, strftime({time}, {STAMP}) AS __time, {features}"
    return f"SELECT DISTINCT ON ({entity}) {selected} FROM {table} ORDER BY {entity}, {time} DESC"
