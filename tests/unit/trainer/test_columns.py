"""Columns and matrices in files: what was written is read, and the files go with the arrays."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from headgate_trainer.columns import BATCH_ROWS, GrowingColumn, LazyColumns, chosen_of, new_matrix
from headgate_trainer.data import Table
from headgate_trainer.encoding import Encoding
from headgate_trainer.errors import TryAgain
from headgate_trainer.run_spec import Feature


def grown(folder: Path, *parts: list[float]) -> np.ndarray:
    column = GrowingColumn(folder, np.float64)
    for part in parts:
        column.append(np.array(part))
    return column.mapped()


def test_a_column_holds_its_batches_in_order_and_cannot_be_written(tmp_path: Path) -> None:
    column = grown(tmp_path, [1.0, np.nan], [], [3.0])

    assert column.tolist()[::2] == [1.0, 3.0]
    assert np.isnan(column[1])
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 5


def test_the_files_go_with_the_arrays(tmp_path: Path) -> None:
    column, matrix = grown(tmp_path, [1.0]), new_matrix((3, 2), tmp_path)
    part = matrix[1:]
    assert len(list(tmp_path.iterdir())) == 2

    del column, matrix
    gc.collect()
    part[:] = 7  # a view is good as long as it is held

    del part
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk() -> Iterator[int]:
    """No file may be longer than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_matrix_without_room_is_another_try_s_and_leaves_nothing(tmp_path: Path, small_disk: int) -> None:
    with pytest.raises(TryAgain, match="a matrix of 400000 bytes cannot be kept on disk"):
        new_matrix((1000, small_disk // 1000), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("on_disk", [False, True])
def test_chosen_rows_are_copied_once_when_they_are_read(tmp_path: Path, on_disk: bool) -> None:
    rows = BATCH_ROWS + 10
    asked = []

    def column(name: str) -> np.ndarray:
        asked.append(name)
        return np.arange(rows, dtype=np.float64)

    chosen = np.arange(rows) % 3 == 0
    found = chosen_of(LazyColumns(("a", "b"), column), chosen, tmp_path if on_disk else None)

    assert found["a"].tolist() == np.arange(0, rows, 3).tolist()
    assert len(found["a"]) == chosen.sum()
    assert asked == ["a"]
    assert len(list(tmp_path.iterdir())) == int(on_disk)
    with pytest.raises(KeyError):
        found["c"]


def test_a_matrix_is_the_same_in_memory_and_on_disk(tmp_path: Path) -> None:
    rows = BATCH_ROWS + 5
    random = np.random.default_rng(3)
    numeric = {"n": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows))}
    codes = {"t": random.integers(0, 3, rows).astype(np.int32)}
    encoding = Encoding((Feature("n", "numeric"), Feature("t", "categorical")), {"t": ("a", "b")})
    texts = {"t": ("b", "unseen", "a")}

    def matrix(scratch: Path | None) -> np.ndarray:
        table = Table(rows, np.zeros(rows, np.int8), numeric, codes, None, np.zeros(rows), scratch)
        return encoding.matrix(table, texts)

    in_memory, on_disk = matrix(None), matrix(tmp_path)

    assert np.array_equal(in_memory, on_disk, equal_nan=True)
    assert isinstance(on_disk, np.memmap)
    assert np.array_equal(in_memory[:, 1], np.array([1.0, -1.0, 0.0])[codes["t"]])
    feeds = encoding.feeds(Table(rows, None, numeric, codes, None, None), texts)
    part = feeds.part(BATCH_ROWS, rows)
    assert part["n"].shape == part["t"].shape == (5, 1)
    assert part["t"][:, 0].tolist() == [texts["t"][code] for code in codes["t"][BATCH_ROWS:]]
    assert np.array_equal(encoding.encode(part), in_memory[BATCH_ROWS:], equal_nan=True)
