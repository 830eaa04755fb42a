"""The experiment: alice asks for the search that training.yaml declares, and looks at what came of it.

Owns the pictures' files: build/demo-training/{parallel,curves}.png and experiment.html.
"""

from __future__ import annotations

from typing import Any

from headgate.cli.experiment_plots import learning_curves, parallel_coordinates
from headgate.cli.experiment_report import report, verdict

from headgate_local import training_watch
from headgate_local.demo_context import PRODUCT, DemoContext
from headgate_local.training_products import SEARCHED, apply
from headgate_local.training_watch import DIGITS

CONFIGURATIONS = 12


def search(context: DemoContext) -> str:
    """All trials are one array job, paid from one reservation."""
    apply(context, SEARCHED)
    asked = context.api("alice").call(
        "POST", f"/products/{PRODUCT}/experiments", {"reason": "which trees, and how fast they learn"}
    )
    found = training_watch.experiment(context, "search")
    trials, metric = found["trials"], found["metric"]
    kept = ("id", "state", "method", "metric", "best_run", "significance", "model_version", "job_id")
    context.found["experiment"] = {
        **{name: found[name] for name in (*kept, "cost_usd", "seconds", "submitted_by")},
        "reserved_usd": asked["estimated_cost_usd"],
        "verdict": verdict(found),
        "trials": [_row(trial, metric) for trial in trials],
        "files": _draw(context, found),
    }
    values = [trial["metrics"].get(metric) for trial in trials if trial["metrics"]]
    told = f"{len(values)} trials in one array job, {metric} {min(values):.4f} to {max(values):.4f}"
    _promise(context, found, told, len(values))
    return f"{told}; best {found['best_run'][:DIGITS]} is version {found['model_version']}"


def _promise(context: DemoContext, found: dict[str, Any], told: str, measured: int) -> None:
    """Twelve that differ in config, each with its digests, and an interval for the best."""
    digests = [trial["digests"] for trial in found["trials"]]
    twelve = measured == CONFIGURATIONS and len({each["config"] for each in digests}) == CONFIGURATIONS
    context.promise(f"an experiment of {CONFIGURATIONS} configurations", twelve, told)
    complete = all(each.get(part) for each in digests for part in ("data", "code", "config", "environment"))
    interval = found["significance"] or {}
    said = f"no interval: {interval.get('reason')}"
    if "low" in interval:
        said = (
            f"{interval['value']:+.4f} against {interval['against']}, "
            f"95% {interval['low']:+.4f} to {interval['high']:+.4f}"
        )
    context.promise(
        "every trial has its digests, and the best its interval", complete and "low" in interval, said
    )


def _row(trial: dict[str, Any], metric: str) -> dict[str, Any]:
    kept = ("run", "state", "params", "metrics", "seconds", "cost_usd", "digests", "best", "computed_here")
    return {**{name: trial.get(name) for name in kept}, metric: (trial.get("metrics") or {}).get(metric)}


def _draw(context: DemoContext, found: dict[str, Any]) -> dict[str, str]:
    """Pictures and page, as `headgate experiments plot` and `report` make them."""
    folder = context.place.home.folder
    folder.mkdir(parents=True, exist_ok=True)
    trials, metric = found["trials"], found["metric"]
    contents = {
        "parallel.png": parallel_coordinates(trials, metric),
        "curves.png": learning_curves(trials, metric),
        "experiment.html": report(found).encode("utf-8"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in contents}
