"""How a model is validated beside its holdout, as training.yaml declares it. Pure declarations; computing is
the trainer's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from headgate.domain.errors import InvalidRequest

Choice = Literal["max_f1", "min_cost", "min_precision", "min_recall"]
CHOICES: tuple[Choice, ...] = ("max_f1", "min_cost", "min_precision", "min_recall")


@dataclass(frozen=True)
class Backtest:
    """Rolling windows inside the training interval, newest last, that end where it ends.

    Each tests ``test_days`` on a model that learnt the ``train_days`` before them (None: all there is), less
    ``embargo_hours``.
    """

    windows: int
    test_days: int
    train_days: int | None = None
    embargo_hours: float = 0.0

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Backtest | None":
        """Raises InvalidRequest."""
        if document is None:
            return None
        found = cls(
            windows=int(document["windows"]),
            test_days=int(document["test_days"]),
            train_days=None if document.get("train_days") is None else int(document["train_days"]),
            embargo_hours=float(document.get("embargo_hours", 0.0)),
        )
        if not 1 <= found.windows <= 24 or found.test_days < 1 or (found.train_days or 1) < 1:
            raise InvalidRequest("training backtest: 1 to 24 windows of at least a day are needed")
        if found.embargo_hours < 0:
            raise InvalidRequest("training backtest: embargo_hours is less than nothing")
        return found


@dataclass(frozen=True)
class Threshold:
    """How the score from which a row counts as positive is chosen: on backtest scores, never on the holdout.

    ``at`` is the bound of min_precision and min_recall (0 to 1); the costs are those of min_cost.
    """

    choose: Choice = "max_f1"
    at: float = 0.5
    false_positive: float = 1.0
    false_negative: float = 1.0

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Threshold | None":
        """Raises InvalidRequest."""
        if document is None:
            return None
        if document.get("choose", "max_f1") not in CHOICES:
            raise InvalidRequest(
                f"training threshold: choose is {document['choose']!r}; known: {', '.join(CHOICES)}"
            )
        found = cls(
            choose=cast(Choice, document.get("choose", "max_f1")),
            at=float(document.get("at", 0.5)),
            false_positive=float(document.get("false_positive", 1.0)),
            false_negative=float(document.get("false_negative", 1.0)),
        )
        if not 0 < found.at <= 1 or found.false_positive < 0 or found.false_negative < 0:
            raise InvalidRequest("training threshold: at must be in (0, 1], and costs 0 or more")
        return found


@dataclass(frozen=True)
class Tolerance:
    """What counts as the same score: |a - b| <= absolute + relative * |b|."""

    absolute: float = 1e-5
    relative: float = 1e-4

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Tolerance":
        """Raises InvalidRequest."""
        found = cls(**{name: float(value) for name, value in (document or {}).items()})
        if found.absolute < 0 or found.relative < 0:
            raise InvalidRequest("training tolerance: less than nothing")
        return found


DEFAULT_TOLERANCE = Tolerance()
