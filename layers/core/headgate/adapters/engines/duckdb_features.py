"""FeatureEngine on DuckDB: partitions of views, and point-in-time joins of them, in one locked connection."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.column_lineage import column_lineage
from headgate.adapters.engines.duckdb_on_demand import answer
from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.adapters.engines.feature_sketch import sketches
from headgate.adapters.engines.leak_test import LeakInput, find_leaks
from headgate.adapters.engines.plain_rows import dictionaries
from headgate.adapters.engines.sql_guard import require_select
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.domain.column_lineage import ColumnLineage
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import WATERMARK_COLUMN, WATERMARK_TABLE, FeatureSet, FeatureView, entity_key
from headgate.domain.feature_version import FeatureColumn
from headgate.domain.partition import WHOLE, Interval, interval
from headgate.ports import (
    BuiltJoin,
    BuiltPartition,
    BuiltView,
    JoinTask,
    OnlineValue,
    S3AccessProvider,
    Source,
    ViewFiles,
    ViewTask,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LEAK_INSTANTS = 5
"""So many are tried in a partition: a leak shows only while something is told and not known yet."""


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
        self, readable: Sequence[str], scratch: Path, seed: int = 0
    ) -> Iterator["DuckDbFeatureSession"]:
        def make_seed(connection: "DuckDBPyConnection") -> None:
            connection.execute(f"CREATE TEMP MACRO seed() AS CAST({seed} AS BIGINT)")

        with open_session(
            self.limits,
            scratch,
            readable=[*dict.fromkeys(readable)],
            s3=self.s3,
            httpfs=self.httpfs,
            prepare=make_seed,
        ) as connection:
            yield DuckDbFeatureSession(connection)

    def lineage(
        self, view: FeatureView, tables: Mapping[str, Sequence[str]], columns: Sequence[str]
    ) -> ColumnLineage:
        return column_lineage(view.sql, tables, columns)

    def on_demand(
        self, view: FeatureView, request: Sequence[Mapping[str, Any]], types: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The same SQL text as offline, over the rows of one call. Raises InvalidRequest when a value does
        not fit its type.
        """
        require_select(view.sql, f"view {view.name}")
        with open_session(self.limits, self.scratch) as connection:
            return answer(connection, view, request, types)


