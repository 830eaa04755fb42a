"""What asks for training, and how often it may. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from headgate.domain.errors import InvalidRequest

Trigger = Literal["feature_version", "schedule", "drift", "manual", "experiment", "reproduction"]


@dataclass(frozen=True)
class Triggers:
    """What training.yaml declares. A threshold of None asks for nothing; a trigger that is off is not heard.

    ``rows`` and ``days`` count what a feature version has beyond the one of the newest run. What arrives
    within ``debounce_minutes`` of a submission waits until they are over, and is one request then.
    """

    feature_version: bool = True
    rows: int | None = None
    days: float | None = None
    schedule_days: float | None = None
    drift: bool = False
    debounce_minutes: float = 0.0
    at_most_per_day: int | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Triggers":
        """Raises InvalidRequest."""
        found = document or {}
        version = found.get("feature_version", {})
        schedule = found.get("schedule") or {}
        triggers = cls(
            feature_version=version is not False and version is not None,
            rows=int(version["rows"]) if isinstance(version, Mapping) and "rows" in version else None,
            days=float(version["days"]) if isinstance(version, Mapping) and "days" in version else None,
            schedule_days=float(schedule["every_days"]) if "every_days" in schedule else None,
            drift=bool(found.get("drift", False)),
            debounce_minutes=float(found.get("debounce_minutes", 0.0)),
            at_most_per_day=int(found["at_most_per_day"]) if "at_most_per_day" in found else None,
        )
        numbers = (triggers.rows, triggers.days, triggers.schedule_days, triggers.at_most_per_day)
        if any(number is not None and number <= 0 for number in numbers) or triggers.debounce_minutes < 0:
            raise InvalidRequest("training triggers: a threshold must be more than 0")
        return triggers

    @property
    def debounce(self) -> timedelta:
        return timedelta(minutes=self.debounce_minutes)

    def unheard(self, trigger: Trigger) -> str | None:
        """Why a trigger is not listened to, or None."""
        heard = {
            "feature_version": self.feature_version,
            "schedule": self.schedule_days is not None,
            "drift": self.drift,
        }
        return None if heard.get(trigger, True) else f"the training declares no trigger {trigger}"

    def too_little(self, rows: int, days: float) -> str | None:
        """Why a feature version with so much more than that of the newest run asks for nothing, or None."""
        if self.rows is not None and rows < self.rows:
            return f"{rows} rows more than the newest run had; {self.rows} are asked for"
        if self.days is not None and days < self.days:
            return f"{days:g} days more than the newest run had; {self.days:g} are asked for"
        return None


EVERY_VERSION = Triggers()
"""Every feature version asks for training, and nothing else does unless a person asks."""
