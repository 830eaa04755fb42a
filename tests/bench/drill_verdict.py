"""Whether a dataset is exactly what its drops should have made of it: what the fault drill asks at the end.

Reads everything: every version, manifest, segment and data file, and every row. Changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.domain.dataset import DataFile, Drop
from headgate.domain.errors import HeadgateError
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, MAX_SOURCES, VersionRecord
from headgate.ports import DatasetCatalog, ObjectStore, QuarantineCatalog
from headgate.services.versions.manifests import Manifests


@dataclass(frozen=True)
class Expected:
    """The dataset, its drops, and the rows each brought; ids are unique over all drops."""

    product: str
    dataset: str
    drops: Sequence[Drop]
    rows_a_drop: int
    key_column: str


@dataclass(frozen=True)
class Verdict:
    """``problems`` are sentences; none means that everything is as it should be."""

    versions: int
    files: int
    rows: int
    problems: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Examination:
    """Looks through the ports alone, as any consumer would."""

    catalog: DatasetCatalog
    quarantine: QuarantineCatalog
    lake: ObjectStore
    scratch: Path

    def of(self, expected: Expected) -> Verdict:
        product, dataset = expected.product, expected.dataset
        records = sorted(_all(self.catalog, product, dataset), key=lambda r: r.ordinal)
        head = self.catalog.dataset_head(product, dataset)
        if head is None or not records:
            return Verdict(0, 0, 0, ("there is no version",), ())
        manifests = Manifests(self.lake, product, dataset)
        loaded = {r.digest: manifests.load(r.digest) for r in records}
        files = manifests.files(loaded[head.digest])
        problems = [
            *_history(records, head, loaded),
            *_each_drop_once(expected, records, files),
            *self._known(expected, records),
            *self._every_row_once(expected, files),
            *(f"{r.key} is quarantined: {r.reason}" for r in self.quarantine.quarantine(product)),
        ]
        digests = tuple(r.digest for r in records)
        return Verdict(len(records), len(files), head.rows, tuple(problems), digests)

    def _known(self, expected: Expected, records: Sequence[VersionRecord]) -> Iterator[str]:
        """The catalog's index of sources says of each drop the version that names it, and nothing else."""
        sources = [(source, r.ordinal) for r in records for source in r.sources]
        for start in range(0, len(sources), MAX_SOURCES):
            some = sources[start : start + MAX_SOURCES]
            view = self.catalog.commit_view(
                expected.product, expected.dataset, MAIN, [source for source, _ in some]
            )
            for source, ordinal in some:
                known = view.objects.get(source.identity), view.contents.get(source.sha256)
                if known != (ordinal, ordinal):
                    yield f"{source.key} came with v{ordinal}, the index says {known}"

    def _every_row_once(self, expected: Expected, files: Sequence[DataFile]) -> Iterator[str]:
        """Each data file has the bytes its digest names; ids are counted over the rows of all of them."""
        import duckdb

        paths: list[str] = []
        for file in files:
            path = self.scratch / f"{len(paths)}.parquet"
            try:
                self.lake.download(file.key, path)
            except HeadgateError as error:
                yield f"a version names {file.key}, which cannot be read: {error}"
                continue
            if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
                yield f"{file.key} is not what its digest names"
            paths.append(str(path))
        with duckdb.connect() as connection:
            counted = connection.execute(
                f'SELECT count(*), count(DISTINCT "{expected.key_column}") FROM read_parquet(?)', [paths]
            ).fetchone()
        wanted = len(expected.drops) * expected.rows_a_drop
        if counted != (wanted, wanted):
            yield f"{wanted} rows were dropped; (rows, distinct ids) in the head are {counted}"


def _all(catalog: DatasetCatalog, product: str, dataset: str) -> Iterator[VersionRecord]:
    before: int | None = None
    while page := catalog.dataset_versions(product, dataset, 200, before):
        yield from page
        before = page[-1].ordinal


def _history(
    records: Sequence[VersionRecord], head: VersionRecord, loaded: Mapping[str, Manifest]
) -> Iterator[str]:
    """One line without a gap: each version names the one before, and adds up."""
    if [r.ordinal for r in records] != list(range(1, len(records) + 1)):
        yield f"ordinals have gaps: {[r.ordinal for r in records]}"
    if head != records[-1]:
        yield f"the head is v{head.ordinal}, the newest version v{records[-1].ordinal}"
    rows, files, parent = 0, 0, None
    for record in records:
        rows, files = rows + record.added_rows, files + len(record.sources)
        table = loaded[record.digest].table
        if (record.rows, table.rows, record.files, table.files) != (rows, rows, files, files):
            yield f"v{record.ordinal} does not add up: {record.rows} rows where {rows} came"
        if record.parent != parent:
            yield f"v{record.ordinal} does not name v{record.ordinal - 1} as its parent"
        parent = record.digest


def _each_drop_once(
    expected: Expected, records: Sequence[VersionRecord], files: Sequence[DataFile]
) -> Iterator[str]:
    wanted = Counter((d.key, d.version_id) for d in expected.drops)
    came = Counter((s.key, s.version_id) for r in records for s in r.sources)
    shown = Counter((f.source.key, f.source.version_id) for f in files)
    for found, where in ((came, "in the history"), (shown, "in the head")):
        for (key, _), times in (wanted - found).items():
            yield f"{key} is missing {where} ({times})"
        for (key, _), times in (found - wanted).items():
            yield f"{key} is {times} time(s) too often {where}"
