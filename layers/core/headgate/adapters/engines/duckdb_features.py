"""FeatureEngine on DuckDB: builds a feature set from Parquet inputs in one locked connection, point-in-time
by construction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_on_demand import answer
from headgate.adapters.engines.duckdb_session import (
    Limits,
    identifier,
    open_session,
    quoted,
)
from headgate.adapters.engines.plain_rows import dictionaries
from headgate.adapters.engines.sql_guard import require_select
from headgate.adapters.engines.versioned_relation import relation_view
from headgate.domain.dataset_input import DatasetInput, all_uris
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureSet, FeatureView, entity_key
from headgate.domain.feature_version import FeatureColumn
from headgate.ports import BuiltFeatures, BuiltPartition, OnlineValue, S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")


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

    def build(
        self, feature_set: FeatureSet, inputs: Mapping[str, DatasetInput], target: Path
    ) -> BuiltFeatures:
        """See `headgate.ports.FeatureEngine`."""
        for view in (feature_set.spine, *feature_set.views, *_present(feature_set.on_demand)):
            require_select(view.sql, f"view {view.name}")

        def create_inputs(connection: "DuckDBPyConnection") -> None:
            for dataset, given in sorted(inputs.items()):
                connection.execute(relation_view(dataset, given))

        with open_session(
            self.limits,
            target,
            readable=all_uris(inputs),
            s3=self.s3,
            httpfs=self.httpfs,
            prepare=create_inputs,
        ) as connection:
            return _Build(connection, feature_set, target).run()

    def on_demand(
        self, view: FeatureView, request: Sequence[Mapping[str, Any]], types: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The same SQL text as offline, over the rows of one call. Raises InvalidRequest when a value does
        not fit its type.
        """
        require_select(view.sql, f"view {view.name}")
        with open_session(self.limits, self.scratch) as connection:
            return answer(connection, view, request, types)


