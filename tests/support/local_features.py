"""A feature set built of Parquet files on this disk, by the plan and the engine that every build runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.memory import MemoryObjectStore
from headgate.domain.dataset_input import InputFile
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureColumn, Partition
from headgate.domain.manifest import SchemaColumn
from headgate.domain.partition import Span
from headgate.ports import FeatureEngine, OnlineValue
from headgate.services.features.feature_memo import FeatureMemo, Sketches
from headgate.services.features.feature_plan import view_files
from headgate.services.features.feature_tests import FeatureTests
from headgate.services.features.feature_work import CHUNK_BYTES, FeatureWork
from headgate.services.features.planned_input import PlannedFile, PlannedInput
from headgate.services.file_digest import file_sha256

from tests.support.parquet_inputs import parquet_columns

LIMITS = Limits(512 * 1024**2, 2)
Row = dict[str, Any]


@dataclass(frozen=True)
class LocalBuild:
    """What was built: training rows in the order of partitions, and everything the work knows."""

    work: FeatureWork
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[Partition, ...]
    sketches: Mapping[str, Sketches]

    @property
    def paths(self) -> list[Path]:
        return [Path(self.work.local[p.sha256]) for p in self.partitions]

    @property
    def rows(self) -> list[Row]:
        return [row for path in self.paths for row in pq.read_table(path).to_pylist()]

    def view_rows(self, name: str) -> list[Row]:
        paths = [self.work.local[p.sha256] for p in self.work.built[name].partitions if p.key]
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    def newest(self, name: str) -> dict[str, OnlineValue]:
        work = self.work
        view = next(v for v in work.feature_set.built if v.name == name)
        built, uris = work.built[name], work.uris()
        with work.engine.session(list(uris.values()), work.directory) as session:
            found = session.newest(view_files(view, built, built.partitions, uris))
            return {value.key: value for value in found}


def planned_input(
    name: str,
    files: Sequence[Path],
    time: str | None,
    key: Sequence[str] = (),
    known_at: Mapping[str, str] | None = None,
) -> PlannedInput:
    """A dataset version of these files, which are all alike."""
    columns = parquet_columns(files[0])
    return PlannedInput(
        name=name,
        schema=tuple(SchemaColumn(c, kind, False, "internal") for c, kind in columns),
        files=tuple(_planned(path, columns, time) for path in files),
        time=time,
        key=tuple(key),
        known_at=dict(known_at or {}),
    )


def build_locally(
    feature_set: FeatureSet,
    inputs: Mapping[str, PlannedInput],
    folder: Path,
    *,
    engine: FeatureEngine | None = None,
    store: MemoryObjectStore | None = None,
    tests: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
) -> LocalBuild:
    """A build in ``folder``; with a ``store`` that other builds filled, only what they did not make."""
    folder.mkdir(parents=True, exist_ok=True)
    lake = store or MemoryObjectStore("lake", folder)
    work = FeatureWork(
        feature_set=feature_set,
        engine=engine or DuckDbFeatureEngine(LIMITS, folder / "sql"),
        lake=lake,
        memo=FeatureMemo(lake, "p/features/s", None, {}),
        prefix="p/features/s",
        inputs=inputs,
        directory=folder / "work",
        chunk_bytes=chunk_bytes,
    )
    work.directory.mkdir(exist_ok=True)
    generated = FeatureTests(None)
    for stage in work.stages():
        plans = work.plan(stage)
        work.make_views(plans, work.missing(plans))
        work.settle(plans)
        if tests:
            generated.views(work, plans)
    steps = work.join_steps()
    found = work.memo.find([s.id for s in steps])
    with work.engine.session(list(work.uris().values()), work.directory, feature_set.seed) as session:
        work.make_joins(session, [s for s in steps if s.id not in found])
    parts = work.memo.find([s.id for s in steps])
    partitions = tuple(p for s in steps for p in parts[s.id].partitions)
    for partition in [*partitions, *(p for v in work.built.values() for p in v.partitions)]:
        if partition.key:
            work.local.setdefault(partition.sha256, lake.uri(partition.key))
    columns = parts[steps[0].id].columns if steps else ()
    return LocalBuild(work, columns, partitions, {s.id: parts[s.id].sketches for s in steps})


def _planned(path: Path, columns: tuple[tuple[str, str], ...], time: str | None) -> PlannedFile:
    file = InputFile(str(path), columns)
    planned = PlannedFile(file, file_sha256(path), path.stat().st_size, None)
    if time is None:
        return planned
    with duckdb.connect() as connection:
        limits = (
            f'SELECT min(CAST("{time}" AS TIMESTAMP)), max(CAST("{time}" AS TIMESTAMP)) FROM read_parquet(?)'
        )
        row = connection.execute(limits, [str(path)]).fetchone()
    if row is None or row[0] is None:
        return PlannedFile(file, planned.sha256, planned.bytes, None, timeless=True)
    first, last = (_utc(moment) for moment in row)
    return PlannedFile(file, planned.sha256, planned.bytes, Span(first, last))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
