"""The training set: partitions verified against the spec, read batch by batch, split by event time.

Owns which rows there are; what is refused of their values is the business of `values`. Values stay as they
were stored (float64, text as codes) and lie in files of the scratch folder, never in memory whole; what a
model is fed is `encoding`'s to say.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from headgate_trainer.columns import BATCH_ROWS, GrowingColumn, GrowingRows, chosen_of
from headgate_trainer.errors import BadSpec, TryAgain
from headgate_trainer.run_spec import Partition, RunSpec, Window
from headgate_trainer.storage import Storage
from headgate_trainer.values import Coder, Codes, Floats, floats, labels_of, micros

__all__ = ["Codes", "Floats", "Table", "TrainingSet", "coded_columns", "read_training_set"]


@dataclass(frozen=True)
class Table:
    """The rows of one window. ``numeric`` is NaN where null; ``codes`` index the texts of
    `TrainingSet.texts`.
    """

    rows: int
    labels: npt.NDArray[np.int8]
    numeric: Mapping[str, Floats]
    codes: Mapping[str, Codes]
    identity: pa.Table
    """Entity columns and event time, kept of the holdout alone."""
    times: npt.NDArray[np.int64]
    """Event times, microseconds since 1970, UTC."""
    scratch: Path | None = None
    """Where what is made of it may lie; memory, if None."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Table":
        """The chosen rows, in their order, without identity. A column is copied when it is first read."""
        return Table(
            rows=int(chosen.sum()),
            labels=self.labels[chosen],
            numeric=chosen_of(self.numeric, chosen, self.scratch),
            codes=chosen_of(self.codes, chosen, self.scratch),
            identity=pa.table({}),
            times=self.times[chosen],
            scratch=self.scratch,
        )


@dataclass(frozen=True)
class TrainingSet:
    """``texts`` maps a coded column to its texts in order of appearance; null is the empty text."""

    train: Table
    holdout: Table
    texts: dict[str, tuple[str, ...]]


def read_training_set(spec: RunSpec, storage: Storage, scratch: Path) -> TrainingSet:
    """Raises BadSpec when a partition is not the one the spec names or its data cannot be trained on."""
    coder = Coder()
    train = _Rows(spec, spec.train, coder, scratch, keeps_identity=False)
    holdout = _Rows(spec, spec.holdout, coder, scratch, keeps_identity=True)
    for partition in spec.partitions:
        path = scratch / f"{partition.sha256}.parquet"
        _fetch(partition, storage, path)
        for batch in _batches(spec, partition, path):
            times = micros(batch.column(spec.event_time), spec.event_time)
            train.add(batch, times)
            holdout.add(batch, times)
        path.unlink()
    return TrainingSet(train.table("training"), holdout.table("holdout"), coder.texts())


def _fetch(partition: Partition, storage: Storage, path: Path) -> None:
    try:
        found = storage.download(partition.uri, path)
    except OSError as error:
        free = shutil.disk_usage(path.parent).free
        raise TryAgain(f"{partition.uri} cannot be kept on disk ({free} bytes free): {error}") from error
    if found != partition.sha256:
        raise BadSpec(
            f"{partition.uri} has sha256 {found}, the spec names {partition.sha256}: replaced or damaged"
        )


def _batches(spec: RunSpec, partition: Partition, path: Path) -> Iterator[pa.RecordBatch]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise BadSpec(f"{partition.uri} is no Parquet file: {error}") from error
    with file:
        missing = [column for column in spec.columns if column not in file.schema_arrow.names]
        if missing:
            raise BadSpec(f"{partition.uri} lacks the column(s) {', '.join(missing)}")
        if file.metadata.num_rows != partition.rows:
            raise BadSpec(
                f"{partition.uri} has {file.metadata.num_rows} rows, the spec says {partition.rows}"
            )
        yield from file.iter_batches(BATCH_ROWS, columns=list(spec.columns))


class _Rows:
    """Collects the rows of one window, batch by batch."""

    def __init__(
        self, spec: RunSpec, window: Window, coder: Coder, scratch: Path, *, keeps_identity: bool
    ) -> None:
        self.spec, self.window, self.coder, self.scratch = spec, window, coder, scratch
        self.labels = GrowingColumn(scratch, np.int8)
        self.times = GrowingColumn(scratch, np.int64)
        self.numeric = {name: GrowingColumn(scratch, np.float64) for name in _numeric_columns(spec)}
        self.codes = {name: GrowingColumn(scratch, np.int32) for name in coded_columns(spec)}
        self.identity = GrowingRows(scratch) if keeps_identity else None
        self.rows = 0

    def add(self, batch: pa.RecordBatch, times: npt.NDArray[np.int64]) -> None:
        start, end = (np.datetime64(d, "us").astype(np.int64) for d in (self.window.start, self.window.end))
        inside = (times >= start) & (times < end)
        if not inside.any():
            return
        chosen = batch if inside.all() else batch.filter(pa.array(inside))
        self.rows += chosen.num_rows
        try:
            self._append(chosen, times[inside])
        except OSError as error:
            free = shutil.disk_usage(self.scratch).free
            raise TryAgain(f"rows cannot be kept on disk ({free} bytes free): {error}") from error

    def _append(self, chosen: pa.RecordBatch, times: npt.NDArray[np.int64]) -> None:
        self.times.append(times)
        self.labels.append(labels_of(chosen.column(self.spec.label), self.spec.label))
        for name, numbers in self.numeric.items():
            numbers.append(floats(chosen.column(name), name))
        for name, codes in self.codes.items():
            codes.append(self.coder.codes(name, chosen.column(name)))
        if self.identity is not None:
            self.identity.append(chosen.select([*self.spec.entity, self.spec.event_time]))

    def table(self, what: str) -> Table:
        if not self.rows:
            raise BadSpec(f"no {what} rows between {self.window.start} and {self.window.end}")
        labels = self.labels.mapped()
        if labels.min() == labels.max():
            raise BadSpec(f"all {len(labels)} {what} labels are {labels[0]}: there is nothing to tell apart")
        return Table(
            rows=self.rows,
            labels=labels,
            numeric={name: column.mapped() for name, column in self.numeric.items()},
            codes={name: column.mapped() for name, column in self.codes.items()},
            identity=pa.table({}) if self.identity is None else self.identity.mapped(),
            times=self.times.mapped(),
            scratch=self.scratch,
        )


def coded_columns(spec: RunSpec) -> tuple[str, ...]:
    """Categorical features, and the columns that baselines and segments group by."""
    categorical = [f.name for f in spec.features if f.kind == "categorical"]
    return tuple(dict.fromkeys([*categorical, *spec.grouping]))


def _numeric_columns(spec: RunSpec) -> tuple[str, ...]:
    return tuple(f.name for f in spec.features if f.kind == "numeric")
