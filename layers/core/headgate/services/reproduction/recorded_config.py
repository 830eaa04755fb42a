"""The training declaration that a recorded run spec holds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headgate.domain.errors import InvalidRequest
from headgate.domain.run import RUN_SPEC_FORMAT, run_prefix
from headgate.domain.training import TrainingConfig
from headgate.ports import ObjectStore

SAME = (
    *("model", "trainer", "params", "seed", "compute_class", "split", "baselines", "gates", "command"),
    *("backtest", "segments", "threshold", "checkpoint_minutes", "tolerance"),
)
"""What spec and declaration call alike."""


def recorded_spec(models: ObjectStore, product: str, run: str) -> dict[str, Any]:
    """Raises NotFound."""
    found: dict[str, Any] = json.loads(models.get(f"{run_prefix(product, run)}/spec.json"))
    return found


def config_of(spec: Mapping[str, Any], declared: TrainingConfig) -> TrainingConfig:
    """The declaration of a spec. What a spec does not hold (money, time, triggers) is that of ``declared``.

    Raises InvalidRequest for a spec of another format.
    """
    if spec.get("format") != RUN_SPEC_FORMAT:
        raise InvalidRequest(f"the run's spec is of format {spec.get('format')}; {RUN_SPEC_FORMAT} runs")
    data = spec["training_set"]
    document = {
        **{name: spec[name] for name in SAME},
        **{name: data[name] for name in ("feature_set", "features", "label")},
        "budget_usd_per_month": declared.budget_usd_per_month,
        "timeout_seconds": declared.timeout_seconds,
    }
    return replace(TrainingConfig.from_document(document), triggers=declared.triggers)
