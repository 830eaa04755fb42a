"""The gates between a trained model and the registry. Pure; measuring is not its job.

Gates of scope ``register`` refuse a version. The one of scope ``champion`` lets it be registered, and keeps
it from taking the champion's place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.model import GateResult
from headgate.domain.training import TrainingConfig
from headgate.services.models.promotable import gain_gate
from headgate.services.models.telling_features import said

MAX_PARITY_ERROR = 1e-5
LEAST_GAIN = -1.0
"""What stands for a gain that could not be measured: no difference of two AUCs is below."""


def gate_results(config: TrainingConfig, metrics: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Every declared gate against what was measured. An undeclared gate is not checked; parity always is."""
    best = max(metrics["baselines"].values(), default=0.5)
    bounds = {"max_parity_error": MAX_PARITY_ERROR, "max_rows_out_of_tolerance": 0.0, **config.gates}
    measured = {
        "min_auc": metrics["auc"],
        "max_auc": metrics["auc"],
        "min_lift_over_baseline": metrics["auc"] - best,
        "max_parity_error": metrics["parity_max_abs_error"],
        "max_rows_out_of_tolerance": metrics["parity_rows_out_of_tolerance"],
        "max_size_mb": metrics["size_mb"],
        "max_latency_ms": metrics["latency_ms_p95"],
    }
    told = {"max_auc": said(metrics.get("telling", ()))}
    results = [
        _result(name, value, bounds[name], told.get(name, ""))
        for name, value in measured.items()
        if name in bounds
    ]
    return (*results, *_over_champion(config, metrics.get("champion")))


def refuses(gates: Sequence[GateResult]) -> bool:
    """Whether a gate of registration failed."""
    return not all(gate.passed for gate in gates if gate.scope == "register")


def refusal(gates: Sequence[GateResult]) -> str:
    """The failed gates of registration as a sentence: each names its value and its bound."""
    failed = [g for g in gates if not g.passed and g.scope == "register"]
    return "; ".join(_said(gate) for gate in failed)


def _over_champion(config: TrainingConfig, compared: Mapping[str, Any] | None) -> list[GateResult]:
    margin = config.gates.get("min_gain_over_champion")
    if margin is None or compared is None:
        return []
    gain = compared["gain"]["value"] if compared["comparable"] else LEAST_GAIN
    return [gain_gate(float(gain), margin, compared["version"])]


def _said(gate: GateResult) -> str:
    sentence = f"{gate.name}: {gate.value:.6g} is not {gate.comparison} {gate.bound:.6g}"
    return f"{sentence} ({gate.detail})" if gate.detail else sentence


def _result(name: str, value: float, bound: float, detail: str) -> GateResult:
    if name.startswith("min_"):
        return GateResult(name, bool(value >= bound), float(value), ">=", bound, detail=detail)
    return GateResult(name, bool(value <= bound), float(value), "<=", bound, detail=detail)
