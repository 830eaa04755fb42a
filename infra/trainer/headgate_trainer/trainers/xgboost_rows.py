"""Rows as XGBoost takes them: batches of the matrix, with NaN where a text is unknown."""

from typing import Any

import numpy as np

from headgate_trainer.encoding import UNKNOWN, Encoding, Matrix
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Rows
from headgate_trainer.trainers.threads import threads

BATCH_ROWS = 1 << 18


def quantised(rows: Rows, encoding: Encoding, spec: RunSpec, reference: Any) -> Any:
    """The rows as XGBoost learns from them, read batch by batch."""
    import xgboost as xgb

    class Batches(xgb.DataIter):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self.start = 0
            super().__init__()

        def next(self, input_data: Any) -> bool:
            if self.start >= len(rows.labels):
                return False
            part = slice(self.start, self.start + BATCH_ROWS)
            input_data(
                data=known_or_missing(rows.matrix[part], encoding),
                label=rows.labels[part],
                feature_types=types_of(encoding),
            )
            self.start += BATCH_ROWS
            return True

        def reset(self) -> None:
            self.start = 0

    return xgb.QuantileDMatrix(
        Batches(),
        ref=reference,
        max_bin=int(spec.params.get("max_bin", 256)),
        nthread=threads(),
        enable_categorical=True,
    )


def known_or_missing(matrix: Matrix, encoding: Encoding) -> Matrix:
    """The rows with NaN in place of the unknown code; the matrix itself, where it has none."""
    unknown = [position for position in encoding.categorical if (matrix[:, position] == UNKNOWN).any()]
    if not unknown:
        return matrix
    known = np.array(matrix)
    for position in unknown:
        known[known[:, position] == UNKNOWN, position] = np.nan
    return known


def types_of(encoding: Encoding) -> list[str]:
    return ["c" if feature.kind == "categorical" else "q" for feature in encoding.features]
