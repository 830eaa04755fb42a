"""Versions of a dataset whose schema has a history: what is compared is what a table that remembers would
compare.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headgate.adapters.engines.duckdb_diff import DuckDbDiffEngine
from headgate.domain.dataset import ColumnStats, DataFile, SourceRef
from headgate.domain.file_table import FileTable
from headgate.domain.manifest import Manifest
from headgate.domain.row_diff import RowDiff
from headgate.domain.version import VersionRecord
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.version_delta import VersionDelta
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.memory_platform import MemoryPlatform
from tests.unit.engines.test_versioned_relation import Step, histories, write

Row = dict[int, Any]
"""The value of each column by the column's identity, whatever it is called."""


class Told:
    """A history as versions of a dataset, each with one more file."""

    def __init__(self, folder: Path, history: list[Step]) -> None:
        p = MemoryPlatform(folder)
        self.folder = folder
        self.engine = DuckDbDiffEngine(p.limits, folder / "sql")
        self.datasets = Datasets(p.products, p.catalog, p.catalog, p.lake, p.guard, p.bus, p.clock)
        self.history = history
        self.files = [self._file(n, step) for n, step in enumerate(history)]

    def _file(self, n: int, step: Step) -> DataFile:
        path = self.folder / f"{n}.parquet"
        named = [{name: row[i] for name, i in step.identity.items()} for row in step.rows]
        columns = write(path, step.schema, named).columns
        key = f"shops/visits/data/{n}.parquet"
        self.datasets.lake.upload(path, key)
        source = SourceRef("landing", f"{n}.csv", "v", "5" * 64, 1)
        stats = tuple(ColumnStats(name, kind, 0, None, None) for name, kind in columns)
        return DataFile(key, 1, str(n), len(step.rows), stats, source, (0, len(step.rows)))

    def delta(self, before: int, after: int) -> VersionDelta:
        old, new = (self._manifest(n) for n in (before, after))
        return VersionDelta(self.datasets, self._record(old), self._record(new), old, new)

    def _manifest(self, n: int) -> Manifest:
        table = FileTable(recent=tuple(self.files[: n + 1]))
        schema = self.history[n].schema
        return Manifest("shops", "visits", n + 1, (), "append", "1.0.0", schema, table)

    def _record(self, manifest: Manifest) -> VersionRecord:
        return VersionRecord(
            *("shops", "visits", manifest.ordinal, manifest.digest, None, "append"),
            *(manifest.table.rows, manifest.table.files, 1, 0, "2030-01-01T00:00:00.000Z", (), 0.1, 1),
        )

    def rows(self, n: int) -> Iterator[Row]:
        for step in self.history[: n + 1]:
            yield from step.rows


def expected(old: list[Row], new: list[Row], columns: list[int], key: list[int]) -> tuple[int, ...]:
    """(added, removed, changed, duplicate keys)."""
    was, now = ({} for _ in range(2))  # type: ignore[var-annotated]
    for rows, found in ((old, was), (new, now)):
        for row in rows:
            found.setdefault(tuple(row.get(c) for c in key), []).append(tuple(row.get(c) for c in columns))
    if not key:
        more, less = (Counter(one.get((), [])) for one in (now, was))
        return (more - less).total(), (less - more).total(), 0, 0
    counts = [0, 0, 0, 0]
    for k in {*was, *now}:
        olds, news = was.get(k, []), now.get(k, [])
        if Counter(olds) != Counter(news):
            single = len(olds) <= 1 and len(news) <= 1
            counts[3 if not single else 0 if not olds else 1 if not news else 2] += 1
    return tuple(counts)


def told(found: RowDiff) -> tuple[int, ...]:
    return found.added, found.removed, found.changed, found.duplicate_keys


@settings(max_examples=40, deadline=None)
@given(histories(), st.data())
def test_any_two_versions_of_any_history_are_compared_as_a_table_that_remembers_would(
    history: list[Step], data: st.DataObject
) -> None:
    before, after = (data.draw(st.integers(0, len(history) - 1)) for _ in range(2))
    names = {i: name for name, i in history[after].identity.items()}
    common = sorted(set(names) & set(history[before].identity.values()))
    key = data.draw(st.lists(st.sampled_from(common), unique=True, max_size=2)) if common else []
    with TemporaryDirectory() as folder:
        made = Told(Path(folder), history)
        delta = made.delta(before, after)
        paired = sorted(history[after].identity[p.after.name] for p in delta.pairs)
        assert paired == common
        if not common:
            return
        found = made.engine.compare(delta.comparison([names[i] for i in key], 5), 60.0)
        rows = [list(made.rows(n)) for n in (before, after)]

    assert told(found) == expected(*rows, common, key)
    assert found.unchanged(len(rows[0]), len(rows[1])) is not None
