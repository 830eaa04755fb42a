"""Rows of two versions compared: what an engine is asked, and what it answers.

With a key, rows of the same key are the same row: added, removed, changed or unchanged. A key that stands
more than once in a version, and whose rows are not the same in both, is a duplicate: it is counted and not
guessed about. Without a key whole rows are compared, with how often each stands. NULL equals NULL, and NaN
equals NaN.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain.dataset_input import DatasetInput, InputFile

Values = Mapping[str, Any]
"""Column -> a plain JSON value; what JSON has no exact kind for is text."""


@dataclass(frozen=True)
class ComparedColumn:
    """A column that both versions have: its name in each, and the type in which it is compared."""

    before: str
    after: str
    type: str


@dataclass(frozen=True)
class RowComparison:
    """What is compared: the rows of files that only one version has, seen through its own schema.

    ``shared`` are files that both have, whose rows are equal in both. ``key`` names columns as ``after``
    does; ``limit`` is how many rows of each kind are shown.
    """

    before: DatasetInput
    after: DatasetInput
    shared: tuple[InputFile, ...]
    columns: tuple[ComparedColumn, ...]
    key: tuple[str, ...]
    limit: int

    @property
    def compared(self) -> tuple[ComparedColumn, ...]:
        """The columns that are no part of the key."""
        return tuple(c for c in self.columns if c.after not in self.key)

    @property
    def keys(self) -> tuple[ComparedColumn, ...]:
        """The columns of the key, in its order."""
        by_name = {c.after: c for c in self.columns}
        return tuple(by_name[name] for name in self.key)


@dataclass(frozen=True)
class SampleRow:
    """One row as its version shows it; ``copies`` is how often it came or went where there is no key."""

    values: Values
    copies: int = 1


@dataclass(frozen=True)
class ChangedRow:
    """One row of both versions: its key, and the columns that differ, by their newer names."""

    key: Values
    before: Values
    after: Values


@dataclass(frozen=True)
class DuplicateKey:
    """A key that stands more than once, with how often it does in each version."""

    key: Values
    before_rows: int
    after_rows: int


@dataclass(frozen=True)
class Samples:
    """Some rows of each kind, in the order of the key."""

    added: tuple[SampleRow, ...] = ()
    removed: tuple[SampleRow, ...] = ()
    changed: tuple[ChangedRow, ...] = ()
    duplicates: tuple[DuplicateKey, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Samples":
        return cls(
            added=tuple(SampleRow(**r) for r in document["added"]),
            removed=tuple(SampleRow(**r) for r in document["removed"]),
            changed=tuple(ChangedRow(**r) for r in document["changed"]),
            duplicates=tuple(DuplicateKey(**r) for r in document["duplicates"]),
        )

    def masked(self, hidden: frozenset[str], mask: str) -> "Samples":
        """Without the values of the columns ``hidden``; that there is one stays."""

        def without(values: Values) -> Values:
            return {n: mask if n in hidden and v is not None else v for n, v in values.items()}

        return Samples(
            tuple(SampleRow(without(r.values), r.copies) for r in self.added),
            tuple(SampleRow(without(r.values), r.copies) for r in self.removed),
            tuple(ChangedRow(without(r.key), without(r.before), without(r.after)) for r in self.changed),
            tuple(DuplicateKey(without(r.key), r.before_rows, r.after_rows) for r in self.duplicates),
        )

    def halved(self) -> "Samples":
        """Half as many of each kind."""

        return Samples(
            self.added[: len(self.added) // 2],
            self.removed[: len(self.removed) // 2],
            self.changed[: len(self.changed) // 2],
            self.duplicates[: len(self.duplicates) // 2],
        )


@dataclass(frozen=True)
class RowDiff:
    """How many rows differ. ``columns`` says of how many changed rows each column differs; ``duplicate_keys``
    are not among the others, ``duplicate_before`` and ``duplicate_after`` are their rows.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    duplicate_keys: int = 0
    duplicate_before: int = 0
    duplicate_after: int = 0
    samples: Samples = field(default_factory=Samples)

    @property
    def different(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.duplicate_keys)

    def unchanged(self, before: int, after: int) -> int | None:
        """Rows that are in both versions as they are, of ``before`` and ``after`` in all; None when the
        numbers contradict each other.
        """
        of_before = before - self.removed - self.changed - self.duplicate_before
        of_after = after - self.added - self.changed - self.duplicate_after
        return of_after if of_before == of_after and of_after >= 0 else None

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "RowDiff":
        return cls(**{**document, "samples": Samples.from_document(document["samples"])})
