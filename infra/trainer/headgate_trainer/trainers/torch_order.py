"""In which order rows are learnt from. Pure numpy: the order is a function of the seed, the epoch and the
step, so that any process, and any run that goes on, finds it again.

Rows are read in short stretches that lie together, the stretches in a random order; some of them together are
a block, whose rows are shuffled. A pass reads every row once.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STRETCH_ROWS = 2048
BLOCK_ROWS = 1 << 17
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Places of rows, batch after batch; each batch has ``sizes`` of them here and ``wholes`` in all
    processes. Read together, ``runs`` (from, to before) hold the rows of all processes; ``order`` picks this
    one's from them.
    """

    places: Places
    sizes: tuple[int, ...]
    wholes: tuple[int, ...]
    runs: tuple[tuple[int, int], ...]
    order: Places


@dataclass(frozen=True)
class Order:
    """Of ``rows`` rows in batches of ``batch`` rows, of which this process takes its share by ``rank``."""

    rows: int
    batch: int
    seed: int
    processes: int = 1
    rank: int = 0

    @property
    def steps(self) -> int:
        """Of one epoch. A last batch with fewer rows than processes is left out."""
        full, rest = divmod(self.rows, self.batch)
        return full + (rest >= self.processes and rest > 0)

    def blocks(self, epoch: int, first_step: int = 0) -> Iterator[Block]:
        """What is left of an epoch from a step on."""
        return (make() for make in self.pending(epoch, first_step))

    def pending(self, epoch: int, first_step: int = 0) -> list[Callable[[], Block]]:
        """The same, for whoever makes several blocks at once."""
        chance = np.random.default_rng([self.seed, epoch])
        stretches = -(-self.rows // STRETCH_ROWS)
        order = chance.permutation(stretches)
        # The short stretch is always the last one, so every epoch begins elsewhere.
        order = np.append(order[order != stretches - 1], stretches - 1)
        shift = int(chance.integers(self.rows))
        per_block = max(1, BLOCK_ROWS // self.batch)
        return [
            functools.partial(self._block, (epoch, number), order, shift, first, max(first_step, first))
            for number, first in enumerate(range(0, self.steps, per_block))
            if first + per_block > first_step
        ]

    def _block(self, name: tuple[int, int], order: Places, shift: int, first: int, first_step: int) -> Block:
        last = min(first + max(1, BLOCK_ROWS // self.batch), self.steps)
        places = _stretch_places(order, self.rows, first * self.batch, last * self.batch)
        shuffled = np.random.default_rng([self.seed, *name]).permutation(len(places))
        return self._share((places + shift) % self.rows, shuffled, first_step - first)

    def _share(self, places: Places, shuffled: Places, skipped: int) -> Block:
        batches = [shuffled[at : at + self.batch] for at in range(0, len(places), self.batch)][skipped:]
        mine = [
            batch[len(batch) * self.rank // self.processes : len(batch) * (self.rank + 1) // self.processes]
            for batch in batches
        ]
        order = np.concatenate(mine)
        return Block(places[order], tuple(map(len, mine)), tuple(map(len, batches)), _runs(places), order)


def _runs(places: Places) -> tuple[tuple[int, int], ...]:
    """What follows one upon another in ``places``, as intervals."""
    ends = np.append(np.flatnonzero(np.diff(places) != 1), len(places) - 1)
    starts = np.append(0, ends[:-1] + 1)
    return tuple(zip(places[starts].tolist(), (places[ends] + 1).tolist(), strict=True))


def _stretch_places(order: Places, rows: int, start: int, stop: int) -> Places:
    """Of the rows that come ``start``-th to ``stop``-th when stretches are read in that order."""
    first, last = start // STRETCH_ROWS, -(-min(stop, rows) // STRETCH_ROWS)
    places = np.concatenate(
        [
            np.arange(stretch * STRETCH_ROWS, min((stretch + 1) * STRETCH_ROWS, rows))
            for stretch in order[first:last]
        ]
    )
    return places[start - first * STRETCH_ROWS : stop - first * STRETCH_ROWS]
