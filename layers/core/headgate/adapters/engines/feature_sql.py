"""The SQL the platform writes around a product's views: what a view may see, deduplication, point-in-time
joins, partitions, newest rows.

Pure text, no connection. Column and view names were checked to be identifiers when the product was applied,
and are quoted anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.domain.feature import FeatureView
from headgate.domain.partition import LAST, Grain, Interval
from headgate.ports import Source, ViewFiles

STAMP = quoted("%Y-%m-%dT%H:%M:%S.%gZ")
"""An instant as the platform writes it: ISO-8601 UTC with milliseconds."""
_NAMES: dict[Grain, str] = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
CHUNK = "__chunk"
"""The rows a view makes, before they are written."""
USUAL = 5
"""A value is usual when at most one row in so many has another."""


def names(columns: Sequence[str], prefix: str = "") -> str:
    """``prefix."a", prefix."b"``."""
    dot = f"{prefix}." if prefix else ""
    return ", ".join(dot + identifier(c) for c in columns)


def instant(moment: datetime) -> str:
    return f"TIMESTAMP {quoted(moment.strftime('%Y-%m-%d %H:%M:%S.%f'))}"


def input_relation(source: Source) -> str:
    """The rows of one input that a task sees."""
    return rows_within(source, relation_sql(source.data.files, source.data.schema))


def rows_within(source: Source, rows: str) -> str:
    """Of ``rows`` those that lie within the bounds of ``source``."""
    if source.time is None or source.start is None or source.end is None:
        return rows
    time = identifier(source.time)
    bounds = f"{time} >= {instant(source.start)} AND {time} {_up_to(source.end)}"
    return f"SELECT * FROM ({rows}) WHERE {bounds}"


def rows_of(view: FeatureView) -> str:
    """What the view yields, as a table of a FROM; its text may end in a comment."""
    return f"({view.sql}\n)"


def view_query(view: FeatureView) -> str:
    """The view with its times as UTC TIMESTAMPs; rows without an event time are left out, save those of a
    spine, which may lose none.
    """
    times = ", ".join(f"CAST({identifier(t)} AS TIMESTAMP) AS {identifier(t)}" for t in view.times)
    if not times:
        return view.sql
    query = f"SELECT * REPLACE ({times}) FROM {rows_of(view)}"
    if view.kind == "spine":
        return query
    return f"{query} WHERE {identifier(view.event_time or '')} IS NOT NULL"


def chunk_table(query: str) -> str:
    return f"CREATE OR REPLACE TEMP TABLE {CHUNK} AS {query}"


def within(event_time: str, cut: Interval) -> str:
    time = identifier(event_time)
    return f"{time} >= {instant(cut.start)} AND {time} {_up_to(cut.end)}"


def _up_to(end: datetime) -> str:
    """Before ``end``; the last instant of the calendar is within what ends there."""
    return f"{'<=' if end == LAST else '<'} {instant(end)}"


def only_first(key: Sequence[str], columns: Sequence[str]) -> str:
    """One row for each key. An ASOF join over duplicates picks any of them, so ties are broken by the values
    themselves: the same input always gives the same row.
    """
    first = f"SELECT DISTINCT ON ({names(key)}) * FROM {CHUNK} ORDER BY {names([*key, *columns])}"
    return f"CREATE OR REPLACE TEMP TABLE {CHUNK} AS {first}"


def repeated_keys(key: Sequence[str], table: str = CHUNK) -> str:
    """How many rows share their key with an earlier one. Rows with a null in the key count."""
    grouped = f"SELECT count(*) AS n FROM {table} GROUP BY {names(key)} HAVING count(*) > 1"
    return f"SELECT coalesce(sum(n - 1), 0) FROM ({grouped})"


def outside_calendar(event_time: str) -> str:
    """How many of the chunk's rows have a time that no partition can be named of, and one such time."""
    time = identifier(event_time)
    inside = f"{time} >= DATE '0001-01-01' AND {time} < DATE '10000-01-01'"
    return f"SELECT count(*), CAST(min({time}) AS VARCHAR) FROM {CHUNK} WHERE NOT ({inside})"


