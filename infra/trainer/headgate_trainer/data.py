"""The training set: partitions verified against the spec, read batch by batch, split by event time.

Owns what counts as usable data. Values stay as they were stored (float64, text as codes) and lie in files of
the scratch folder, never in memory whole; what a model is fed is `encoding`'s to say.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headgate_trainer.columns import BATCH_ROWS, GrowingColumn, GrowingRows, chosen_of
from headgate_trainer.errors import BadSpec, TryAgain
from headgate_trainer.run_spec import Partition, RunSpec, Window
from headgate_trainer.storage import Storage

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


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
    coder = _Coder()
    train = _Rows(spec, spec.train, coder, scratch, keeps_identity=False)
    holdout = _Rows(spec, spec.holdout, coder, scratch, keeps_identity=True)
    for partition in spec.partitions:
        path = scratch / f"{partition.sha256}.parquet"
        _fetch(partition, storage, path)
        for batch in _batches(spec, partition, path):
            times = _micros(batch.column(spec.event_time), spec.event_time)
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


def _micros(column: Any, name: str) -> npt.NDArray[np.int64]:
    """Event times as microseconds since 1970, UTC."""
    if not pa.types.is_timestamp(column.type) or column.null_count:
        raise BadSpec(
            f"{name} must be a timestamp without nulls, found {column.type}, {column.null_count} nulls"
        )
    return np.asarray(
        column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_numpy(zero_copy_only=False)
    )


@dataclass
class _Coder:
    """Gives every text of a column a number, in order of appearance over train and holdout alike."""

    known: dict[str, dict[str, int]] = field(default_factory=dict)

    def codes(self, name: str, column: Any) -> Codes:
        if pa.types.is_floating(column.type):
            raise BadSpec(
                f"{name} is {column.type}: fractions are no categories; cast to text or integer in the SQL"
            )
        try:
            text = pc.fill_null(column.cast(pa.string()), "")
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise BadSpec(f"{name} is {column.type}, which has no text: {error}") from error
        encoded = text.dictionary_encode()
        numbers = self.known.setdefault(name, {})
        mapping = [numbers.setdefault(value, len(numbers)) for value in encoded.dictionary.to_pylist()]
        codes: Codes = np.asarray(mapping, dtype=np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]
        return codes

    def texts(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(numbers) for name, numbers in self.known.items()}


class _Rows:
    """Collects the rows of one window, batch by batch."""

    def __init__(
        self, spec: RunSpec, window: Window, coder: _Coder, scratch: Path, *, keeps_identity: bool
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
        self.labels.append(_labels(chosen.column(self.spec.label), self.spec.label))
        for name, numbers in self.numeric.items():
            numbers.append(_floats(chosen.column(name), name))
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


def _floats(column: Any, name: str) -> Floats:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_temporal(column.type) or pa.types.is_string(column.type):
        raise BadSpec(
            f"numeric feature {name} is {column.type}: a number is needed (relative times, not dates)"
        )
    try:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise BadSpec(f"numeric feature {name} is {column.type}: {error}") from error
    if np.isinf(values).any():
        raise BadSpec(f"numeric feature {name} holds infinite values; make them null in the SQL")
    return np.asarray(values)


def _labels(column: Any, name: str) -> npt.NDArray[np.int8]:
    if column.null_count:
        raise BadSpec(
            f"{column.null_count} labels in {name} are null: the spine must leave rows without outcome out"
        )
    values = _floats(column, name)
    if not np.isin(values, (0.0, 1.0)).all():
        raise BadSpec(f"the label {name} holds other values than 0 and 1")
    return values.astype(np.int8)
