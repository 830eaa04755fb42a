"""FeatureEngine on DuckDB: partitions of views, and point-in-time joins of them, in one locked connection."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.column_lineage import column_lineage
from headgate.adapters.engines.duckdb_on_demand import answer
from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session
from headgate.adapters.engines.feature_sketch import sketches
from headgate.adapters.engines.label_reach import require_reach
from headgate.adapters.engines.on_demand_rows import on_demand_rows
from headgate.adapters.engines.plain_rows import plain, raw_rows
from headgate.adapters.engines.sql_guard import require_inputs, require_select
from headgate.adapters.engines.sql_view import require_known_at, require_view
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.adapters.engines.view_maker import ViewMaker
from headgate.adapters.engines.view_tests import view_tests
from headgate.domain.column_lineage import ColumnLineage
from headgate.domain.entity_key import entity_key
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureColumn
from headgate.ports import (
    BuiltJoin,
    BuiltView,
    EarlierValue,
    JoinTask,
    OnlineValue,
    S3AccessProvider,
    ViewFiles,
    ViewTask,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class DuckDbFeatureEngine:
    """``httpfs`` is the extension's file in the layer; without it only local inputs can be read."""

    limits: Limits
    scratch: Path
    s3: S3AccessProvider | None = None
    httpfs: Path | None = None

    @property
    def version(self) -> str:
        from importlib.metadata import version

        return f"duckdb {version('duckdb')}"

    @contextmanager
    def session(
        self, readable: Sequence[str], scratch: Path, seed: int = 0, repeatable: bool = False
    ) -> Iterator["DuckDbFeatureSession"]:
        """Two threads share rows as they come: sums of DOUBLE, first values and ties differ between runs."""
        with open_session(
            replace(self.limits, threads=1) if repeatable else self.limits,
            scratch,
            readable=[*dict.fromkeys(readable)],
            s3=self.s3,
            httpfs=self.httpfs,
            prepare=_seeded(seed),
        ) as connection:
            yield DuckDbFeatureSession(connection)

    def lineage(
        self, view: FeatureView, tables: Mapping[str, Sequence[str]], columns: Sequence[str]
    ) -> ColumnLineage:
        return column_lineage(view.sql, tables, columns)

    def on_demand(
        self,
        view: FeatureView,
        request: Sequence[Mapping[str, Any]],
        types: Mapping[str, str],
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """The same SQL text as offline, over the rows of one call. Raises InvalidRequest when a value does
        not fit its type.
        """
        require_select(view.sql, f"view {view.name}")
        require_inputs(view.sql, view.inputs, f"view {view.name}")
        with open_session(self.limits, self.scratch, prepare=_seeded(seed)) as connection:
            return answer(connection, view, request, types)


@dataclass(frozen=True)
class DuckDbFeatureSession:
    """See `headgate.ports.FeatureSession`."""

    connection: "DuckDBPyConnection"

    def build_view(self, task: ViewTask, target: Path) -> BuiltView:
        require_view(task.view)
        columns = self.maker.make(task)
        if task.view.kind == "spine":
            require_reach(self.maker, task)
        self.maker.declared_tests(task.view)
        partitions = self.maker.write(task, target)
        self.connection.execute(f"DROP TABLE {sql.CHUNK}")
        return BuiltView(columns, partitions)

    def join(self, task: JoinTask, target: Path) -> BuiltJoin:
        feature_set, spine = task.feature_set, task.spine
        rows = relation_sql(spine.data.files, spine.data.schema)
        query, columns = self._point_in_time(feature_set, spine, task.views, rows)
        order = [*feature_set.spine.entity, feature_set.spine.event_time or ""]
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"{task.name}.parquet"
        self._copy_labels(f"{feature_set.name}, {task.name}", sql.ordered(query, order), path)
        partition = self.maker.described(task.name, path, feature_set.spine.event_time, feature_set.label)
        described = sketches(self.connection, path, partition.rows, columns)
        return BuiltJoin(columns, replace(partition, statistics=described))

    def join_labels(
        self,
        feature_set: FeatureSet,
        rows: str,
        spine: ViewFiles,
        views: Sequence[ViewFiles],
        path: Path,
        place: str | None,
    ) -> tuple[tuple[FeatureColumn, ...], int]:
        """Labels of the reader's own, one row each: the columns and the number of rows of the file ``path``.
        ``rows`` is a SELECT with the columns of ``spine``; the file is in the order of its column ``place``,
        which is left out, and without one in no order.
        """
        query, columns = self._point_in_time(feature_set, spine, views, rows)
        if place is not None:
            query = f"SELECT * EXCLUDE ({identifier(place)}) FROM ({query}) ORDER BY {identifier(place)}"
        count = self._copy_labels(feature_set.name, query, path)
        return tuple(c for c in columns if c.name != place), count

    def _point_in_time(
        self, feature_set: FeatureSet, spine: ViewFiles, views: Sequence[ViewFiles], rows: str
    ) -> tuple[str, tuple[FeatureColumn, ...]]:
        self.maker.execute(f"CREATE OR REPLACE TEMP VIEW __spine AS {rows}", "the labels")
        on_demand, key = on_demand_rows(self.maker, feature_set)
        joined = [sql.JoinedView(files, f"v{n}") for n, files in enumerate(views)]
        query = sql.joined(spine, on_demand, key, joined)
        return query, self._joined_columns(feature_set, spine, on_demand, joined, query)

    def _copy_labels(self, name: str, query: str, path: Path) -> int:
        """One row a label, or it is told how many were lost or came twice."""
        labels = self._count("__spine")
        self.maker.execute(sql.copy(query, str(path)), f"the point-in-time join of {name}")
        (written,) = self.connection.fetchone() or (0,)
        if written != labels:
            raise InvalidRequest(
                f"feature set {name}: {labels} labels became {written} rows in the join "
                f"({written - labels:+d}); every label is one row"
            )
        return int(written)

    def newest(self, files: ViewFiles, keys: Sequence[str] | None = None) -> Iterator[OnlineValue]:
        return self._online_values(files, sql.newest_rows(files), keys)

    def not_known_yet(self, files: ViewFiles, at: datetime, keys: Sequence[str]) -> Iterator[OnlineValue]:
        rows = self._online_values(files, sql.rows_not_known_yet(files, at), keys)
        for _, (newest, *rest) in groupby(rows, key=lambda value: value.key):
            earlier = tuple(EarlierValue(v.event_time, v.known_at, v.values) for v in rest)
            yield replace(newest, earlier=earlier)

    def _online_values(
        self, files: ViewFiles, query: str, keys: Sequence[str] | None
    ) -> Iterator[OnlineValue]:
        features, entity = sql.feature_names(files), files.view.entity
        types = {c.name: c.type for c in files.data.schema}
        wanted = None if keys is None else set(keys)
        for row in raw_rows(self.connection, query):
            key = entity_key([row[c] for c in entity], [types[c] for c in entity])
            if wanted is None or key in wanted:
                values = {c: plain(row[c]) for c in features}
                yield OnlineValue(key, row["__time"], values, row["__known"])

    def test(
        self, task: ViewTask, wide: ViewTask, built: ViewFiles, label: str | None = None
    ) -> Iterator[Mapping[str, Any]]:
        require_view(task.view)
        for source in task.sources:
            require_known_at(source.known_at, f"view {task.view.name}, input {source.name}")
        return view_tests(self.maker, task, wide, built, label)

    @property
    def maker(self) -> ViewMaker:
        return ViewMaker(self.connection)

    def _joined_columns(
        self,
        feature_set: FeatureSet,
        spine: ViewFiles,
        on_demand: Sequence[str],
        views: Sequence[sql.JoinedView],
        query: str,
    ) -> tuple[FeatureColumn, ...]:
        """Every output column with its role. Raises InvalidRequest on a collision, and where an entity column
        is not in the spine.
        """
        kept = [c.name for c in spine.data.schema]
        owners = dict.fromkeys(kept, feature_set.spine.name)
        made = [(feature_set.on_demand.name, on_demand)] if feature_set.on_demand else []
        for view, features in [*made, *((v.view.name, v.features) for v in views)]:
            for name in features:
                if name in owners:
                    raise InvalidRequest(
                        f"view {view}: column {name!r} is already made by view {owners[name]}"
                    )
                owners[name] = view
        for joined in views:
            if missing := [c for c in joined.view.entity if c not in kept]:
                raise InvalidRequest(
                    f"view {joined.view.name}: entity column(s) {', '.join(missing)} are not in the spine"
                )
        self.maker.execute(f"DESCRIBE {query}", f"the point-in-time join of {feature_set.name}")
        return tuple(
            FeatureColumn(row[0], row[1], _set_role(feature_set, row[0], owners[row[0]]), owners[row[0]])
            for row in self.connection.fetchall()
        )

    def _count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0


def _seeded(seed: int) -> Callable[["DuckDBPyConnection"], None]:
    """Makes ``seed()`` known, in SQL that runs offline and online alike."""

    def prepare(connection: "DuckDBPyConnection") -> None:
        connection.execute(f"CREATE TEMP MACRO seed() AS CAST({seed} AS BIGINT)")

    return prepare


def _set_role(feature_set: FeatureSet, column: str, view: str) -> str:
    spine = feature_set.spine
    if view != spine.name:
        return "feature"
    if column in spine.entity:
        return "entity"
    return {spine.event_time: "event_time", feature_set.label: "label"}.get(column, "request")
