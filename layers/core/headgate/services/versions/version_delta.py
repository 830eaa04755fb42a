"""Two versions of a dataset side by side: what manifests alone tell of the difference, and what an engine has
to be asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from headgate.domain.canonical import digest
from headgate.domain.column_summary import StatisticsChange, statistics_changes, summaries
from headgate.domain.dataset import DataFile
from headgate.domain.dataset_input import DatasetInput, columns_of
from headgate.domain.manifest import Manifest, SchemaColumn
from headgate.domain.row_diff import ComparedColumn, RowComparison
from headgate.domain.schema_diff import ColumnPair, SchemaChange, pair_columns, schema_changes
from headgate.domain.version import VersionRecord
from headgate.domain.version_diff import SharedFiles
from headgate.services.versions.dataset_inputs import input_file
from headgate.services.versions.datasets import Datasets


@dataclass(frozen=True)
class VersionDelta:
    """Both versions, their manifests read. Raises Collected, NotFound, Corrupted where files are read."""

    datasets: Datasets
    before: VersionRecord
    after: VersionRecord
    old: Manifest
    new: Manifest

    @classmethod
    def between(cls, datasets: Datasets, before: VersionRecord, after: VersionRecord) -> "VersionDelta":
        """Raises Collected when one was given up as garbage."""
        return cls(datasets, before, after, datasets.manifest_of(before), datasets.manifest_of(after))

    @cached_property
    def pairs(self) -> tuple[ColumnPair, ...]:
        return pair_columns(self.old.schema, self.new.schema, self.after.ordinal >= self.before.ordinal)

    @property
    def schema(self) -> tuple[SchemaChange, ...]:
        return schema_changes(self.old.schema, self.new.schema, self.pairs)

    def small(self, most: int) -> bool:
        """Whether neither version has more statistics of columns in its files than that."""
        return all(m.table.files * len(m.schema) <= most for m in (self.old, self.new))

    @cached_property
    def files(self) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
        """All files of both, one read a segment."""
        manifests = self.datasets.manifests(self.before.product, self.before.dataset)
        with self.datasets.reading(self.before, self.after):
            return manifests.files(self.old), manifests.files(self.new)

    @cached_property
    def shared(self) -> SharedFiles:
        return SharedFiles.between(*self.files)

    @property
    def statistics(self) -> tuple[StatisticsChange, ...]:
        before, after = self.files
        return statistics_changes(
            self.pairs, summaries(self.old.schema, before), summaries(self.new.schema, after)
        )

    def comparison(self, key: Sequence[str], limit: int) -> RowComparison:
        """What an engine has to compare. A shared file counts as one only where both versions see the same
        columns of it in the same way; else both read it.
        """
        lake, alike = self.datasets.lake, self._alike
        equal = [f for f in self.shared.shared if alike(f)]
        unequal = [f for f in self.shared.shared if not alike(f)]

        def side(schema: tuple[SchemaColumn, ...], files: Sequence[DataFile]) -> DatasetInput:
            return DatasetInput(schema, tuple(input_file(lake, f) for f in (*files, *unequal)))

        return RowComparison(
            before=side(self.old.schema, self.shared.removed),
            after=side(self.new.schema, self.shared.added),
            shared=tuple(input_file(lake, f) for f in equal),
            columns=tuple(ComparedColumn(p.before.name, p.after.name, p.type) for p in self.pairs),
            key=tuple(key),
            limit=limit,
        )

    @property
    def same_rows(self) -> bool:
        """Whether no row can differ, told without reading any."""
        shared = self.shared
        return not shared.added and not shared.removed and all(map(self._alike, shared.shared))

    @property
    def made_of(self) -> str:
        """Digest of the files of both: an erasure puts others in their place."""
        before, after = self.files
        return digest({"from": [f.key for f in before], "to": [f.key for f in after]})

    def _alike(self, file: DataFile) -> bool:
        names = [c.name for c in file.columns]
        old, new = columns_of(self.old.schema, names), columns_of(self.new.schema, names)
        return all(p.comparable and old.get(p.before.name) == new.get(p.after.name) for p in self.pairs)
