"""How the columns of the matrix become numbers a network can learn from. Owns the statistics of that, taken
from the training rows alone, and knows no torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate_trainer.encoding import Encoding, Matrix

BATCH_ROWS = 1 << 17
FURTHEST = 8.0
"""Numbers are cut off at so many standard deviations."""
Narrow = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Inputs:
    """``numeric`` and ``categorical`` are columns of the matrix. A null becomes ``mean``, and those at
    ``flagged`` (places among the numeric ones) get a column that says so. ``sizes`` are known texts by
    category; an unknown one is one more, at place 0.
    """

    numeric: tuple[int, ...]
    categorical: tuple[int, ...]
    mean: Narrow
    scale: Narrow
    flagged: tuple[int, ...]
    sizes: tuple[int, ...]
    varied: tuple[bool, ...]
    """Whether a number had two different values in training."""

    @property
    def offsets(self) -> list[int]:
        """Where the rows of each category begin in the one table of embeddings, for the code -1."""
        return [sum(size + 1 for size in self.sizes[:place]) for place in range(len(self.sizes))]

    @property
    def table_rows(self) -> int:
        return sum(size + 1 for size in self.sizes)

    def width(self, embedding: int) -> int:
        """Columns the first layer sees."""
        return len(self.numeric) + len(self.flagged) + len(self.categorical) * embedding

    def to_document(self) -> dict[str, Any]:
        return {
            "numeric": list(self.numeric),
            "categorical": list(self.categorical),
            "mean": [float(value) for value in self.mean],
            "scale": [float(value) for value in self.scale],
            "flagged": list(self.flagged),
            "sizes": list(self.sizes),
            "varied": list(self.varied),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Inputs":
        return cls(
            tuple(document["numeric"]),
            tuple(document["categorical"]),
            np.array(document["mean"], dtype=np.float32),
            np.array(document["scale"], dtype=np.float32),
            tuple(document["flagged"]),
            tuple(document["sizes"]),
            tuple(document["varied"]),
        )


def learn_inputs(matrix: Matrix, encoding: Encoding) -> Inputs:
    """Means and standard deviations of the values that are there, batch by batch in float64.

    A column without two different values has the scale 1, and one that is always null the mean 0.
    """
    categorical = tuple(encoding.categorical)
    numeric = tuple(i for i in range(len(encoding.features)) if i not in categorical)
    counts, mean, squares = _moments(matrix, numeric)
    deviation = np.sqrt(squares / np.maximum(counts, 1))
    varied = deviation > 1e-7 * np.abs(mean)
    return Inputs(
        numeric=numeric,
        categorical=categorical,
        mean=mean.astype(np.float32),
        scale=np.where(varied, deviation, 1.0).astype(np.float32),
        flagged=tuple(int(i) for i in np.flatnonzero((counts < len(matrix)) & (counts > 0))),
        sizes=tuple(len(encoding.vocabulary[encoding.features[i].name]) for i in categorical),
        varied=tuple(bool(each) for each in varied),
    )


def _moments(matrix: Matrix, numeric: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Counts, means and sums of squared deviations, merged over batches as Chan et al. do."""
    counts = np.zeros(len(numeric))
    mean, squares = np.zeros(len(numeric)), np.zeros(len(numeric))
    for start in range(0, len(matrix), BATCH_ROWS):
        values = matrix[start : start + BATCH_ROWS, list(numeric)].astype(np.float64)
        there = ~np.isnan(values)
        found = there.sum(axis=0)
        here = np.where(there, values, 0.0).sum(axis=0) / np.maximum(found, 1)
        spread = (np.where(there, values - here, 0.0) ** 2).sum(axis=0)
        both = np.maximum(counts + found, 1)
        squares += spread + (here - mean) ** 2 * counts * found / both
        mean += (here - mean) * found / both
        counts += found
    return counts, mean, squares