@dataclass(frozen=True)
class DuckDbFeatureSession:
    """See `headgate.ports.FeatureSession`."""

    connection: "DuckDBPyConnection"

    def build_view(self, task: ViewTask, target: Path) -> BuiltView:
        view = task.view
        require_select(view.sql, f"view {view.name}")
        self._bind(task)
        self._run(sql.chunk_table(sql.view_query(view)), view)
        columns = self._columns(view)
        self._keep_partitions(task)
        self._one_row_per_key(view, [c.name for c in columns])
        self._declared_tests(view)
        target.mkdir(parents=True, exist_ok=True)
        partitions = tuple(self._written(view, cut, target) for cut in self._cuts(task))
        self.connection.execute(f"DROP TABLE {sql.CHUNK}")
        return BuiltView(columns, partitions)

    def join(self, task: JoinTask, target: Path) -> BuiltJoin:
        feature_set, spine = task.feature_set, task.spine
        self.connection.execute(
            "CREATE OR REPLACE TEMP VIEW __spine AS " + relation_sql(spine.data.files, spine.data.schema)
        )
        labels = self._count("__spine")
        on_demand, key = self._on_demand(feature_set)
        joined = [sql.JoinedView(files, f"v{n}") for n, files in enumerate(task.views)]
        query = sql.joined(spine, on_demand, key, joined)
        where = f"the point-in-time join of {feature_set.name}"
        columns = self._joined_columns(feature_set, spine, on_demand, joined, query)
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"{task.name}.parquet"
        order = [feature_set.spine.event_time or "", *feature_set.spine.entity]
        self._execute(sql.copy(sql.ordered(query, order), str(path)), where)
        partition = self._described(task.name, path, feature_set.spine.event_time, feature_set.label)
        if partition.rows != labels:
            raise InvalidRequest(
                f"feature set {feature_set.name}, {task.name}: {labels} labels became {partition.rows} rows "
                f"in the join ({partition.rows - labels:+d}); every label is one row"
            )
        described = sketches(self.connection, path, partition.rows, columns)
        return BuiltJoin(columns, replace(partition, statistics=described))

    def newest(self, files: ViewFiles, keys: Sequence[str] | None = None) -> Iterator[OnlineValue]:
        features = sql.feature_names(files)
        wanted = None if keys is None else set(keys)
        for row in dictionaries(self.connection, sql.newest_rows(files)):
            key = entity_key([row[c] for c in files.view.entity])
            if wanted is None or key in wanted:
                yield OnlineValue(key, row["__time"], {c: row[c] for c in features})

    def test(self, task: ViewTask, built: ViewFiles) -> Iterator[Mapping[str, Any]]:
        if task.partitions and task.view.event_time is not None:
            yield self._window_test(task, built)
        if task.view.kind == "feature" and task.view.event_time is not None:
            yield self._leak_test(task, built)

    def _window_test(self, task: ViewTask, built: ViewFiles) -> Mapping[str, Any]:
        view, name = task.view, task.partitions[0].name
        self._bind(task)
        self._run(sql.chunk_table(sql.view_query(view)), view)
        self._keep_partitions(replace(task, everything=False))
        self._one_row_per_key(view, [c.name for c in self._columns(view)])
        rows = relation_sql(built.data.files, built.data.schema)
        made = f"SELECT * FROM {sql.CHUNK}"
        query = f"(({made}) EXCEPT ALL ({rows})) UNION ALL (({rows}) EXCEPT ALL ({made}))"
        self._run(f"SELECT count(*), (SELECT count(*) FROM {sql.CHUNK}) FROM ({query})", view)
        different, count = self.connection.fetchone() or (0, 0)
        if different:
            windows = ", ".join(f"{w.input} {w.earliest}s..{w.latest}s" for w in view.windows)
            raise InvalidRequest(
                f"view {view.name}: {different} rows of {name} are others when more of its inputs is read "
                f"than its windows say ({windows}): declare wider ones, or build: full"
            )
        return {"name": "window", "passed": True, "rows": count}

    def _leak_test(self, task: ViewTask, built: ViewFiles) -> Mapping[str, Any]:
        """At instants when a row of the partition has just become known: a value that is told too early is
        one that is not known yet at just such an instant.
        """
        view = task.view
        extra = {WATERMARK_TABLE: _watermark(task)} if WATERMARK_TABLE in view.inputs else {}
        inputs = [_leak_input(source) for source in task.sources]
        restricted = any(c.classification == "restricted" for s in task.sources for c in s.data.schema)
        self._run(sql.some_instants(built, LEAK_INSTANTS), view)
        instants = [row[0] for row in self.connection.fetchall()]
        for at in instants:
            if leaks := find_leaks(self.connection, view, inputs, at, extra):
                told = [replace(leak, example="hidden") if restricted else leak for leak in leaks]
                raise InvalidRequest("; ".join(leak.sentence for leak in told))
        return {"name": "leak", "passed": True, "instants": [f"{at.isoformat()}Z" for at in instants]}

    def _bind(self, task: ViewTask) -> None:
        """Makes the view's inputs, and nothing else, readable by their names."""
        for source in task.sources:
            self._run(
                f"CREATE OR REPLACE TEMP VIEW {identifier(source.name)} AS {sql.input_relation(source)}",
                task.view,
            )
        if WATERMARK_TABLE in task.view.inputs:
            row = _watermark(task)
            self._run(f"CREATE OR REPLACE TEMP VIEW {WATERMARK_TABLE} AS {row}", task.view)

    def _columns(self, view: FeatureView) -> tuple[FeatureColumn, ...]:
        found = self.connection.execute(f"DESCRIBE {sql.CHUNK}").fetchall()
        present = {row[0] for row in found}
        missing = [c for c in (*view.entity, *view.times) if c not in present]
        if missing:
            raise InvalidRequest(
                f"view {view.name}: does not yield its declared column(s) {', '.join(missing)}"
            )
        return tuple(FeatureColumn(row[0], row[1], _role(view, row[0]), view.name) for row in found)

    def _keep_partitions(self, task: ViewTask) -> None:
        """Rows outside the task's partitions belong to others, or to none."""
        view, cuts = task.view, task.partitions
        if not cuts or view.event_time is None:
            return
        reach = Interval("", cuts[0].start, cuts[-1].end)
        outside = f"NOT ({sql.within(view.event_time, reach)})"
        if task.everything:
            self._refuse_outside(view, outside)
        else:
            self.connection.execute(f"DELETE FROM {sql.CHUNK} WHERE {outside}")

    def _refuse_outside(self, view: FeatureView, outside: str) -> None:
        time = identifier(view.event_time or "")
        query = f"SELECT count(*), min({time}) FROM {sql.CHUNK} WHERE {outside}"
        row = self.connection.execute(query).fetchone()
        if row and row[0]:
            windows = ", ".join(f"{w.input} {w.earliest}s..{w.latest}s" for w in view.windows)
            raise InvalidRequest(
                f"view {view.name}: {row[0]} rows are of a time that its windows ({windows}) do not reach "
                f"from any row of its inputs, the first {row[1]}: they would be lost"
            )

    def _one_row_per_key(self, view: FeatureView, columns: Sequence[str]) -> None:
        key = [*view.entity, *view.times]
        row = self.connection.execute(sql.repeated_keys(key)).fetchone()
        repeated = int(row[0]) if row else 0
        if view.kind == "spine":
            self._refuse_labels(view, repeated, key)
        elif repeated:
            rest = [c for c in columns if c not in key]
            self._run(sql.only_first(key, rest), view)

    def _refuse_labels(self, view: FeatureView, repeated: int, key: Sequence[str]) -> None:
        """A spine loses no row and doubles none: what would make it so is refused with counts."""
        time = identifier(view.event_time or "")
        row = self.connection.execute(
            f"SELECT count(*), count(*) - count({time}) FROM {sql.CHUNK}"
        ).fetchone()
        rows, timeless = row or (0, 0)
        if timeless:
            raise InvalidRequest(f"view {view.name}: {timeless} of {rows} rows have no {view.event_time}")
        if repeated:
            raise InvalidRequest(
                f"view {view.name}: {rows} rows but {rows - repeated} distinct {', '.join(key)}; one row "
                "each is needed"
            )

    def _declared_tests(self, view: FeatureView) -> None:
        for test in view.tests:
            where = f"view {view.name}, test {test}"
            self._execute(f"SELECT count(*) FILTER (NOT ({test})), count(*) FROM {sql.CHUNK}", where)
            row = self.connection.fetchone()
            if row and row[0]:
                raise InvalidRequest(f"view {view.name}: {row[0]} of {row[1]} rows fail the test: {test}")

    def _cuts(self, task: ViewTask) -> list[Interval | None]:
        """The partitions that are written; None for all rows in one file."""
        if task.partitions:
            return list(task.partitions)
        if task.view.event_time is None:
            return [None]
        found = self.connection.execute(sql.grain_names(task.view.event_time, task.view.partition)).fetchall()
        return [interval(row[0]) for row in found]

    def _written(self, view: FeatureView, cut: Interval | None, target: Path) -> BuiltPartition:
        name = cut.name if cut else WHOLE
        path = target / f"{name}.parquet"
        query = f"SELECT * FROM {sql.CHUNK}"
        if cut and view.event_time:
            query += f" WHERE {sql.within(view.event_time, cut)}"
        order = [*([view.event_time] if view.event_time else []), *view.entity]
        order += [view.known_at] if view.known_at else []
        self._run(sql.copy(sql.ordered(query, order), str(path)), view)
        return self._described(name, path, view.event_time)

    def _described(
        self, name: str, path: Path, event_time: str | None, label: str | None = None
    ) -> BuiltPartition:
        """What a file says of itself; one without rows is taken away."""
        positives = f"CAST(sum(CAST({identifier(label)} AS INTEGER)) AS BIGINT)" if label else "NULL"
        limits = [
            f"strftime({limit}({identifier(event_time)}), {sql.STAMP})" if event_time else "''"
            for limit in ("min", "max")
        ]
        query = f"SELECT count(*), {positives}, {', '.join(limits)} FROM read_parquet({quoted(str(path))})"
        self._execute(query, f"partition {name}")
        rows, positive, first, last = self.connection.fetchone() or (0, None, "", "")
        if not rows:
            path.unlink()
            return BuiltPartition(name, None, 0, 0 if label else None)
        return BuiltPartition(name, path, rows, positive, first, last)

    def _on_demand(self, feature_set: FeatureSet) -> tuple[list[str], list[str]]:
        """The on-demand features of the spine's rows, and the columns that find them again."""
        view = feature_set.on_demand
        if view is None:
            return [], []
        require_select(view.sql, f"view {view.name}")
        label = f" EXCLUDE ({identifier(feature_set.label)})" if feature_set.label else ""
        self._run(f"CREATE OR REPLACE TEMP VIEW request AS SELECT *{label} FROM __spine", view)
        self._run(f"CREATE OR REPLACE TEMP TABLE __on_demand AS SELECT * FROM ({view.sql})", view)
        made = [row[0] for row in self.connection.execute("DESCRIBE __on_demand").fetchall()]
        if missing := [c for c in view.entity if c not in made]:
            raise InvalidRequest(
                f"view {view.name}: does not yield its declared column(s) {', '.join(missing)}"
            )
        time = feature_set.spine.event_time
        key = [*view.entity, *([time] if time in made and time not in view.entity and time else [])]
        row = self.connection.execute(sql.repeated_keys(key, "__on_demand")).fetchone()
        if row and row[0]:
            raise InvalidRequest(
                f"view {view.name}: {row[0]} rows share their {', '.join(key)} with another; with "
                f"{time} among its columns a row is found by that too"
            )
        return [c for c in made if c not in key], key

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
        self._execute(f"DESCRIBE {query}", f"the point-in-time join of {feature_set.name}")
        return tuple(
            FeatureColumn(row[0], row[1], _set_role(feature_set, row[0], owners[row[0]]), owners[row[0]])
            for row in self.connection.fetchall()
        )

    def _run(self, statement: str, view: FeatureView) -> None:
        self._execute(statement, f"view {view.name}")

    def _execute(self, statement: str, where: str) -> None:
        import duckdb

        try:
            self.connection.execute(statement)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise InvalidRequest(f"{where}: {str(error).splitlines()[0]}") from error

    def _count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0


def _watermark(task: ViewTask) -> str:
    at = sql.instant(task.watermark) if task.watermark else "CAST(NULL AS TIMESTAMP)"
    return f"SELECT {at} AS {WATERMARK_COLUMN}"


def _leak_input(source: Source) -> LeakInput:
    columns = tuple((c.name, c.type) for c in source.data.schema)
    return LeakInput(
        source.name, sql.input_relation(source), columns, source.time, source.key, source.known_at
    )


def _role(view: FeatureView, column: str) -> str:
    if column in view.entity:
        return "entity"
    return {view.event_time: "event_time", view.known_at: "known_at"}.get(column, "feature")


def _set_role(feature_set: FeatureSet, column: str, view: str) -> str:
    spine = feature_set.spine
    if view != spine.name:
        return "feature"
    if column in spine.entity:
        return "entity"
    return {spine.event_time: "event_time", feature_set.label: "label"}.get(column, "request")
