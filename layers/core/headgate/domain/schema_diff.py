"""What differs between the schemas of two versions of a dataset, and which columns are the same column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from headgate.domain.column_type import parse_type
from headgate.domain.dataset_input import columns_of
from headgate.domain.manifest import SchemaColumn

Kind = Literal[
    "added",
    "removed",
    "renamed",
    "type_widened",
    "type_narrowed",
    "type_changed",
    "required",
    "classification",
]


@dataclass(frozen=True)
class ColumnPair:
    """One column, as two versions show it."""

    before: SchemaColumn
    after: SchemaColumn

    @property
    def type(self) -> str:
        """The type in which values are compared: of two the one that holds the other's values, text where
        neither does.
        """
        old, new = parse_type(self.before.type), parse_type(self.after.type)
        if new.holds(old):
            return self.after.type
        return self.before.type if old.holds(new) else "VARCHAR"

    @property
    def comparable(self) -> bool:
        """Whether equal values of a file stay equal in both versions: not so where only text is compared."""
        return self.type in (self.before.type, self.after.type)


@dataclass(frozen=True)
class SchemaChange:
    """One difference of a column, called by its newer name. ``before`` and ``after`` are types, names,
    classifications, or ``required`` and ``optional``; None where a version has no such column.
    """

    column: str
    kind: Kind
    before: str | None
    after: str | None


def pair_columns(
    before: Sequence[SchemaColumn], after: Sequence[SchemaColumn], after_is_newer: bool = True
) -> tuple[ColumnPair, ...]:
    """The columns that both have, in the order of ``after``. The newer one's former names tell renames."""
    old, new = {c.name: c for c in before}, {c.name: c for c in after}
    if after_is_newer:
        found = columns_of(after, list(old))
    else:
        found = {was: name for name, was in columns_of(before, list(new)).items()}
    pairs: list[ColumnPair] = []
    taken: set[str] = set()
    for column in after:
        was = found.get(column.name)
        if was is not None and was not in taken:
            taken.add(was)
            pairs.append(ColumnPair(old[was], new[column.name]))
    return tuple(pairs)


def schema_changes(
    before: Sequence[SchemaColumn], after: Sequence[SchemaColumn], pairs: Sequence[ColumnPair]
) -> tuple[SchemaChange, ...]:
    """Columns that are gone first, then the others in the order of ``after``."""
    by_name = {p.after.name: p for p in pairs}
    kept = {p.before.name for p in pairs}
    changes = [SchemaChange(c.name, "removed", c.type, None) for c in before if c.name not in kept]
    for column in after:
        pair = by_name.get(column.name)
        if pair is None:
            changes.append(SchemaChange(column.name, "added", None, column.type))
        else:
            changes.extend(_changes(pair))
    return tuple(changes)


def _changes(pair: ColumnPair) -> Iterator[SchemaChange]:
    old, new = pair.before, pair.after
    if old.name != new.name:
        yield SchemaChange(new.name, "renamed", old.name, new.name)
    if old.type != new.type:
        yield SchemaChange(new.name, _of_types(old.type, new.type), old.type, new.type)
    if old.required != new.required:
        yield SchemaChange(new.name, "required", _need(old), _need(new))
    if old.classification != new.classification:
        yield SchemaChange(new.name, "classification", old.classification, new.classification)


def _of_types(old: str, new: str) -> Kind:
    before, after = parse_type(old), parse_type(new)
    if after.holds(before):
        return "type_widened"
    return "type_narrowed" if before.holds(after) else "type_changed"


def _need(column: SchemaColumn) -> str:
    return "required" if column.required else "optional"
