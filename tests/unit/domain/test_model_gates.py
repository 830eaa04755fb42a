"""Gates: what is declared is compared, parity always is, and a refusal names value and bound."""

from typing import Any

import pytest
from headgate.domain.training import TrainingConfig
from headgate.services.models.model_gates import gate_results, refusal, refuses

from tests.support.small_product import bundle


def results(
    gates: dict[str, float], auc: float = 0.7, parity: float = 0.0, **measured: Any
) -> dict[str, Any]:
    config = TrainingConfig.from_document({**bundle()["training"], "gates": gates})
    metrics = {
        "auc": auc,
        "baselines": {"constant": 0.5, "hour": 0.65},
        "parity_max_abs_error": parity,
        "parity_rows_out_of_tolerance": 0,
        "size_mb": 2.0,
        "latency_ms_p95": 8.0,
        **measured,
    }
    return {gate.name: gate for gate in gate_results(config, metrics)}


@pytest.mark.parametrize(
    ("gates", "failing"),
    [
        ({}, []),
        ({"min_auc": 0.7}, []),
        ({"min_auc": 0.7001}, ["min_auc"]),
        ({"max_auc": 0.7}, []),
        ({"max_auc": 0.6999}, ["max_auc"]),
        ({"min_lift_over_baseline": 0.04}, []),
        ({"min_lift_over_baseline": 0.06}, ["min_lift_over_baseline"]),
        ({"min_auc": 0.9, "max_auc": 0.1}, ["min_auc", "max_auc"]),
        ({"min_gain_over_champion": 0.5}, []),
        ({"max_size_mb": 2.0, "max_latency_ms": 8.0}, []),
        ({"max_size_mb": 1.9, "max_latency_ms": 7.9}, ["max_size_mb", "max_latency_ms"]),
    ],
)
def test_a_bound_itself_passes(gates: dict[str, float], failing: list[str]) -> None:
    assert [name for name, gate in results(gates).items() if not gate.passed] == failing


def test_parity_is_checked_though_nobody_declared_it() -> None:
    assert list(results({})) == ["max_parity_error", "max_rows_out_of_tolerance"]
    assert not results({}, parity_rows_out_of_tolerance=1)["max_rows_out_of_tolerance"].passed
    assert not results({}, parity=1.1e-5)["max_parity_error"].passed
    assert results({}, parity=1e-5)["max_parity_error"].passed
    assert results({"max_parity_error": 1e-3}, parity=9e-4)["max_parity_error"].passed


def test_a_refusal_names_every_failed_gate_with_value_and_bound() -> None:
    gates = tuple(results({"min_auc": 0.75, "max_auc": 0.9}, parity=0.5).values())
    assert refusal(gates) == "min_auc: 0.7 is not >= 0.75; max_parity_error: 0.5 is not <= 1e-05"
    assert refuses(gates)


def compared(value: float, **changes: Any) -> dict[str, Any]:
    return {"champion": {"version": 4, "comparable": True, "gain": {"value": value}, **changes}}


@pytest.mark.parametrize(
    ("measured", "passed", "value"),
    [
        (compared(0.02), True, 0.02),
        (compared(0.019), False, 0.019),
        (compared(0.5, comparable=False), False, -1.0),
    ],
)
def test_too_small_a_gain_over_the_champion_refuses_nothing_and_is_on_record(
    measured: dict[str, Any], passed: bool, value: float
) -> None:
    gates = results({"min_gain_over_champion": 0.02}, **measured)
    gate = gates["min_gain_over_champion"]
    assert (gate.passed, gate.value, gate.scope) == (passed, value, "champion")
    assert gate.detail == "against version 4"
    assert not refuses(tuple(gates.values()))
    assert refusal(tuple(gates.values())) == ""
