"""The gates between a trained model and the registry. Pure; measuring is not its job."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.model import GateResult
from headgate.domain.training import TrainingConfig

MAX_PARITY_ERROR = 1e-5


def gate_results(config: TrainingConfig, metrics: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Every declared gate against what was measured. An undeclared gate is not checked; parity always is."""
    best = max(metrics["baselines"].values(), default=0.5)
    bounds = {"max_parity_error": MAX_PARITY_ERROR, **config.gates}
    measured = {
        "min_auc": metrics["auc"],
        "max_auc": metrics["auc"],
        "min_lift_over_baseline": metrics["auc"] - best,
        "max_parity_error": metrics["parity_max_abs_error"],
    }
    return tuple(_result(name, value, bounds[name]) for name, value in measured.items() if name in bounds)


def refusal(gates: Sequence[GateResult]) -> str:
    """The failed gates as a sentence: each names its value and its bound."""
    failed = [g for g in gates if not g.passed]
    return "; ".join(f"{g.name}: {g.value:.6g} is not {g.comparison} {g.bound:.6g}" for g in failed)


def _result(name: str, value: float, bound: float) -> GateResult:
    if name.startswith("min_"):
        return GateResult(name, bool(value >= bound), float(value), ">=", bound)
    return GateResult(name, bool(value <= bound), float(value), "<=", bound)
