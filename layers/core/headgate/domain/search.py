"""A search over a trainer's parameters, as training.yaml declares it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from headgate.domain.errors import InvalidRequest

Method = Literal["grid", "random"]
Direction = Literal["max", "min"]
MOST_TRIALS = 256


@dataclass(frozen=True)
class Search:
    """``space`` maps a parameter to a list of values, or (random alone) to ``{"low", "high", "log"?,
    "whole"?}``. ``metric`` is one of the held-out metrics.
    """

    method: Method
    space: Mapping[str, Any]
    trials: int | None = None
    metric: str = "auc"
    direction: Direction = "max"
    seed: int = 0

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Search | None":
        """Raises InvalidRequest."""
        if document is None:
            return None
        if document.get("method") not in ("grid", "random"):
            raise InvalidRequest(
                f"training search: method is {document.get('method')!r}; known: grid, random"
            )
        return cls(
            method=cast(Method, document["method"]),
            space=dict(document["space"]),
            trials=None if document.get("trials") is None else int(document["trials"]),
            metric=str(document.get("metric", "auc")),
            direction=cast(Direction, document.get("direction", "max")),
            seed=int(document.get("seed", 0)),
        )
