"""Two other futures of an input, as SQL: what was known at an instant is as it was, and the rest is not.

Hidden, what came later is not there. Shifted, it is there and is something else: a view that looks ahead may
skip what is null, and then only another value shows it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from headgate.adapters.engines.duckdb_session import identifier

Future = Literal["hidden", "shifted"]
FUTURES: tuple[Future, ...] = ("hidden", "shifted")
_EXACT = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
)


@dataclass(frozen=True)
class LeakInput:
    """``name`` is what the view's SQL calls it, ``relation`` a SELECT that yields its rows and reads none of
    the inputs' names; ``columns`` are (name, engine type).

    ``known_at`` maps a column to a SQL expression over the row. A column without one is known when the row
    happened, which ``event_time`` says; without that it is known always, and so are the columns of ``key``.
    A row is there from when it happened, or from ``rows_known_at``, an expression over it as well.
    """

    name: str
    relation: str
    columns: tuple[tuple[str, str], ...]
    event_time: str | None
    key: tuple[str, ...]
    known_at: Mapping[str, str]
    rows_known_at: str = ""

    @property
    def dated(self) -> bool:
        """Whether there is anything that is not known always."""
        return bool(self.event_time or self.known_at)

    @property
    def changeable(self) -> tuple[str, ...]:
        """The columns whose values may not be known yet."""
        fixed = {*self.key, self.event_time}
        return tuple(
            name
            for name, _ in self.columns
            if name not in fixed and (self.event_time or name in self.known_at)
        )


def future_of(given: LeakInput, future: Future, at: str, columns: Collection[str], rows: bool) -> str:
    """The relation in which ``columns`` hold nothing that was known at ``at`` (a SQL literal) only later.
    With ``rows``, hidden ones are left out altogether.
    """
    changed = [(name, kind) for name, kind in given.columns if name in columns]
    if future == "hidden":
        return _hidden(given, at, [name for name, _ in changed], rows)
    return _shifted(given, at, changed) if changed else given.relation


def before_all(given: LeakInput) -> str:
    """A SELECT of an instant at which nothing of a dated input was known; null without rows."""
    times = [f"CAST({identifier(given.event_time)} AS TIMESTAMP)"] if given.event_time else []
    times += [_instant(given, column) for column in given.known_at]
    firsts = ", ".join(f"min({time})" for time in times)
    return f"SELECT least({firsts}) - INTERVAL 1 SECOND FROM ({given.relation}\n) AS this"


def _hidden(given: LeakInput, at: str, columns: list[str], rows: bool) -> str:
    there = given.rows_known_at or (identifier(given.event_time) if given.event_time else "")
    later = f"WHERE (CAST(({there}\n) AS TIMESTAMP) > {at}) IS NOT TRUE" if rows and there else ""
    values = [f"CASE WHEN {_instant(given, c)} > {at} THEN NULL ELSE {identifier(c)} END" for c in columns]
    return f"SELECT *{_replaced(columns, values)} FROM ({given.relation}\n) AS this {later}"


def _shifted(given: LeakInput, at: str, columns: list[tuple[str, str]]) -> str:
    """What another value would make known by then, were it true, is hidden: it would be no later value."""
    names = [name for name, _ in columns]
    late = [f"__late_{number}" for number in range(len(columns))]
    marks = ", ".join(f"{_instant(given, c)} > {at} AS {mark}" for c, mark in zip(names, late, strict=True))
    moved = [
        f"CASE WHEN {mark} THEN {_moved(identifier(c), kind)} ELSE {identifier(c)} END"
        for (c, kind), mark in zip(columns, late, strict=True)
    ]
    kept = [
        f"CASE WHEN {mark} AND {_instant(given, c)} <= {at} THEN NULL ELSE {identifier(c)} END"
        for c, mark in zip(names, late, strict=True)
    ]
    marked = f"SELECT *, {marks} FROM ({given.relation}\n) AS this"
    shifted = f"SELECT *{_replaced(names, moved)} FROM ({marked}) AS this"
    return f"SELECT * EXCLUDE ({', '.join(late)}){_replaced(names, kept)} FROM ({shifted}) AS this"


def _replaced(columns: list[str], values: list[str]) -> str:
    pairs = ", ".join(f"{value} AS {identifier(c)}" for c, value in zip(columns, values, strict=True))
    return f" REPLACE ({pairs})" if pairs else ""


def _instant(given: LeakInput, column: str) -> str:
    """When the value of a row of ``this`` is known; null means always."""
    told = f"CAST(({given.known_at[column]}\n) AS TIMESTAMP)" if column in given.known_at else None
    happened = f"CAST({identifier(given.event_time)} AS TIMESTAMP)" if given.event_time else None
    return f"coalesce({', '.join(instant for instant in (told, happened) if instant)})"


def _moved(value: str, kind: str) -> str:
    """Another value of the type; null stays null, and what has no other value becomes null."""
    if kind in _EXACT:
        return f"TRY(CAST(CAST({value} AS HUGEINT) + 997 AS {kind}))"
    if kind.startswith(("DECIMAL", "FLOAT", "DOUBLE")):
        return f"TRY(CAST({value} + 997 AS {kind}))"
    if kind == "BOOLEAN":
        return f"NOT {value}"
    if kind == "VARCHAR":
        return f"{value} || '~'"
    if kind == "TIME":
        return f"{value} + INTERVAL 97 MINUTE"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"TRY(CAST({value} + INTERVAL 97 DAY AS {kind}))"
    return "NULL"
