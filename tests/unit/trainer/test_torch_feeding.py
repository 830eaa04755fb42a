"""Rows come in the order that was asked for, however they are read."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not in .envs/trainer; `make setup` says why")

from headgate_trainer.trainers.torch_feeding import Streamed  # noqa: E402
from headgate_trainer.trainers.torch_order import Order  # noqa: E402

ROWS = 9_000


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_rows_that_lie_on_the_device_come_in_the_same_order() -> None:
    from headgate_trainer.trainers.torch_feeding import Resident

    device = torch.device("cuda", 0)
    matrix = np.random.default_rng(1).normal(size=(ROWS, 3)).astype(np.float32)
    labels = (np.arange(ROWS) % 2).astype(np.int8)
    order = Order(ROWS, 512, 4)

    ways = [Streamed(matrix, labels, device), Resident(matrix, labels, device)]

    streamed, resident = (torch.cat([rows for rows, _, _ in way.batches(order, 0, 0)]) for way in ways)
    assert torch.equal(streamed, resident)
