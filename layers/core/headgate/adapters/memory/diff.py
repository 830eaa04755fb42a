"""A DiffEngine in pure Python over the files of `headgate.adapters.memory.ingest`: rows as JSON lines."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from headgate.adapters.memory.faults import Faults
from headgate.domain.dataset_input import DatasetInput, InputFile, columns_of
from headgate.domain.row_diff import (
    ChangedRow,
    DuplicateKey,
    RowComparison,
    RowDiff,
    SampleRow,
    Samples,
)

Row = Mapping[str, Any]
Compared = tuple[str, ...]
"""Values as canonical text, in the order of the compared columns."""


class MemoryDiffEngine:
    """The DiffEngine port. Fault name: ``engine.compare``. Holds every row, those of shared files too."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()

    def compare(self, asked: RowComparison, seconds: float) -> RowDiff:  # noqa: ARG002 - nothing lasts here
        with self._faults.read("engine.compare"):
            old, new = _rows(asked.before, asked.shared), _rows(asked.after, asked.shared)
            return _keyed(asked, old, new) if asked.key else _whole(asked, old, new)


def _keyed(asked: RowComparison, old: Sequence[Row], new: Sequence[Row]) -> RowDiff:
    befores = _by_key(old, asked, of_after=False)
    afters = _by_key(new, asked, of_after=True)
    added, removed, changed, doubled = [], [], [], []
    columns: Counter[str] = Counter()
    for key in sorted({*befores, *afters}):
        was, now = befores.get(key, []), afters.get(key, [])
        if _multiset(was, asked, of_after=False) == _multiset(now, asked, of_after=True):
            continue
        named = _key(now or was, asked, of_after=bool(now))
        if len(was) > 1 or len(now) > 1:
            doubled.append(DuplicateKey(named, len(was), len(now)))
        elif not was:
            added.append(SampleRow(now[0]))
        elif not now:
            removed.append(SampleRow(was[0]))
        else:
            changed.append(_changed(named, was[0], now[0], asked))
            columns.update(list(changed[-1].after))
    n = asked.limit
    return RowDiff(
        *(len(added), len(removed), len(changed), dict(columns), len(doubled)),
        duplicate_before=sum(d.before_rows for d in doubled),
        duplicate_after=sum(d.after_rows for d in doubled),
        samples=Samples(tuple(added[:n]), tuple(removed[:n]), tuple(changed[:n]), tuple(doubled[:n])),
    )


def _whole(asked: RowComparison, old: Sequence[Row], new: Sequence[Row]) -> RowDiff:
    was, now = _multiset(old, asked, of_after=False), _multiset(new, asked, of_after=True)
    names = [c.after for c in asked.columns]

    def samples(counts: Counter[Compared]) -> tuple[SampleRow, ...]:
        some = sorted(counts.items())[: asked.limit]
        return tuple(
            SampleRow({n: json.loads(v) for n, v in zip(names, row, strict=True)}, copies)
            for row, copies in some
        )

    more, less = now - was, was - now
    return RowDiff(added=more.total(), removed=less.total(), samples=Samples(samples(more), samples(less)))


def _rows(given: DatasetInput, shared: Sequence[InputFile]) -> list[Row]:
    return [row for file in (*given.files, *shared) for row in _read(file, given)]


def _read(file: InputFile, given: DatasetInput) -> Iterable[Row]:
    found = columns_of(given.schema, [name for name, _ in file.columns])
    for line in Path(file.uri).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield {c.name: row.get(found[c.name]) if c.name in found else None for c in given.schema}


def _by_key(rows: Sequence[Row], asked: RowComparison, *, of_after: bool) -> dict[Compared, list[Row]]:
    found: dict[Compared, list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(_text(row[c.after if of_after else c.before]) for c in asked.keys)].append(row)
    return found


def _multiset(rows: Sequence[Row], asked: RowComparison, *, of_after: bool) -> Counter[Compared]:
    names = [c.after if of_after else c.before for c in asked.columns]
    return Counter(tuple(_text(row[name]) for name in names) for row in rows)


def _key(rows: Sequence[Row], asked: RowComparison, *, of_after: bool) -> Row:
    return {c.after: rows[0][c.after if of_after else c.before] for c in asked.keys}


def _changed(key: Row, old: Row, new: Row, asked: RowComparison) -> ChangedRow:
    differing = [c for c in asked.compared if _text(old[c.before]) != _text(new[c.after])]
    return ChangedRow(
        key, {c.after: old[c.before] for c in differing}, {c.after: new[c.after] for c in differing}
    )


def _text(value: Any) -> str:
    """1 and 1.0 are the same number, whatever column they stand in."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
