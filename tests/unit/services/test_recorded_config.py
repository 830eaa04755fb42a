"""A run spec holds the whole declaration it was made of, but for money, time and triggers."""

from dataclasses import replace
from typing import Any

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.run import RunSpec, TrainingPartition
from headgate.domain.training import TrainingConfig
from headgate.domain.validation import Tolerance
from headgate.services.reproduction.recorded_config import config_of

from tests.support.small_product import bundle

DECLARED = TrainingConfig.from_document(bundle()["training"])
FULL: dict[str, Any] = {
    **bundle()["training"],
    "command": ["python", "train.py"],
    "backtest": {"windows": 2, "test_days": 7, "train_days": 14, "embargo_hours": 3},
    "segments": ["shop"],
    "threshold": {"choose": "min_cost", "false_positive": 2, "false_negative": 5},
    "checkpoint_minutes": 5,
    "tolerance": {"absolute": 1e-6, "relative": 1e-3},
    "split": {**bundle()["training"]["split"], "embargo_hours": 12},
    "triggers": {"feature_version": {"rows": 10}},
    "search": {"method": "grid", "space": {"rounds": [1, 2]}},
}


def spec(config: TrainingConfig) -> RunSpec:
    partition = TrainingPartition("s3://lake/a", "a" * 64, 7, "2024-01")
    return RunSpec("shops", config, (partition,), ("visit_id",), "visited_at", "c" * 64, "e" * 64)


@pytest.mark.parametrize("document", [bundle()["training"], FULL], ids=["plain", "full"])
def test_the_declaration_of_a_spec_makes_the_very_same_spec(document: dict[str, Any]) -> None:
    recorded = spec(TrainingConfig.from_document(document))

    again = spec(config_of(recorded.to_document(), DECLARED))

    assert again.to_document() == recorded.to_document()
    assert again.digest == recorded.digest


def test_money_time_and_triggers_are_those_of_today() -> None:
    recorded = spec(TrainingConfig.from_document(FULL)).to_document()
    today = replace(DECLARED, budget_usd_per_month=9.0, timeout_seconds=77)

    found = config_of(recorded, today)

    assert (found.budget_usd_per_month, found.timeout_seconds, found.triggers) == (9.0, 77, today.triggers)
    assert (found.search, found.tolerance) == (None, Tolerance(1e-6, 1e-3))


def test_a_spec_of_another_format_is_not_guessed_at() -> None:
    recorded = {**spec(DECLARED).to_document(), "format": "headgate.runspec/1"}

    with pytest.raises(InvalidRequest, match="headgate.runspec/1"):
        config_of(recorded, DECLARED)