@dataclass
class _Build:
    connection: "DuckDBPyConnection"
    feature_set: FeatureSet
    target: Path

    def run(self) -> BuiltFeatures:
        self._materialise(self.feature_set.spine, sql.spine_table(self.feature_set.spine))
        label_rows = self._count("__spine")
        self._require_one_row_per_entity(label_rows)
        on_demand = self._on_demand()
        views = [self._view(n, v) for n, v in enumerate(self.feature_set.views)]
        kept, columns = self._columns(on_demand, views)
        self._run(sql.joined_table(self.feature_set, on_demand, views, kept), "the point-in-time join")
        if self._count("__joined") != label_rows:
            joined = self._count("__joined")
            raise InvalidRequest(
                f"feature set {self.feature_set.name}: {label_rows} labels became {joined} rows in the join"
            )
        partitions = tuple(self._partitions())
        online = {v.view.name: tuple(self._newest(v)) for v in views if v.view.online}
        return BuiltFeatures(columns, partitions, label_rows, online)

    def _run(self, statement: str, where: str) -> None:
        import duckdb

        try:
            self.connection.execute(statement)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise InvalidRequest(f"{where}: {str(error).splitlines()[0]}") from error

    def _materialise(self, view: FeatureView, statement: str) -> None:
        self._run(statement, f"view {view.name}")

    def _describe(self, query: str, view: FeatureView) -> list[tuple[str, str]]:
        self._run(f"DESCRIBE {query}", f"view {view.name}")
        return [(row[0], row[1]) for row in self.connection.fetchall()]

    def _count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    def _require_one_row_per_entity(self, rows: int) -> None:
        spine = self.feature_set.spine
        key = sql.names(spine.entity)
        distinct = self._count(f"(SELECT DISTINCT {key} FROM __spine)")
        if distinct != rows:
            name = ", ".join(spine.entity)
            raise InvalidRequest(
                f"view {spine.name}: {rows} rows but {distinct} distinct {name}; one row each is needed"
            )

    def _on_demand(self) -> sql.ViewColumns | None:
        view = self.feature_set.on_demand
        if view is None:
            return None
        label = f" EXCLUDE ({identifier(self.feature_set.label)})" if self.feature_set.label else ""
        self._run(f"CREATE TEMP VIEW request AS SELECT *{label} FROM __spine", f"view {view.name}")
        self._materialise(view, f"CREATE TEMP TABLE __on_demand AS SELECT * FROM ({view.sql})")
        return self._view_columns(view, "__on_demand")

    def _view(self, number: int, view: FeatureView) -> sql.ViewColumns:
        columns = self._describe(f"SELECT * FROM ({view.sql})", view)
        features = [c for c, _ in columns if c not in view.entity and c != view.event_time]
        table = f"__view_{number}"
        self._materialise(view, sql.feature_table(view, table, features))
        return self._view_columns(view, table)

    def _view_columns(self, view: FeatureView, table: str) -> sql.ViewColumns:
        columns = self._describe(f"SELECT * FROM {table}", view)
        present = {c for c, _ in columns}
        missing = [c for c in (*view.entity, *_present(view.event_time)) if c not in present]
        if missing:
            raise InvalidRequest(
                f"view {view.name}: does not yield its declared column(s) {', '.join(missing)}"
            )
        return sql.ViewColumns(
            view, table, tuple((c, t) for c, t in columns if c not in view.entity and c != view.event_time)
        )

    def _columns(
        self, on_demand: sql.ViewColumns | None, views: Sequence[sql.ViewColumns]
    ) -> tuple[list[str], tuple[FeatureColumn, ...]]:
        """The spine columns that are kept, and every output column with its role. Raises InvalidRequest on a
        collision.
        """
        spine = self.feature_set.spine
        result = [
            FeatureColumn(c, t, self._role(c), spine.name)
            for c, t in self._describe("SELECT * FROM __spine", spine)
        ]
        kept = [c.name for c in result]
        self._require_entities(kept, views)
        for columns in (*_present(on_demand), *views):
            for name, kind in columns.features:
                if any(c.name == name for c in result):
                    raise InvalidRequest(
                        f"view {columns.view.name}: column {name!r} is already made by another view"
                    )
                result.append(FeatureColumn(name, kind, "feature", columns.view.name))
        return kept, tuple(result)

    def _require_entities(self, kept: Sequence[str], views: Sequence[sql.ViewColumns]) -> None:
        for columns in views:
            missing = [c for c in columns.view.entity if c not in kept]
            if missing:
                raise InvalidRequest(
                    f"view {columns.view.name}: entity column(s) {', '.join(missing)} are not in the spine"
                )

    def _role(self, column: str) -> str:
        spine = self.feature_set.spine
        if column in spine.entity:
            return "entity"
        return {spine.event_time: "event_time", self.feature_set.label: "label"}.get(column, "request")

    def _partitions(self) -> Iterator[BuiltPartition]:
        spine = self.feature_set.spine
        event_time = spine.event_time or ""
        for (month,) in self.connection.execute(sql.months(event_time)).fetchall():
            path = self.target / f"{month}.parquet"
            self._run(sql.partition_copy(event_time, spine.entity, month, str(path)), f"partition {month}")
            row = self.connection.execute(
                f"SELECT {self._summary()} FROM read_parquet({quoted(str(path))})"
            ).fetchone()
            assert row is not None
            yield BuiltPartition(month, path, *row)

    def _summary(self) -> str:
        """Rows, positives (null without a label), first and last event time of a partition."""
        label, time = self.feature_set.label, identifier(self.feature_set.spine.event_time or "")
        positives = f"CAST(sum(CAST({identifier(label)} AS INTEGER)) AS BIGINT)" if label else "NULL"
        first, last = (f"strftime({limit}({time}), {sql.STAMP})" for limit in ("min", "max"))
        return f"count(*), {positives}, {first}, {last}"

    def _newest(self, columns: sql.ViewColumns) -> Iterator[OnlineValue]:
        features = [c for c, _ in columns.features]
        for row in dictionaries(self.connection, sql.newest_rows(columns)):
            key = entity_key([row[c] for c in columns.view.entity])
            yield OnlineValue(key, row["__time"], {c: row[c] for c in features})


def _present(value: _T | None) -> tuple[_T, ...]:
    return () if value is None else (value,)
