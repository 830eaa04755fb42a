"""Rows come in the order that was asked for, however they are read."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not in .envs/trainer; `make setup` says why")

from headgate_trainer.trainers.torch_feeding import Resident, Streamed  # noqa: E402
from headgate_trainer.trainers.torch_order import Order  # noqa: E402

ROWS = 9_000
NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


@pytest.mark.parametrize("by_runs", [False, True])
@pytest.mark.parametrize(("processes", "rank"), [(1, 0), (2, 1)])
def test_each_batch_has_its_rows_and_their_labels(by_runs: bool, processes: int, rank: int) -> None:
    matrix = np.arange(ROWS * 3, dtype=np.float32).reshape(ROWS, 3)
    labels = (np.arange(ROWS) % 2).astype(np.int8)
    order = Order(ROWS, 512, 4, processes, rank)
    source = Streamed(matrix, labels, torch.device("cpu"), by_runs=by_runs)

    read = list(source.batches(order, 0, 2))

    places = np.concatenate([block.places for block in order.blocks(0, 2)])
    found = torch.cat([rows for rows, _, _ in read]).numpy()
    assert found.tolist() == matrix[places].tolist()
    assert torch.cat([truth for _, truth, _ in read]).numpy().tolist() == labels[places].tolist()
    assert sum(whole for _, _, whole in read) == ROWS - 2 * 512
    assert source.waited >= 0


DEVICES = ["cpu", pytest.param("cuda", marks=NO_CUDA)]


@pytest.mark.parametrize("device", DEVICES)
def test_rows_that_lie_on_the_device_come_in_the_same_order(device: str) -> None:
    matrix = np.random.default_rng(1).normal(size=(ROWS, 3)).astype(np.float32)
    labels = (np.arange(ROWS) % 2).astype(np.int8)
    order = Order(ROWS, 512, 4)
    place = torch.device(device, 0) if device == "cuda" else torch.device(device)

    ways = [Streamed(matrix, labels, place), Resident(matrix, labels, place)]

    streamed, resident = (torch.cat([rows for rows, _, _ in way.batches(order, 0, 0)]) for way in ways)
    assert torch.equal(streamed, resident)
    assert len(streamed) == ROWS
