"""What a model is fed: float32 columns, categories as codes of a vocabulary learnt on the training rows
alone.

The same vocabulary goes into the ONNX graph, so that serving encodes as training did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate_trainer.data import Table, TrainingSet
from headgate_trainer.run_spec import Feature

UNKNOWN = -1.0
"""The code of a text that no training row had; trees send it to the branch of "none of these"."""
Matrix = npt.NDArray[np.float32]


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
        """One row a row of ``table``, one float32 column a feature."""
        matrix = np.empty((table.rows, len(self.features)), dtype=np.float32)
        for position, feature in enumerate(self.features):
            if feature.kind == "numeric":
                matrix[:, position] = table.numeric[feature.name]
            else:
                matrix[:, position] = self._lookup(feature.name, texts[feature.name])[
                    table.codes[feature.name]
                ]
        return matrix

    def feeds(self, table: Table, texts: dict[str, tuple[str, ...]]) -> dict[str, Any]:
        """The same rows as the ONNX graph takes them: one [N, 1] array a feature, text where it is
        categorical.
        """
        arrays: dict[str, Any] = {}
        for feature in self.features:
            if feature.kind == "numeric":
                arrays[feature.name] = table.numeric[feature.name].astype(np.float32).reshape(-1, 1)
            else:
                known = np.array(texts[feature.name], dtype=object)
                arrays[feature.name] = known[table.codes[feature.name]].reshape(-1, 1)
        return arrays

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
            seen = np.unique(data.train.codes[feature.name])
            vocabulary[feature.name] = tuple(sorted(texts[code] for code in seen))
    return Encoding(features, vocabulary)
