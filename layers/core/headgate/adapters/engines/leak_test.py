"""The generated leak test of a view: what came after an instant changes no row that was known by it.

Works on an open connection that nobody else uses meanwhile, with names of its own (``__leak_…``) and the
inputs' names as temporary views.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.feature_sql import rows_of
from headgate.adapters.engines.leak_futures import FUTURES, Future, LeakInput, future_of
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Leak", "LeakInput", "find_leaks"]

ROWS = "rows"
"""What stands for a column where no single one makes the difference."""
_TABLES = ("__leak_honest", "__leak_future", "__leak_gone", "__leak_come")


@dataclass(frozen=True)
class Leak:
    """``feature`` of ``rows`` rows depends on what ``column`` of ``input`` is later; ``example`` names the
    first of them. ``whole``: the rows themselves do, and ``feature`` is their event time.
    """

    view: str
    feature: str
    input: str
    column: str
    rows: int
    example: str
    whole: bool = False

    @property
    def sentence(self) -> str:
        count, s = ("1 row", "s") if self.rows == 1 else (f"{self.rows} rows", "")
        changes = f"feature {self.feature} of {count} changes"
        told = f"{count} appear{s} or vanish{'es' if s else ''}" if self.whole else changes
        cause = (
            f"rows of {self.input} change" if self.column == ROWS else f"{self.input}.{self.column} changes"
        )
        return f"view {self.view}: {told} when {cause} after it was known (first: {self.example})"


def find_leaks(
    connection: "DuckDBPyConnection",
    view: FeatureView,
    inputs: Sequence[LeakInput],
    at: datetime,
    extra: Mapping[str, str] = {},
    come_and_go: bool = True,
    grown: Mapping[str, str] = {},
) -> list[Leak]:
    """What of the rows of ``view`` that were known at ``at`` depends on what was known only later.

    Without ``come_and_go`` only values of rows that are there both times count: which rows a spine has is
    told by the label. ``extra`` are further relations that the view reads, name to SELECT; ``grown`` is what
    they are when there is more data: there may be more rows then, and none of them has other values.

    A view without an event time has no row that is known later than another: all are compared. At the end
    the names are bound to the relations as given. Values are compared to the last bit.

    Raises InvalidRequest when the view cannot be computed, or not of what was known.
    """
    instant = f"TIMESTAMP {quoted(_utc(at).isoformat(sep=' '))}"
    test = _Test(connection, view, inputs, instant, come_and_go)
    try:
        for name, relation in extra.items():
            test.bind(name, relation)
        test.bind_all({})
        test.compute("__leak_honest")
        found = [leak for future in FUTURES for leak in test.leaks_in(future)]
        for name, relation in grown.items():
            found += replace(test, come_and_go=False).leaks_of(name, relation, extra[name])
    finally:
        test.bind_all({})
        for table in _TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    return _largest(found)


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


def _largest(leaks: Sequence[Leak]) -> list[Leak]:
    """One a feature and column."""
    kept: dict[tuple[str, str, str], Leak] = {}
    for leak in leaks:
        key = (leak.feature, leak.input, leak.column)
        if key not in kept or kept[key].rows < leak.rows:
            kept[key] = leak
    return list(kept.values())


@dataclass(frozen=True)
class _Test:
    connection: "DuckDBPyConnection"
    view: FeatureView
    inputs: Sequence[LeakInput]
    at: str
    come_and_go: bool

    def bind(self, name: str, relation: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {relation}")

    def bind_all(self, changed: Mapping[str, str]) -> None:
        for given in self.inputs:
            self.bind(given.name, changed.get(given.name, given.relation))

    def leaks_in(self, future: Future) -> list[Leak]:
        """First all at once; who did it is asked only when something moved."""
        whole = {g.name: future_of(g, future, self.at, g.changeable, rows=True) for g in self.inputs}
        if self._moved(whole, must=future == "hidden") is False:
            return []
        found: list[Leak] = []
        for given in self.inputs:
            for column in given.changeable:
                alone = future_of(given, future, self.at, [column], rows=False)
                found += self._leaks({given.name: alone}, given.name, column)
        for given in () if found else self.inputs:
            found += self._leaks({given.name: whole[given.name]}, given.name, ROWS)
        return found or self._leaks(whole, " and ".join(g.name for g in self.inputs), ROWS)

    def leaks_of(self, name: str, grown: str, relation: str) -> list[Leak]:
        """Values that depend on what is no input."""
        self.bind(name, grown)
        found = self._leaks({}, name, ROWS)
        self.bind(name, relation)
        return found

    def compute(self, table: str) -> None:
        """The view's rows known by the instant, as its inputs are bound now."""
        import duckdb

        try:
            self.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM {rows_of(self.view)} {self._known()}"
            )
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise InvalidRequest(f"view {self.view.name}, leak test at {self.at}: {said}") from error

    def _known(self) -> str:
        view = self.view
        if view.event_time is None:
            return ""
        happened = f"CAST({identifier(view.event_time)} AS TIMESTAMP)"
        instants = [f"{happened} + to_seconds({view.available_after})"]
        if view.known_at:
            instants.append(f"CAST({identifier(view.known_at)} AS TIMESTAMP)")
        return f"WHERE greatest({', '.join(instants)}) <= {self.at}"

    def _moved(self, changed: Mapping[str, str], must: bool = False) -> bool | None:
        """Whether a row did; None when the view cannot be computed, which it ``must`` of what was known: what
        is shifted, or hidden in one column alone, need not be what could ever be.
        """
        self.bind_all(changed)
        try:
            self.compute("__leak_future")
        except InvalidRequest:
            if must:
                raise
            return None
        counts: list[int] = []
        for table, one, other in (
            ("__leak_gone", "__leak_honest", "__leak_future"),
            ("__leak_come", "__leak_future", "__leak_honest"),
        ):
            self.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS "
                f"SELECT true AS __there, * FROM (FROM {one} EXCEPT ALL FROM {other})"
            )
            counts += self._row(f"SELECT count(*) FROM {table}")
        if any(counts) and not self.come_and_go:
            both = f"SELECT count(*) FROM {self._pairs()} WHERE g.__there AND c.__there"
            return bool(self._row(both)[0])
        return any(counts)

    def _leaks(self, changed: Mapping[str, str], name: str, column: str) -> list[Leak]:
        if not self._moved(changed):
            return []
        return [
            Leak(self.view.name, feature, name, column, rows, self._example(condition), whole)
            for feature, condition, whole in self._conditions()
            if (rows := int(self._row(f"SELECT count(*) FROM {self._pairs()} WHERE {condition}")[0]))
        ]

    def _conditions(self) -> Iterator[tuple[str, str, bool]]:
        """(feature, condition of a pair in which it differs, whether the row itself does)."""
        there = "g.__there AND c.__there"
        if self.come_and_go:
            yield self.view.event_time or "", f"({there}) IS NOT TRUE", True
        for name, *_ in self.connection.execute("DESCRIBE __leak_honest").fetchall():
            if name not in self._key:
                column = identifier(name)
                yield name, f"{there} AND g.{column} IS DISTINCT FROM c.{column}", False

    @property
    def _key(self) -> tuple[str, ...]:
        return (*self.view.entity, *([self.view.event_time] if self.view.event_time else []))

    def _pairs(self) -> str:
        """What is gone beside what has come instead, of the same entity and instant."""
        same = " AND ".join(f"g.{identifier(c)} IS NOT DISTINCT FROM c.{identifier(c)}" for c in self._key)
        return f"__leak_gone g FULL JOIN __leak_come c ON {same}"

    def _example(self, condition: str) -> str:
        values = [f"coalesce(g.{identifier(c)}, c.{identifier(c)})" for c in self._key]
        found = self._row(
            f"SELECT {', '.join(f'CAST({v} AS VARCHAR)' for v in values)} FROM {self._pairs()} "
            f"WHERE {condition} ORDER BY {', '.join(reversed(values))} LIMIT 1"
        )
        return ", ".join(f"{name}={value}" for name, value in zip(self._key, found, strict=True))

    def _row(self, query: str) -> Sequence[Any]:
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return row
