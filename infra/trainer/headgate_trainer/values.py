"""Values of a column as they are kept: times, numbers, codes of texts, labels. Owns what is refused."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headgate_trainer.errors import BadSpec

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


def micros(column: Any, name: str) -> npt.NDArray[np.int64]:
    """Event times as microseconds since 1970, UTC."""
    if not pa.types.is_timestamp(column.type) or column.null_count:
        raise BadSpec(
            f"{name} must be a timestamp without nulls, found {column.type}, {column.null_count} nulls"
        )
    return np.asarray(
        column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_numpy(zero_copy_only=False)
    )


@dataclass
class Coder:
    """Gives every text of a column a number, in order of appearance over train and holdout alike."""

    known: dict[str, dict[str, int]] = field(default_factory=dict)

    def codes(self, name: str, column: Any) -> Codes:
        if pa.types.is_floating(column.type):
            raise BadSpec(
                f"{name} is {column.type}: fractions are no categories; cast to text or integer in the SQL"
            )
        try:
            text = pc.fill_null(column.cast(pa.string()), "")
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise BadSpec(f"{name} is {column.type}, which has no text: {error}") from error
        encoded = text.dictionary_encode()
        numbers = self.known.setdefault(name, {})
        mapping = [numbers.setdefault(value, len(numbers)) for value in encoded.dictionary.to_pylist()]
        codes: Codes = np.asarray(mapping, dtype=np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]
        return codes

    def texts(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(numbers) for name, numbers in self.known.items()}


def floats(column: Any, name: str) -> Floats:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_temporal(column.type) or pa.types.is_string(column.type):
        raise BadSpec(
            f"numeric feature {name} is {column.type}: a number is needed (relative times, not dates)"
        )
    try:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise BadSpec(f"numeric feature {name} is {column.type}: {error}") from error
    if np.isinf(values).any():
        raise BadSpec(f"numeric feature {name} holds infinite values; make them null in the SQL")
    return np.asarray(values)


def labels_of(column: Any, name: str) -> npt.NDArray[np.int8]:
    if column.null_count:
        raise BadSpec(
            f"{column.null_count} labels in {name} are null: the spine must leave rows without outcome out"
        )
    values = floats(column, name)
    if not np.isin(values, (0.0, 1.0)).all():
        raise BadSpec(f"the label {name} holds other values than 0 and 1")
    return values.astype(np.int8)
