"""The order of rows: a pass reads each once, processes share every batch, and any step finds its place."""

from __future__ import annotations

import numpy as np
from headgate_trainer.trainers.torch_order import BLOCK_ROWS, STRETCH_ROWS, Block, Order
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

ROWS = st.one_of(st.integers(1, 400), st.integers(STRETCH_ROWS - 2, 3 * STRETCH_ROWS))
SEVERAL_BLOCKS = BLOCK_ROWS + STRETCH_ROWS + 9


def batches(blocks: list[Block]) -> list[np.ndarray]:
    parts = [np.split(block.places, np.cumsum(block.sizes)[:-1]) for block in blocks]
    return [batch for block in parts for batch in block]


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(1, 5000), st.integers(0, 3), st.integers(0, 2))
@example(SEVERAL_BLOCKS, 4096, 1, 1)
def test_a_pass_reads_every_row_once(rows: int, batch: int, seed: int, epoch: int) -> None:
    order = Order(rows, batch, seed)

    read = batches(list(order.blocks(epoch)))

    for block in order.blocks(epoch):
        together = np.concatenate([np.arange(*run) for run in block.runs])
        assert together[block.order].tolist() == block.places.tolist()
    assert len(read) == order.steps
    assert all(len(each) == batch for each in read[:-1])
    assert sorted(np.concatenate(read).tolist()) == list(range(rows))


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(4, 5000), st.integers(2, 4))
@example(SEVERAL_BLOCKS, 4096, 3)
def test_processes_share_the_batches_of_one(rows: int, batch: int, processes: int) -> None:
    assume(Order(rows, batch, 7, processes).steps == Order(rows, batch, 7).steps)
    alone = batches(list(Order(rows, batch, 7).blocks(0)))

    shares = [batches(list(Order(rows, batch, 7, processes, rank).blocks(0))) for rank in range(processes)]

    steps = Order(rows, batch, 7, processes).steps
    assert {len(share) for share in shares} == {steps}
    for step in range(steps):
        together = np.concatenate([share[step] for share in shares])
        assert together.tolist() == alone[step].tolist()
        assert all(len(share[step]) for share in shares)


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(1, 5000), st.data())
def test_a_run_that_goes_on_reads_what_was_left(rows: int, batch: int, data: st.DataObject) -> None:
    order = Order(rows, batch, 3)
    first = data.draw(st.integers(0, order.steps - 1))

    left = batches(list(order.blocks(1, first)))

    whole = batches(list(order.blocks(1)))
    assert [each.tolist() for each in left] == [each.tolist() for each in whole[first:]]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    def first(seed: int, epoch: int) -> list[int]:
        return next(Order(500, 500, seed).blocks(epoch)).places.tolist()

    assert len({tuple(first(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_a_batch_mixes_rows_from_far_apart() -> None:
    rows = 40 * STRETCH_ROWS
    places = next(Order(rows, 4096, 5).blocks(0)).places[:4096]

    assert np.ptp(places) > rows / 2
    assert len(np.unique(places // STRETCH_ROWS)) > 20
