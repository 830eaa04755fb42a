"""Rows on their way to the device: read from the mapped matrix in the background, or already there.

Owns when rows are moved, and how long learning waited for them; which rows come when is `torch_order`'s.
"""

import functools
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from headgate_trainer.encoding import Matrix
from headgate_trainer.metrics import Labels
from headgate_trainer.trainers.torch_order import Block, Order

T = TypeVar("T")
AHEAD = 8
READERS = 6
UPLOAD_ROWS = 1 << 20
RESIDENT_SHARE = 0.4
"""A matrix that takes no more of the device's free memory is kept there."""


class Feeding(Protocol):
    """``waited`` are the seconds that learning stood still for want of rows."""

    waited: float

    def batches(self, order: Order, epoch: int, first_step: int) -> Iterator[tuple[Any, Any, int]]:
        """Rows and labels of this process, and how many rows the batch has in all processes."""
        ...


def feeding(matrix: Matrix, labels: Labels, device: torch.device, *, resident: bool | None = None) -> Feeding:
    """``resident`` None decides by what fits."""
    if device.type != "cuda":
        return Streamed(matrix, labels, device)
    if resident is None:
        free, _ = torch.cuda.mem_get_info(device)
        resident = matrix.nbytes <= RESIDENT_SHARE * free
    return Resident(matrix, labels, device) if resident else Streamed(matrix, labels, device)


class _Ahead:
    """Results of tasks, in order, made by threads ahead of who takes them."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.cuda = device, device.type == "cuda"
        self.waited = 0.0

    def results(self, tasks: Iterable[Callable[[], T]]) -> Iterator[T]:
        left, coming = iter(tasks), deque[Future[T]]()
        with ThreadPoolExecutor(READERS if self.cuda else 1, initializer=self._begin) as readers:
            while True:
                for task in itertools.islice(left, (AHEAD if self.cuda else 2) - len(coming)):
                    coming.append(readers.submit(task))
                if not coming:
                    return
                started = time.perf_counter()
                result = coming.popleft().result()
                self.waited += time.perf_counter() - started
                yield result

    def _begin(self) -> None:
        """A thread of its own would pin memory for the first device."""
        if self.cuda:
            torch.cuda.set_device(self.device)


class Streamed(_Ahead):
    """Blocks are read by threads ahead of learning; on CUDA they cross in a stream of their own.

    ``by_runs`` reads whole stretches of the matrix and shuffles them on the device; else rows are gathered
    one by one, as it is better where a process needs a few of each stretch.
    """

    def __init__(
        self, matrix: Matrix, labels: Labels, device: torch.device, *, by_runs: bool | None = None
    ) -> None:
        super().__init__(device)
        self.matrix, self.labels, self.by_runs = matrix, labels, by_runs
        self.side: Any = torch.cuda.Stream(device) if self.cuda else None

    def batches(self, order: Order, epoch: int, first_step: int) -> Iterator[tuple[Any, Any, int]]:
        by_runs = self.by_runs if self.by_runs is not None else self.cuda and order.processes == 1
        load = self._load_runs if by_runs else self._load_rows
        tasks = (functools.partial(self._loaded, make, load) for make in order.pending(epoch, first_step))
        for block, rows, labels, ready in self.results(tasks):
            if ready is not None:
                ready.wait()
                current = torch.cuda.current_stream(self.device)
                rows.record_stream(current)
                labels.record_stream(current)
            yield from split(block, rows, labels)

    def _loaded(self, make: Callable[[], Block], load: Callable[[Block], Any]) -> tuple[Block, Any, Any, Any]:
        block = make()
        return (block, *load(block))

    def _load_rows(self, block: Block) -> tuple[Any, Any, Any]:
        rows = torch.empty((len(block.places), self.matrix.shape[1]), pin_memory=self.cuda)
        np.take(self.matrix, block.places, axis=0, out=rows.numpy(), mode="clip")
        labels = torch.from_numpy(self.labels[block.places].astype(np.float32))
        return self._moved(rows, labels, None)

    def _load_runs(self, block: Block) -> tuple[Any, Any, Any]:
        count = sum(end - start for start, end in block.runs)
        rows = torch.empty((count, self.matrix.shape[1]), pin_memory=self.cuda)
        labels = torch.empty(count)
        filled, truth, at = rows.numpy(), labels.numpy(), 0
        for start, end in block.runs:
            filled[at : at + end - start] = self.matrix[start:end]
            truth[at : at + end - start] = self.labels[start:end]
            at += end - start
        return self._moved(rows, labels, torch.from_numpy(block.order))

    def _moved(self, rows: Any, labels: Any, order: Any) -> tuple[Any, Any, Any]:
        """On the device, in ``order``, and the event that says so (None where nothing has to cross)."""
        if not self.cuda:
            return (rows, labels, None) if order is None else (rows[order], labels[order], None)
        with torch.cuda.stream(self.side):
            moved = [self._crossed(rows), self._crossed(labels)]
            if order is not None:
                places = self._crossed(order)
                moved = [each[places] for each in moved]
            ready = torch.cuda.Event()
            ready.record(self.side)
        return moved[0], moved[1], ready

    def _crossed(self, values: Any) -> Any:
        return (values if values.is_pinned() else values.pin_memory()).to(self.device, non_blocking=True)


class Resident(_Ahead):
    """The whole matrix lies on the device; a block is a gather there."""

    def __init__(self, matrix: Matrix, labels: Labels, device: torch.device) -> None:
        super().__init__(device)
        started = time.perf_counter()
        self.rows = torch.empty(matrix.shape, device=device)
        for start in range(0, len(matrix), UPLOAD_ROWS):
            part = torch.from_numpy(np.array(matrix[start : start + UPLOAD_ROWS]))
            self.rows[start : start + UPLOAD_ROWS].copy_(part)
        self.labels = torch.from_numpy(labels.astype(np.float32)).to(device)
        self.waited = time.perf_counter() - started

    def batches(self, order: Order, epoch: int, first_step: int) -> Iterator[tuple[Any, Any, int]]:
        for block in self.results(order.pending(epoch, first_step)):
            places = torch.from_numpy(block.places)
            places = (places.pin_memory() if self.cuda else places).to(self.device, non_blocking=True)
            yield from split(block, self.rows[places], self.labels[places])


def split(block: Block, rows: Any, labels: Any) -> Iterator[tuple[Any, Any, int]]:
    """A block's batches, in order."""
    start = 0
    for size, whole in zip(block.sizes, block.wholes, strict=True):
        yield rows[start : start + size], labels[start : start + size], whole
        start += size
