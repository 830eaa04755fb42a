"""Columns on disk: written batch by batch, then mapped. Owns their files, and not what they mean.

A column takes memory only for the pages that are being looked at, and the system takes those back when it
needs them: what a run holds does not grow with its rows.
"""

import functools
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate_trainer.errors import TryAgain

BATCH_ROWS = 65_536
Array = npt.NDArray[Any]


class GrowingColumn:
    """Takes batches of one type, in order; ``mapped`` ends it."""

    def __init__(self, folder: Path, dtype: Any) -> None:
        self._path = folder / f"{uuid4().hex}.column"
        self._dtype = np.dtype(dtype)

    def append(self, values: Array) -> None:
        with self._path.open("ab") as file:
            file.write(np.ascontiguousarray(values, dtype=self._dtype).data)

    def mapped(self) -> Array:
        """All of it, read-only; the file goes with the array. An empty column cannot be mapped."""
        mapped: Array = np.memmap(self._path, dtype=self._dtype, mode="r")
        weakref.finalize(mapped, self._path.unlink, missing_ok=True)
        return mapped


class GrowingRows:
    """Record batches of one schema, for columns that no array can hold."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{uuid4().hex}.arrow"
        self._writer: Any = None

    def append(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), batch.schema)
        self._writer.write_batch(batch)

    def mapped(self) -> pa.Table:
        if self._writer is None:
            return pa.table({})
        self._writer.close()
        return pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()


def new_matrix(shape: tuple[int, int], folder: Path | None) -> npt.NDArray[np.float32]:
    """An empty float32 matrix: mapped from a file of ``folder``, which goes with it, or in memory.

    Raises TryAgain when the disk has no room for it.
    """
    if folder is None or 0 in shape:
        return np.empty(shape, dtype=np.float32)
    path = folder / f"{uuid4().hex}.matrix"
    _reserve(path, shape[0] * shape[1] * np.dtype(np.float32).itemsize)
    matrix: npt.NDArray[np.float32] = np.memmap(path, dtype=np.float32, mode="r+", shape=shape)
    weakref.finalize(matrix, path.unlink, missing_ok=True)
    return matrix


def _reserve(path: Path, size: int) -> None:
    """A mapped page that finds no room on the disk ends the process without a word: it is asked for first."""
    try:
        with path.open("wb") as file:
            file.truncate(size)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        free = shutil.disk_usage(path.parent).free
        raise TryAgain(
            f"a matrix of {size} bytes cannot be kept on disk ({free} bytes free): {error}"
        ) from error


class LazyColumns(Mapping[str, Array]):
    """Columns by name, each made when it is asked for."""

    def __init__(self, names: Iterable[str], column: Callable[[str], Array]) -> None:
        self._names, self._column = tuple(names), column

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        return self._column(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def chosen_of(
    columns: Mapping[str, Array], chosen: npt.NDArray[np.bool_], folder: Path | None
) -> Mapping[str, Array]:
    """The chosen rows of every column, each copied (into ``folder``, if given) when it is first read."""

    @functools.cache
    def column(name: str) -> Array:
        return _copied(columns[name], chosen, folder)

    return LazyColumns(columns, column)


def _copied(column: Array, chosen: npt.NDArray[np.bool_], folder: Path | None) -> Array:
    if folder is None or not chosen.any():
        return column[chosen]
    copy = GrowingColumn(folder, column.dtype)
    for start in range(0, len(chosen), BATCH_ROWS):
        copy.append(column[start : start + BATCH_ROWS][chosen[start : start + BATCH_ROWS]])
    return copy.mapped()
