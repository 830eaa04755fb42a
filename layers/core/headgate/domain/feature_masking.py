"""Values of restricted columns stay out of what is told of a feature set: statistics, online rows, examples.

A column is restricted where an input's contract calls a restricted column so, or once did. SQL may give a
value another name; then it is no column of that name any more, and is shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.contract import Contract
from headgate.domain.feature_set import FeatureSet
from headgate.domain.masking import MASK

_NUMBERS = ("minimum", "maximum", "mean", "deviation")


class Hidden:
    """The names whose values are never shown, in any case, as SQL reads them."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = frozenset(name.casefold() for name in names)

    @classmethod
    def of(cls, feature_set: FeatureSet, contracts: Mapping[str, Contract]) -> "Hidden":
        found = [contracts[name] for name in feature_set.inputs if name in contracts]
        return cls([column for contract in found for column in contract.restricted])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.casefold() in self._names

    def __bool__(self) -> bool:
        return bool(self._names)

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row; that a value is missing is told."""
        return {name: MASK if name in self and v is not None else v for name, v in values.items()}

    def statistics(self, columns: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Of a restricted column only how many rows and nulls there are."""
        return {name: _counts(found) if name in self else dict(found) for name, found in columns.items()}

    def parity(self, parity: Mapping[str, Any], entity: Sequence[str] | None) -> dict[str, Any]:
        """What a comparison of one view found; ``entity`` are the columns that its keys are made of, None
        when nobody knows any more.
        """
        secret = bool(self) if entity is None else any(column in self for column in entity)
        examples = [self._example(example, secret) for example in parity.get("examples", ())]
        return {**parity, "examples": examples} if "examples" in parity else dict(parity)

    def told(self, problem: str) -> str:
        """Why something failed, without what an engine quotes of values when some are restricted."""
        head, found, _ = problem.partition("Error: ")
        return f"{head}{found}{MASK}" if self and found else problem

    def _example(self, example: Mapping[str, Any], secret: bool) -> dict[str, Any]:
        sides = {
            side: None if example[side] is None else self.row(example[side]) for side in ("offline", "online")
        }
        return {**example, **sides, "key": MASK if secret else example["key"]}


def _counts(found: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: found[name] for name in ("kind", "rows", "nulls") if name in found}
    if found.get("kind") == "categorical":
        return {**counts, "values": {}, "others": found["rows"] - found["nulls"], "masked": True}
    return {**counts, **dict.fromkeys(_NUMBERS, MASK), "edges": [], "shares": [], "masked": True}