def grain_names(event_time: str, grain: Grain) -> str:
    """The partitions that the chunk's rows are in, in order."""
    text = f"strftime({identifier(event_time)}, {quoted(_NAMES[grain])})"
    return f"SELECT DISTINCT {text} AS name FROM {CHUNK} ORDER BY name"


def copy(query: str, path: str) -> str:
    return f"COPY ({query}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)"


def ordered(query: str, columns: Sequence[str]) -> str:
    """Rows in one order, so that equal content is equal bytes."""
    return f"{query} ORDER BY {names(columns)}"


@dataclass(frozen=True)
class JoinedView:
    """A view as the join names it."""

    files: ViewFiles
    alias: str

    @property
    def view(self) -> FeatureView:
        return self.files.view

    @property
    def features(self) -> tuple[str, ...]:
        return feature_names(self.files)

    @property
    def join(self) -> str:
        """Its join clause to the spine ``s``."""
        view = self.view
        keys = " AND ".join(f"s.{identifier(c)} = {self.alias}.{identifier(c)}" for c in view.entity)
        rows = relation_sql(self.files.data.files, self.files.data.schema)
        if view.event_time is None:
            return f"LEFT JOIN ({rows}) {self.alias} ON {keys}"
        return (
            f"ASOF LEFT JOIN ({self._known(rows)}) {self.alias} ON {keys} AND s.__now >= {self.alias}.__known"
        )

    @property
    def selected(self) -> str:
        """Its features, null where unknown or stale."""
        return ", ".join(self._fresh(identifier(c)) for c in self.features)

    def _known(self, rows: str) -> str:
        """Its rows with the instant they became known. News of what is older than what was known already is
        no news: it is left out, so that the newest known row is the newest of all that was known. Of what was
        said of one event before anything of it counts as known, the last word counts, as it does online.
        """
        view, known = self.view, known_instant(self.view)
        everything = f"SELECT *, {known} AS __known FROM ({rows})"
        if view.known_at is None:
            return everything
        entity, event = names(view.entity), identifier(view.event_time or "")
        so_far = f"PARTITION BY {entity} ORDER BY __known RANGE UNBOUNDED PRECEDING"
        return (
            f"SELECT * FROM ({everything}) "
            f"QUALIFY {event} >= max({event}) OVER ({so_far}) "
            f"AND row_number() OVER (PARTITION BY {entity}, __known ORDER BY {_newest_first(view)}) = 1"
        )

    def _fresh(self, column: str) -> str:
        view, value = self.view, f"{self.alias}.{column}"
        if view.max_age_seconds is None or view.event_time is None:
            return value
        age = f"s.__now - {self.alias}.{identifier(view.event_time)}"
        return f"CASE WHEN {age} <= to_seconds({view.max_age_seconds}) THEN {value} END AS {column}"


def feature_names(files: ViewFiles) -> tuple[str, ...]:
    """The columns of a built view that are neither entity nor time."""
    known = {*files.view.entity, *files.view.times}
    return tuple(c.name for c in files.data.schema if c.name not in known)


def joined(
    spine: ViewFiles, on_demand: Sequence[str], on_demand_key: Sequence[str], views: Sequence[JoinedView]
) -> str:
    """The rows of a training table. ``on_demand`` are the features of the table ``__on_demand``."""
    columns = [c.name for c in spine.data.schema]
    now = identifier(spine.view.event_time or "")
    parts = [names(columns, "s"), names(on_demand, "d"), *(v.selected for v in views)]
    joins = [v.join for v in views]
    if on_demand:
        keys = " AND ".join(
            f"s.{identifier(c)} IS NOT DISTINCT FROM d.{identifier(c)}" for c in on_demand_key
        )
        joins = [f"LEFT JOIN __on_demand d ON {keys}", *joins]
    selected = ", ".join(part for part in parts if part)
    return f"SELECT {selected} FROM (SELECT *, {now} AS __now FROM __spine) s {' '.join(joins)}"


