"""The model card of a registered version: what registration measured and read itself, and, apart from that,
what the trainer claims. Owns its wording and layout; measures nothing. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain.markdown_table import table
from headgate.domain.model import GateResult, ModelVersion

CARD_FORMAT = "headgate.modelcard/1"
QUALITY = ("auc", "average_precision", "log_loss", "brier")
WORST_SEGMENTS = 10
_MEASURED = (
    *(*QUALITY, "rows", "positives", "window", "train_window", "skill", "baselines", "baseline_metrics"),
    *("calibration", "calibration_error", "segments", "champion", "tolerance", "parity_max_abs_error"),
    *("parity_max_rel_error", "parity_rows_out_of_tolerance"),
    *("size_mb", "latency_ms_p50", "latency_ms_p95"),
)


@dataclass(frozen=True)
class RunEvidence:
    """What is read of the run: its spec, and from its outputs the packages and machine it ran with, the
    trainer's own card and its metrics. The spec is the platform's, the rest is the trainer's word.
    """

    spec: Mapping[str, Any]
    environment: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def packages(self) -> Mapping[str, str]:
        found = self.environment.get("packages", {})
        return {str(name): str(version) for name, version in sorted(found.items())}


def card_document(version: ModelVersion, run: RunEvidence) -> dict[str, Any]:
    """The card as JSON. ``measured`` and ``gates`` are registration's own numbers, ``declared`` comes from
    the run spec, ``closure`` from the catalog; ``claims`` were made by the trainer and not checked.
    """
    spec = run.spec
    training_set = spec.get("training_set", {})
    return {
        "format": CARD_FORMAT,
        "model": version.model,
        "version": version.version,
        "product": version.product,
        "created_at": version.created_at,
        "digest": version.digest,
        "artifact": {
            "key": version.artifact_key,
            "sha256": version.artifact_sha256,
            "signature": version.signature,
        },
        "closure": None if version.closure is None else asdict(version.closure),
        "declared": {
            "trainer": spec.get("trainer"),
            "params": spec.get("params"),
            "seed": spec.get("seed"),
            "compute_class": spec.get("compute_class"),
            "label": training_set.get("label"),
            "features": training_set.get("features"),
            "split": spec.get("split"),
        },
        "measured": {name: version.metrics[name] for name in _MEASURED if name in version.metrics},
        "gates": [asdict(gate) for gate in version.gates],
        "claims": {
            "by": "the trainer; nothing under claims was checked",
            "limits": list(run.card.get("limits", ())),
            "threshold": run.metrics.get("threshold"),
            "backtest": run.metrics.get("backtest"),
            "importance": _importance(run.card),
            "environment": dict(run.environment),
        },
    }


def _importance(card: Mapping[str, Any]) -> dict[str, float]:
    return {
        str(each["name"]): float(each["importance"])
        for each in card.get("features", ())
        if "importance" in each
    }


def card_markdown(card: Mapping[str, Any], gates: Sequence[GateResult]) -> str:
    """The same, to read."""
    return "\n".join(
        [
            f"# {card['model']} version {card['version']}",
            "",
            f"Of the product {card['product']}, registered {card['created_at']}. Every number down to "
            "*What the trainer says* was taken by the platform from the artifact itself, through the serving "
            "runtime, on rows the model did not learn from.",
            "",
            *_results(card["measured"]),
            *_calibration(card["measured"]),
            *_segments(card["measured"]),
            *_gates(gates),
            *_made_of(card),
            *_claims(card["claims"]),
        ]
    )


def _results(measured: Mapping[str, Any]) -> list[str]:
    named = {"model": measured, **measured.get("baseline_metrics", {})}
    start, end = measured["window"]
    skill = measured.get("skill", {})
    lines = [
        "## Held-out results",
        "",
        *table(
            ["", "AUC", "average precision", "log loss", "Brier"],
            [[name, *(_number(values.get(key)) for key in QUALITY)] for name, values in named.items()],
        ),
    ]
    lines += [
        "",
        f"{measured.get('rows')} rows from {start} to {end} (UTC), {measured.get('positives')} positive.",
    ]
    if skill:
        lines.append(
            f"AUC over {skill.get('against')}: {_number(skill.get('value'))}, 95% between "
            f"{_number(skill.get('low'))} and {_number(skill.get('high'))}."
        )
    champion = measured.get("champion")
    if champion and champion["comparable"]:
        gain = champion["gain"]
        lines.append(
            f"Over version {champion['version']}, the champion then, on the same rows: "
            f"{_number(gain['value'])}, 95% between {_number(gain['low'])} and {_number(gain['high'])}."
        )
    return [*lines, ""]


def _calibration(measured: Mapping[str, Any]) -> list[str]:
    rows = [
        [_number(each["mean_score"]), _number(each["rate"]), str(each["rows"])]
        for each in measured.get("calibration", ())
    ]
    return ["## Calibration", "", *table(["mean score", "what happened", "rows"], rows), ""] if rows else []


def _segments(measured: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for column, found in measured.get("segments", {}).items():
        known = sorted((s for s in found if s["auc"] is not None), key=lambda s: float(s["auc"]))
        rows = [[s["value"], _number(s["auc"]), str(s["rows"])] for s in known[:WORST_SEGMENTS]]
        lines += [f"## By {column}, the worst first", "", *table([column, "AUC", "rows"], rows), ""]
    return lines


def _gates(gates: Sequence[GateResult]) -> list[str]:
    rows = [
        [g.name, f"{g.value:.6g} {g.comparison} {g.bound:.6g}", "passed" if g.passed else "failed", g.scope]
        for g in gates
    ]
    return ["## Gates", "", *table(["gate", "", "", "scope"], rows), ""]


def _made_of(card: Mapping[str, Any]) -> list[str]:
    closure, declared = card["closure"] or {}, card["declared"]
    rows = [
        [f"dataset {name}", f"v{found['ordinal']}", f"`{found['digest'][:12]}`"]
        for name, found in closure.get("datasets", {}).items()
    ]
    rows += [
        [f"features {closure.get('feature_set')}", "", f"`{str(closure.get('feature_version'))[:12]}`"],
        ["run", str(declared["trainer"]), f"`{str(closure.get('run'))[:12]}`"],
        ["code", "", f"`{str(closure.get('code_digest'))[:12]}`"],
        ["configuration", f"seed {declared['seed']}", f"`{str(closure.get('config_digest'))[:12]}`"],
        ["environment", "", f"`{closure.get('environment_digest')!s}`"],
        ["artifact", "model.onnx", f"`{card['artifact']['sha256']}`"],
    ]
    return ["## Made of", "", *table(["what", "", "digest"], rows), ""]


def _claims(claims: Mapping[str, Any]) -> list[str]:
    lines = ["## What the trainer says", "", "These are claims: the platform did not check them.", ""]
    lines += [f"- {sentence}" for sentence in claims["limits"]]
    threshold = claims["threshold"]
    if threshold:
        lines.append(
            f"- A row counts as positive from a score of {_number(threshold.get('value'))} "
            f"({threshold.get('choose')}, chosen on {threshold.get('chosen_on')})."
        )
    return [*lines, ""]


def _number(value: Any) -> str:
    return "" if value is None else f"{float(value):.4f}"
