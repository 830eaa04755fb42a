"""In which order rows are learnt from. Pure numpy: the order is a function of the seed, the epoch and the
step, so that any process, and any run that goes on, finds it again.

Rows are read in short stretches that lie together, the stretches in a random order; some of them together are
a block, whose rows are shuffled. A pass reads every row once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STRETCH_ROWS = 2048
BLOCK_ROWS = 1 << 17
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Places of rows, batch after batch; each batch has ``sizes`` of them here and ``wholes`` in all
    processes.
    """

    places: Places
    sizes: tuple[int, ...]
    wholes: tuple[int, ...]


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
        chance = np.random.default_rng([self.seed, epoch])
        stretches = -(-self.rows // STRETCH_ROWS)
        order = chance.permutation(stretches)
        # The short stretch is always the last one, so every epoch begins elsewhere.
        order = np.append(order[order != stretches - 1], stretches - 1)
        shift = int(chance.integers(self.rows))
        per_block = max(1, BLOCK_ROWS // self.batch)
        for number, first in enumerate(range(0, self.steps, per_block)):
            last = min(first + per_block, self.steps)
            if last <= first_step:
                continue
            places = _stretch_places(order, self.rows, first * self.batch, last * self.batch)
            places = (
                np.random.default_rng([self.seed, epoch, number]).permutation(places) + shift
            ) % self.rows
            yield self._share(places, max(first_step, first) - first)

    def _share(self, places: Places, skipped: int) -> Block:
        batches = [places[at : at + self.batch] for at in range(0, len(places), self.batch)][skipped:]
        mine = [
            batch[len(batch) * self.rank // self.processes : len(batch) * (self.rank + 1) // self.processes]
            for batch in batches
        ]
        return Block(np.concatenate(mine), tuple(map(len, mine)), tuple(map(len, batches)))


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
