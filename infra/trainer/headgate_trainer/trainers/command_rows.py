"""Rows for a program, as Parquet: what the graph would get, written some rows at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headgate_trainer.data import Floats
from headgate_trainer.encoding import UNKNOWN, UNKNOWN_TEXT, Encoding, Matrix
from headgate_trainer.errors import BadSpec
from headgate_trainer.metrics import Labels
from headgate_trainer.program import SCORE

BATCH_ROWS = 1 << 17


def write_rows(
    path: Path, encoding: Encoding, matrix: Matrix, label: str = "", labels: Labels | None = None
) -> None:
    """The rows as `table_of` makes them, and where labels are given, those as the last column."""
    writer: Any = None
    for start in range(0, len(matrix), BATCH_ROWS):
        part = table_of(encoding, matrix[start : start + BATCH_ROWS])
        if labels is not None:
            part = part.append_column(label, pa.array(np.asarray(labels[start : start + BATCH_ROWS])))
        if writer is None:
            # Read once, from this disk: packing numbers would cost more than it saves.
            texts = [feature.name for feature in encoding.features if feature.kind == "categorical"]
            writer = pq.ParquetWriter(
                path, part.schema, compression="none", use_dictionary=texts, write_statistics=False
            )
        writer.write_table(part)
    writer.close()


def table_of(encoding: Encoding, matrix: Matrix) -> Any:
    """Numbers as float32 with NaN for null; texts with '' for null, and one text for all that training did
    not see.
    """
    columns = {}
    for position, feature in enumerate(encoding.features):
        values = np.asarray(matrix[:, position])
        if feature.kind == "categorical":
            codes = pa.array(values.astype(np.int32) + 1)
            columns[feature.name] = pa.DictionaryArray.from_arrays(codes, _texts(encoding, position))
        else:
            columns[feature.name] = pa.array(values)
    return pa.table(columns)


def _texts(encoding: Encoding, position: int) -> Any:
    """Texts by code, moved up by one: the unknown one is the first."""
    assert UNKNOWN == -1.0
    known = encoding.vocabulary[encoding.features[position].name]
    return pa.array([UNKNOWN_TEXT, *known], pa.string())


def read_scores(path: Path, rows: int) -> Floats:
    """Raises BadSpec when they are not one finite number a row."""
    try:
        scores = pq.read_table(path, columns=[SCORE]).column(SCORE).to_numpy().astype(np.float64)
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise BadSpec(f"the program left no readable column {SCORE} in {path.name}: {error}") from error
    if len(scores) != rows or not np.isfinite(scores).all():
        raise BadSpec(
            f"{path.name}: {rows} finite scores are needed, one a row in the rows' order; "
            f"found {len(scores)}, {int((~np.isfinite(scores)).sum())} of them no number"
        )
    return np.asarray(scores)
