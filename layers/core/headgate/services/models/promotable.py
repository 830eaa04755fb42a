"""Whether a version may take an alias, as far as its gates go. Pure; policy is another matter."""

from collections.abc import Mapping
from typing import Any

from headgate.domain.errors import PreconditionFailed
from headgate.domain.model import GateResult, ModelVersion


def require_registered(version: ModelVersion) -> None:
    """Raises PreconditionFailed for a version that failed a gate of registration."""
    _require(version, [gate for gate in version.gates if gate.scope == "register"])


def require_better(version: ModelVersion, champion: ModelVersion | None, margin: float | None) -> None:
    """Raises PreconditionFailed for a version that failed a gate against the champion there is.

    It was measured against the champion of its own time. Against a later one the stored numbers decide,
    where both are of one window; where they are not, nothing compares and the caller's word stands.
    """
    if champion is None:
        return
    if measured_against(version) == champion.version:
        _require(version, [gate for gate in version.gates if gate.scope == "champion"])
    elif margin is not None and version.metrics.get("window") == champion.metrics.get("window"):
        gain = version.metrics["auc"] - champion.metrics["auc"]
        _require(version, [gain_gate(gain, margin, champion.version)])


def measured_against(version: ModelVersion) -> int | None:
    """The champion that registration compared the version with."""
    compared: Mapping[str, Any] = version.metrics.get("champion") or {}
    return compared.get("version")


def gain_gate(gain: float, margin: float, champion: int) -> GateResult:
    detail = f"against version {champion}"
    return GateResult("min_gain_over_champion", gain >= margin, gain, ">=", margin, "champion", detail)


def _require(version: ModelVersion, gates: list[GateResult]) -> None:
    failed = [f"{gate.name} ({_said(gate)})" for gate in gates if not gate.passed]
    if failed:
        raise PreconditionFailed(f"{version.model} version {version.version} failed: {', '.join(failed)}")


def _said(gate: GateResult) -> str:
    compared = f"{gate.value} {gate.comparison} {gate.bound}"
    return f"{compared}, {gate.detail}" if gate.detail else compared
