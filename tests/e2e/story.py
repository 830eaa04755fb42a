"""The happy path in two steps, told once for all tests that need a model: a first model, then later data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from headgate.cli.drop import Dropped
from headgate.domain import events
from headgate.domain.events import DomainEvent

from tests.e2e import shops
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

TRAINING_SECONDS = 120.0


@dataclass(frozen=True)
class Story:
    """What was dropped, and what became of it."""

    drops: tuple[Dropped, ...]
    features: DomainEvent
    run: dict[str, Any]
    model: dict[str, Any]
    later: tuple[Dropped, ...] = field(default=())
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)


def train_first_model(stack: Stack, tap: EventTap) -> Story:
    """Drops the training months and waits for the champion."""
    alice = stack.api("alice")
    drops = drop_months(stack, shops.TRAINED_MONTHS)
    moved = tap.wait(events.ALIAS_MOVED, shops.PRODUCT, seconds=TRAINING_SECONDS, alias="champion")[0]
    run = eventually(
        "a registered run",
        lambda: next((r for r in alice.runs(shops.PRODUCT)["runs"] if r["state"] == "REGISTERED"), None),
    )
    built = tap.wait(events.FEATURE_VERSION_BUILT, shops.PRODUCT, digest=run["feature_version"])[0]
    return Story(drops, built, run, alice.model(shops.PRODUCT, str(moved.detail["to_version"])))


def serve_later_data(story: Story, stack: Stack, tap: EventTap) -> Story:
    """Drops the month after, and waits until the champion was measured on features that hold all of it."""
    later = drop_months(stack, (shops.LATER_MONTH,))
    rows = len(shops.visits_csv(shops.LATER_MONTH).splitlines()) - 1

    def look() -> dict[str, dict[str, Any]] | None:
        found = stack.api("alice").monitoring(shops.PRODUCT)["reports"]
        newest = {report["kind"]: report for report in reversed(found) if report["rows"] == rows}
        return newest if {"drift", "performance"} <= set(newest) else None

    reports = eventually("drift and performance of the later month", look, TRAINING_SECONDS)
    return replace(story, later=later, reports=reports)


def features_of_training_months(stack: Stack, product: str, seconds: float) -> None:
    """Drops the training months for a product that is declared like the shops, and waits for its features."""
    drop_months(stack, shops.TRAINED_MONTHS, product)
    rows = sum(len(shops.visits_csv(month).splitlines()) - 1 for month in shops.TRAINED_MONTHS)
    eventually(
        "features of all training months",
        lambda: any(f["rows"] == rows for f in stack.api("alice").features(product)["features"]),
        seconds,
    )


def drop_months(stack: Stack, months: tuple[int, ...], product: str = shops.PRODUCT) -> tuple[Dropped, ...]:
    """Visits and sensor readings of each month."""
    files = [
        (f"{product}/{name}/{name} 2024-{month:02d}.csv", make(month))
        for month in months
        for name, make in (("visits", shops.visits_csv), ("sensor", shops.sensor_csv))
    ]
    return tuple(stack.drop(key, body) for key, body in files)
