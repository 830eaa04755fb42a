"""The model card to read: Markdown of the same document. Owns its wording and layout."""

from collections.abc import Mapping, Sequence
from typing import Any

FEATURES_SHOWN = 12
SEGMENTS_SHOWN = 12
_NAMES = {"auc": "AUC", "average_precision": "average precision", "log_loss": "log loss", "brier": "Brier"}
_TOLD = ("kind", "engine", "processes", "threads")


def card_markdown(card: Mapping[str, Any]) -> str:
    metrics = card["metrics"]
    lines = [
        *_head(card),
        *_data(card),
        *_results(metrics, card["parity"]),
        *_calibration(metrics),
        *_threshold(metrics["threshold"]),
        *_backtest(metrics["backtest"]),
        *_segments(metrics),
        *_features(card["features"]),
        *_environment(card["environment"]),
        *_section("Limits", [f"- {sentence}" for sentence in card["limits"]]),
    ]
    return "\n".join(lines)


def _head(card: Mapping[str, Any]) -> list[str]:
    trainer = card["trainer"]
    known = {"name", "params", "seed", "compute_class", "command", *_TOLD}
    facts = [
        f"{value} {name.replace('_', ' ')}" for name, value in trainer.items() if _plain(name, value, known)
    ]
    kind = str(trainer.get("kind") or trainer["name"])
    told = ", ".join([str(trainer.get("engine") or trainer["name"]), *facts])
    return [
        f"# {card['model']}",
        "",
        f"{kind[:1].upper()}{kind[1:]} ({told}) of the product {card['product']}, for the label "
        f"`{card['target']['label']}`. Run `{card['run']}`.",
        "",
    ]


def _plain(name: str, value: Any, known: set[str]) -> bool:
    """Counts, such as of trees or parameters, read well in a sentence; the rest is in the document."""
    return name not in known and isinstance(value, int) and not isinstance(value, bool)


def _data(card: Mapping[str, Any]) -> list[str]:
    data, embargo = card["data"], card["validation"]["embargo_hours"]
    windows = _table(
        ["window", "from", "to", "rows", "positives"],
        [_window_row(name, data[name]) for name in ("train", "holdout")],
    )
    gap = f" Training keeps {embargo:g} hours clear of the holdout." if embargo else ""
    verified = (
        f"Feature set `{data['feature_set']}`: {len(data['partitions'])} partitions, verified by sha256."
    )
    return _section("Data", [*windows, "", verified + gap])


def _results(metrics: Mapping[str, Any], parity: Mapping[str, Any]) -> list[str]:
    named = {"model": metrics["holdout"], **metrics["baselines"]}
    rows = [[name, *_cells(values)] for name, values in named.items()]
    lift = (
        f"Lift over the best baseline: {metrics['lift_over_best_baseline']:.4f} AUC. The artifact is off the "
        f"trained model by at most {parity['max_abs_error']:.1e} over {parity['rows']} rows."
    )
    return _section("Held-out results", [*_table(["", *_NAMES.values()], rows), "", lift])


def _calibration(metrics: Mapping[str, Any]) -> list[str]:
    summary = metrics["calibration"]
    bins = [
        [f"{b['mean_score']:.3f}", f"{b['rate']:.3f}", str(b["rows"])]
        for b in metrics["holdout"]["calibration"]
    ]
    line = f"Expected calibration error {summary['expected_error']:.4f}"
    if summary["slope"] is not None:
        line += f"; recalibration slope {summary['slope']:.3f}, intercept {summary['intercept']:.3f}"
    return _section("Calibration", [*_table(["mean score", "what happened", "rows"], bins), "", f"{line}."])


def _threshold(threshold: Mapping[str, Any] | None) -> list[str]:
    if threshold is None:
        return []
    keys = ("precision", "recall", "f1", "cost")
    rows = [
        [where, *(_number(threshold[part][key]) for key in keys)]
        for where, part in ((threshold["chosen_on"], "where_chosen"), ("holdout", "holdout"))
    ]
    said = (
        f"A score of {threshold['value']:.4f} or more counts as positive ({threshold['choose']}, chosen on "
        f"{threshold['chosen_on']} scores)."
    )
    return _section("Threshold", [said, "", *_table(["", *keys], rows)])


def _backtest(backtest: Mapping[str, Any] | None) -> list[str]:
    if backtest is None:
        return []
    rows = [
        [
            f"{w['test']['from']} to {w['test']['to']}",
            str(w["rows"]["train"]),
            str(w["rows"]["test"]),
            *_cells(w),
        ]
        for w in backtest["windows"]
    ]
    for name in ("mean", "spread"):
        if backtest[name]:
            rows.append([name, "", "", *_cells(backtest[name])])
    skipped = [
        f"- {w['test']['from']} to {w['test']['to']} was not measured: {w['skipped']}."
        for w in backtest["windows"]
        if "skipped" in w
    ]
    return _section(
        "Backtest", [*_table(["tested", "learnt from", "rows", *_NAMES.values()], rows), "", *skipped]
    )


def _segments(metrics: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for column, entries in sorted(metrics["segments"].items()):
        rows = [
            [
                e["value"],
                str(e["rows"]),
                str(e["positives"]),
                *(_number(e[k]) for k in ("auc", "log_loss", "brier")),
            ]
            for e in entries[:SEGMENTS_SHOWN]
        ]
        lines += [*_table([f"`{column}`", "rows", "positives", "AUC", "log loss", "Brier"], rows), ""]
        if len(entries) > SEGMENTS_SHOWN:
            lines += [f"{len(entries)} in all; the largest are shown.", ""]
    if not lines:
        return []
    lines.append(f"Segments of fewer than {metrics['segment_minimum_rows']} rows are measured together.")
    return _section("Segments", lines)


def _features(features: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [f["name"], f["kind"], f"{f['importance']:.1%}", f"{f['null_share']:.1%}"]
        for f in features[:FEATURES_SHOWN]
    ]
    table = _table(["feature", "kind", "importance", "null"], rows)
    return _section("Features", [*table, "", f"{len(features)} in all; the most important ones are shown."])


def _environment(environment: Mapping[str, Any]) -> list[str]:
    hardware = environment["hardware"]
    gpus = ", ".join(f"{g['count']} x {g['name']} (driver {g['driver']})" for g in hardware["gpus"])
    machine = f"{hardware['cpu']}, {hardware['threads']} of {hardware['cores']} cores used"
    return _section(
        "Environment",
        [
            f"Python {environment['python']} on {environment['machine']}, {len(environment['packages'])} "
            f"packages, digest `{environment['digest'][:12]}`. {machine}{', ' + gpus if gpus else ''}.",
        ],
    )


def _cells(values: Mapping[str, Any]) -> list[str]:
    return [_number(values.get(key)) for key in _NAMES]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _window_row(name: str, window: Mapping[str, Any]) -> list[str]:
    return [name, window["from"], window["to"], str(window["rows"]), f"{window['positive_rate']:.1%}"]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(header), _row(["---"] * len(header)), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    # A pipe in a segment's value would begin another cell.
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
