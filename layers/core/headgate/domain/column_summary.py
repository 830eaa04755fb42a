"""Statistics of a version's columns, put together from those of its files, and what differs between two
versions.

Nothing is read: files keep nulls, minimum and maximum of each column as text.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from headgate.domain.column_type import parse_type
from headgate.domain.dataset import ColumnStats, DataFile
from headgate.domain.dataset_input import columns_of
from headgate.domain.manifest import SchemaColumn
from headgate.domain.schema_diff import ColumnPair

_MOMENT = re.compile(r"(\d+)-(.*?)( \(BC\))?")
_DAY = re.compile(r"\d+-\d\d-\d\d")
_ENDLESS = {"infinity": math.inf, "-infinity": -math.inf}
_AS_TEXT = ("VARCHAR", "BOOLEAN", "TIME", "UUID")


@dataclass(frozen=True)
class ColumnSummary:
    """One column of one version. ``minimum`` and ``maximum`` are text, None without a value and for types
    whose text has another order.
    """

    nulls: int = 0
    minimum: str | None = None
    maximum: str | None = None


@dataclass(frozen=True)
class StatisticsChange:
    """What differs of one column, called by its newer name; None where a version has no such column."""

    column: str
    before: ColumnSummary | None
    after: ColumnSummary | None


def summaries(schema: Sequence[SchemaColumn], files: Iterable[DataFile]) -> dict[str, ColumnSummary]:
    """The summary of every column, as readers of the schema see the files. A file that does not know a column
    has only nulls in it.
    """
    found = {c.name: ColumnSummary() for c in schema}
    order = {c.name: value_order(c.type) for c in schema}
    mapped: dict[tuple[str, ...], Mapping[str, str]] = {}
    for file in files:
        names = tuple(s.name for s in file.columns)
        if names not in mapped:
            mapped[names] = columns_of(schema, names)
        stats = {s.name: s for s in file.columns}
        for name, summary in found.items():
            known = stats.get(mapped[names].get(name, ""))
            found[name] = _with(summary, known, file.rows, order[name])
    return found


def statistics_changes(
    pairs: Sequence[ColumnPair],
    before: Mapping[str, ColumnSummary],
    after: Mapping[str, ColumnSummary],
) -> tuple[StatisticsChange, ...]:
    """Columns whose summary differs, columns of one version alone among them, in the order of ``after``."""
    was = {p.after.name: p.before.name for p in pairs}
    kind = {p.after.name: p.type for p in pairs}
    gone = set(before) - set(was.values())
    changes = [StatisticsChange(name, before[name], None) for name in before if name in gone]
    for name, summary in after.items():
        old = before[was[name]] if name in was else None
        if old is None or not _same(old, summary, value_order(kind[name])):
            changes.append(StatisticsChange(name, old, summary))
    return tuple(changes)


def masked(change: StatisticsChange, mask: str) -> StatisticsChange:
    """Without values; that there is one stays."""

    def without(summary: ColumnSummary | None) -> ColumnSummary | None:
        if summary is None:
            return None
        low, high = (None if v is None else mask for v in (summary.minimum, summary.maximum))
        return replace(summary, minimum=low, maximum=high)

    return replace(change, before=without(change.before), after=without(change.after))


def value_order(type_: str) -> Callable[[str], Any] | None:
    """A sort key for values of a type as DuckDB prints them; None for types whose order the text hides."""
    kind = parse_type(type_)
    if kind.integer or kind.kind == "DECIMAL":
        return Decimal
    if kind.numeric:
        return _floating
    if kind.temporal:
        return _moment
    return str if kind.kind in _AS_TEXT else None


def _with(
    summary: ColumnSummary, stats: ColumnStats | None, rows: int, order: Callable[[str], Any] | None
) -> ColumnSummary:
    if stats is None:
        return replace(summary, nulls=summary.nulls + rows)
    nulls = summary.nulls + stats.nulls
    if order is None:
        return replace(summary, nulls=nulls)
    low = [v for v in (summary.minimum, stats.minimum) if v is not None]
    high = [v for v in (summary.maximum, stats.maximum) if v is not None]
    return ColumnSummary(nulls, min(low, key=order, default=None), max(high, key=order, default=None))


def _same(old: ColumnSummary, new: ColumnSummary, order: Callable[[str], Any] | None) -> bool:
    def equal(one: str | None, other: str | None) -> bool:
        if one is None or other is None or order is None:
            return one == other
        return bool(order(one) == order(other))

    return old.nulls == new.nulls and equal(old.minimum, new.minimum) and equal(old.maximum, new.maximum)


def _floating(text: str) -> tuple[bool, float]:
    """NaN is the greatest, as DuckDB has it."""
    value = float(text)
    return (True, 0.0) if math.isnan(value) else (False, value)


def _moment(text: str) -> tuple[float, str]:
    """(year, rest): years before 1 and after 9999 have another order as text. A day is its midnight."""
    if text in _ENDLESS:
        return _ENDLESS[text], ""
    whole = f"{text} 00:00:00" if _DAY.fullmatch(text) else text
    found = _MOMENT.fullmatch(whole)
    if found is None:
        return 0.0, whole
    return float(found[1]) * (-1 if found[3] else 1), found[2]