def some_instants(files: ViewFiles, most: int) -> str:
    """Instants at which rows of a built view became known, spread over its rows."""
    rows = relation_sql(files.data.files, files.data.schema)
    shares = [(2 * n + 1) / (2 * most) for n in range(most)]
    known = known_instant(files.view)
    return f"SELECT DISTINCT unnest(quantile_disc({known}, {shares})) AS known FROM ({rows}) ORDER BY known"


def known_rows(files: ViewFiles) -> str:
    """The features of a built view, and when each row of them became known as ``__known``."""
    rows = relation_sql(files.data.files, files.data.schema)
    columns = ", ".join([f"{known_instant(files.view)} AS __known", *map(identifier, feature_names(files))])
    return f"SELECT {columns} FROM ({rows})"


def rare_instants(rows: str, feature: str, most: int) -> str:
    """Instants at which rows became known that do not hold the usual value of a feature, where nearly all
    rows do. ``rows`` is a table of `known_rows`.
    """
    value, shares = identifier(feature), [(2 * n + 1) / (2 * most) for n in range(most)]
    usual = (
        f"SELECT {value} AS usual, count(*) AS rows FROM {rows} GROUP BY {value} ORDER BY rows DESC LIMIT 1"
    )
    found = (
        f"SELECT quantile_disc(__known, {shares}) AS instants FROM {rows}, ({usual}) u "
        f"WHERE {value} IS DISTINCT FROM u.usual HAVING count(*) * {USUAL} <= (SELECT count(*) FROM {rows})"
    )
    return f"SELECT unnest(instants) FROM ({found})"


def known_instant(view: FeatureView) -> str:
    """When a row of a view became known."""
    event = identifier(view.event_time or "")
    known = f"{event} + to_seconds({view.available_after})" if view.available_after else event
    if view.known_at is None:
        return known
    return f"greatest({known}, coalesce({identifier(view.known_at)}, {known}))"


def _newest_first(view: FeatureView) -> str:
    """Each row of an entity has a place of its own: one that does not say when it was known comes last."""
    return ", ".join(f"{identifier(time)} DESC NULLS LAST" for time in view.times)


def rows_not_known_yet(files: ViewFiles, at: datetime) -> str:
    """As `newest_rows`, the rows that become known after ``at``, and of their entities the newest that was
    known by then; by entity, the newest first.
    """
    view, entity = files.view, names(files.view.entity)
    rows = f"(SELECT *, {known_instant(view)} > {instant(at)} AS __later FROM ({relation_of(files)}))"
    order = _newest_first(view)
    some = f"count(*) FILTER (__later) OVER (PARTITION BY {entity}) > 0"
    first = f"row_number() OVER (PARTITION BY {entity}, __later ORDER BY {order}) = 1"
    selected = f"SELECT {entity}, {_times(view)}, {names(feature_names(files))} FROM {rows}"
    return f"{selected} QUALIFY {some} AND (__later OR {first}) ORDER BY {entity}, {order}"


def newest_rows(files: ViewFiles) -> str:
    """The newest row of every entity: entity columns, features, ``__time`` ('' without an event time) and
    ``__known``, from when on it is known ('' where no column says so).
    """
    view, rows = files.view, f"({relation_of(files)})"
    entity, features = names(view.entity), names(feature_names(files))
    if view.event_time is None:
        return f"SELECT {entity}, '' AS __time, '' AS __known, {features} FROM {rows} ORDER BY {entity}"
    newest = f"row_number() OVER (PARTITION BY {entity} ORDER BY {_newest_first(view)}) = 1"
    selected = f"SELECT {entity}, {_times(view)}, {features} FROM {rows}"
    return f"{selected} QUALIFY {newest} ORDER BY {entity}"


def relation_of(files: ViewFiles) -> str:
    return relation_sql(files.data.files, files.data.schema)


def _times(view: FeatureView) -> str:
    """``__time`` and ``__known`` of a view's row."""
    known = f"coalesce(strftime({identifier(view.known_at)}, {STAMP}), '')" if view.known_at else "''"
    return f"strftime({identifier(view.event_time or '')}, {STAMP}) AS __time, {known} AS __known"
