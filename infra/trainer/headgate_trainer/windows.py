"""Intervals of event time: those of the split, less the embargo, and those of a backtest. Pure arithmetic."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from headgate_trainer.declared import Backtest


@dataclass(frozen=True)
class Window:
    """start <= event time < end, ISO dates or instants, UTC."""

    start: str
    end: str


@dataclass(frozen=True)
class Fold:
    """One window of a backtest."""

    train: Window
    test: Window


def days(bounds: Any) -> Window:
    """Raises ValueError for what is no pair of ISO dates."""
    start, end = bounds
    return Window(date.fromisoformat(start).isoformat(), date.fromisoformat(end).isoformat())


def before_embargo(train: Window, holdout: Window, hours: float) -> Window:
    """The rows learnt from: training ends where it says, or where the embargo before the holdout begins."""
    embargo = datetime.fromisoformat(holdout.start) - timedelta(hours=hours)
    if datetime.fromisoformat(train.end) <= embargo:
        return train
    return Window(train.start, _text(embargo))


def folds(train: Window, backtest: Backtest) -> list[Fold]:
    """Oldest first. The newest one ends where ``train`` ends, and they follow each other without a gap."""
    start, end = datetime.fromisoformat(train.start), datetime.fromisoformat(train.end)
    found = []
    for back in range(backtest.windows, 0, -1):
        begins = end - timedelta(days=backtest.test_days * back)
        learns = start if backtest.train_days is None else begins - timedelta(days=backtest.train_days)
        found.append(
            Fold(
                Window(_text(learns), _text(begins - timedelta(hours=backtest.embargo_hours))),
                Window(_text(begins), _text(begins + timedelta(days=backtest.test_days))),
            )
        )
    return found


def _text(instant: datetime) -> str:
    """A date where it is one: the way the spec writes bounds, so that texts compare as instants do."""
    if instant == datetime(instant.year, instant.month, instant.day):
        return instant.date().isoformat()
    return instant.isoformat()
