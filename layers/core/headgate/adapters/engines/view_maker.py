"""Makes the rows of one view: its inputs made readable, its SQL run, one row kept for each key, partitions
written.

Works on an open, locked connection; what is made last stands in the table `feature_sql.CHUNK`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import PLATFORM_PREFIX, WATERMARK_COLUMN, WATERMARK_TABLE, FeatureView
from headgate.domain.feature_version import FeatureColumn
from headgate.domain.partition import WHOLE, Interval, before, interval
from headgate.ports import BuiltPartition, ViewTask

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class ViewMaker:
    """See the module."""

    connection: "DuckDBPyConnection"

    def make(self, task: ViewTask, relations: Mapping[str, str] | None = None) -> tuple[FeatureColumn, ...]:
        """The task's rows as the chunk, and their columns; ``relations`` stand for inputs by name."""
        self.bind(task, relations or {})
        self.run(sql.chunk_table(sql.view_query(task.view)), task.view)
        columns = self._columns(task.view)
        self._keep_partitions(task)
        self._one_row_per_key(task.view, [c.name for c in columns])
        return columns

    def write(self, task: ViewTask, target: Path) -> tuple[BuiltPartition, ...]:
        """The chunk as files below ``target``."""
        target.mkdir(parents=True, exist_ok=True)
        return tuple(self._written(task.view, cut, target) for cut in self._cuts(task))

    def bind(self, task: ViewTask, relations: Mapping[str, str]) -> None:
        """Makes the view's inputs, and nothing else, readable by their names."""
        for source in task.sources:
            rows = relations.get(source.name) or sql.input_relation(source)
            self.run(f"CREATE OR REPLACE TEMP VIEW {identifier(source.name)} AS {rows}", task.view)
        if WATERMARK_TABLE in task.view.inputs:
            row = watermark_row(task)
            self.run(f"CREATE OR REPLACE TEMP VIEW {WATERMARK_TABLE} AS {row}", task.view)

    def _columns(self, view: FeatureView) -> tuple[FeatureColumn, ...]:
        found = self.connection.execute(f"DESCRIBE {sql.CHUNK}").fetchall()
        present = {row[0] for row in found}
        missing = [c for c in (*view.entity, *view.times) if c not in present]
        if missing:
            raise InvalidRequest(
                f"view {view.name}: does not yield its declared column(s) {', '.join(missing)}"
            )
        if own := [c for c in present if c.startswith(PLATFORM_PREFIX)]:
            names = ", ".join(sorted(own))
            raise InvalidRequest(f"view {view.name}: {names}: only the platform's names begin with __")
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
            self.run(sql.only_first(key, rest), view)

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

    def declared_tests(self, view: FeatureView) -> None:
        for test in view.tests:
            where = f"view {view.name}, test {test}"
            self.execute(f"SELECT count(*) FILTER (NOT ({test}\n)), count(*) FROM {sql.CHUNK}", where)
            row = self.connection.fetchone()
            if row and row[0]:
                raise InvalidRequest(f"view {view.name}: {row[0]} of {row[1]} rows fail the test: {test}")

    def _cuts(self, task: ViewTask) -> list[Interval | None]:
        """The partitions that are written; None for all rows in one file."""
        if task.partitions:
            return list(task.partitions)
        if task.view.event_time is None:
            return [None]
        self._refuse_uncalendared(task.view, task.view.event_time)
        found = self.connection.execute(sql.grain_names(task.view.event_time, task.view.partition)).fetchall()
        return [interval(row[0]) for row in found]

    def _refuse_uncalendared(self, view: FeatureView, event_time: str) -> None:
        """A row without a time is known at no time, and left out; one whose time no calendar has is told."""
        time = identifier(event_time)
        self.connection.execute(f"DELETE FROM {sql.CHUNK} WHERE {time} IS NULL")
        row = self.connection.execute(sql.outside_calendar(event_time)).fetchone()
        if row and row[0]:
            raise InvalidRequest(
                f"view {view.name}: {row[0]} rows have a {event_time} outside of the years 1 to 9999, such "
                f"as {row[1]}: leave them out in its SQL, or bound the column in the contract"
            )

    def _written(self, view: FeatureView, cut: Interval | None, target: Path) -> BuiltPartition:
        name = cut.name if cut else WHOLE
        path = target / f"{name}.parquet"
        query = f"SELECT * FROM {sql.CHUNK}"
        if cut and view.event_time:
            query += f" WHERE {sql.within(view.event_time, cut)}"
        order = [*([view.event_time] if view.event_time else []), *view.entity]
        order += [view.known_at] if view.known_at else []
        self.run(sql.copy(sql.ordered(query, order), str(path)), view)
        return self.described(name, path, view.event_time)

    def described(
        self, name: str, path: Path, event_time: str | None, label: str | None = None
    ) -> BuiltPartition:
        """What a file says of itself; one without rows is taken away."""
        positives = f"CAST(sum(CAST({identifier(label)} AS INTEGER)) AS BIGINT)" if label else "NULL"
        limits = [
            f"strftime({limit}({identifier(event_time)}), {sql.STAMP})" if event_time else "''"
            for limit in ("min", "max")
        ]
        query = f"SELECT count(*), {positives}, {', '.join(limits)} FROM read_parquet({quoted(str(path))})"
        self.execute(query, f"partition {name}")
        rows, positive, first, last = self.connection.fetchone() or (0, None, "", "")
        if not rows:
            path.unlink()
            return BuiltPartition(name, None, 0, 0 if label else None)
        return BuiltPartition(name, path, rows, positive, first, last)

    def run(self, statement: str, view: FeatureView) -> None:
        self.execute(statement, f"view {view.name}")

    def execute(self, statement: str, where: str) -> None:
        import duckdb

        try:
            self.connection.execute(statement)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise InvalidRequest(f"{where}: {str(error).splitlines()[0]}") from error


def watermark_row(task: ViewTask, later: int = 0) -> str:
    """The table of one row that a view reads, or as it were ``later`` seconds on."""
    at = sql.instant(before(task.watermark, -later)) if task.watermark else "CAST(NULL AS TIMESTAMP)"
    return f"SELECT {at} AS {WATERMARK_COLUMN}"


def _role(view: FeatureView, column: str) -> str:
    if column in view.entity:
        return "entity"
    return {view.event_time: "event_time", view.known_at: "known_at"}.get(column, "feature")
