"""What a model is fed: float32 columns, categories as codes of a vocabulary learnt on the training rows
alone.

The same vocabulary goes into the ONNX graph, so that serving encodes as training did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate_trainer.columns import BATCH_ROWS, LazyColumns, new_matrix
from headgate_trainer.data import Codes, Table, TrainingSet
from headgate_trainer.run_spec import Feature

UNKNOWN = -1.0
"""The code of a text that no training row had; trees send it to the branch of "none of these"."""
UNKNOWN_TEXT = "\x7f never seen"
"""Stands for any such text where one is needed."""
Matrix = npt.NDArray[np.float32]


class Feeds(LazyColumns):
    """Rows as the ONNX graph takes them: one [N, 1] array a feature, text where it is categorical, float32
    where it is not. Made when it is read, whole or some rows at a time.
    """

    def __init__(self, columns: dict[str, Any], texts: dict[str, Any], rows: int) -> None:
        super().__init__(columns, lambda name: self._made(name, slice(None)))
        self._columns, self._texts, self.rows = columns, texts, rows

    def part(self, start: int, stop: int) -> dict[str, Any]:
        """The rows from ``start`` to before ``stop``."""
        return {name: self._made(name, slice(start, stop)) for name in self}

    def _made(self, name: str, rows: slice) -> Any:
        stored = self._columns[name][rows]
        made = self._texts[name][stored] if name in self._texts else stored.astype(np.float32)
        return made.reshape(-1, 1)


@dataclass(frozen=True)
class Encoding:
    """``vocabulary`` maps a categorical feature to its sorted texts: the position is the code; '' is null."""

    features: tuple[Feature, ...]
    vocabulary: dict[str, tuple[str, ...]]

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def categorical(self) -> list[int]:
        """Positions of the categorical features."""
        return [i for i, feature in enumerate(self.features) if feature.kind == "categorical"]

    def matrix(self, table: Table, texts: dict[str, tuple[str, ...]]) -> Matrix:
        """One row a row of ``table``, one float32 column a feature; it lies where the table's scratch is."""
        matrix = new_matrix((table.rows, len(self.features)), table.scratch)
        columns = [self._stored(feature, table) for feature in self.features]
        known = [
            None if feature.kind == "numeric" else self._lookup(feature.name, texts[feature.name])
            for feature in self.features
        ]
        for start in range(0, table.rows, BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            for position, (column, codes) in enumerate(zip(columns, known, strict=True)):
                matrix[part, position] = column[part] if codes is None else codes[column[part]]
        return matrix

    def feeds(self, table: Table, texts: dict[str, tuple[str, ...]]) -> "Feeds":
        """The same rows as the ONNX graph takes them."""
        columns = {feature.name: self._stored(feature, table) for feature in self.features}
        known = {
            feature.name: np.array(texts[feature.name], dtype=object)
            for feature in self.features
            if feature.kind == "categorical"
        }
        return Feeds(columns, known, table.rows)

    def _stored(self, feature: Feature, table: Table) -> Any:
        return table.numeric[feature.name] if feature.kind == "numeric" else table.codes[feature.name]

    def encode(self, feeds: dict[str, Any]) -> Matrix:
        """A matrix from feeds, for rows that come from no table."""
        columns = [
            feeds[f.name][:, 0] if f.kind == "numeric" else self._lookup(f.name, feeds[f.name][:, 0])
            for f in self.features
        ]
        return np.column_stack(columns).astype(np.float32)

    def _lookup(self, name: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        codes = {text: float(code) for code, text in enumerate(self.vocabulary[name])}
        return np.array([codes.get(text, UNKNOWN) for text in texts], dtype=np.float32)


def learn_encoding(features: tuple[Feature, ...], data: TrainingSet) -> Encoding:
    """The vocabulary of the training rows; a text of the holdout alone stays unknown, as it would be when
    served.
    """
    vocabulary = {}
    for feature in features:
        if feature.kind == "categorical":
            texts = data.texts[feature.name]
            seen = _seen(data.train.codes[feature.name], len(texts))
            vocabulary[feature.name] = tuple(
                sorted(text for text, found in zip(texts, seen, strict=True) if found)
            )
    return Encoding(features, vocabulary)


def _seen(codes: Codes, size: int) -> list[bool]:
    found = np.zeros(size, dtype=bool)
    for start in range(0, len(codes), BATCH_ROWS):
        found[codes[start : start + BATCH_ROWS]] = True
    return found.tolist()
