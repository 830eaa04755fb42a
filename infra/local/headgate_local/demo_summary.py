"""The demo's last word: one summary for people, and the same as build/demo.json.

Owns the form of both. Every number comes from the platform's own answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from headgate_local.demo_context import DemoContext
from headgate_local.demo_features import said_of_plan
from headgate_local.demo_memory import MemorySampler

NEXT = (
    ("make up", "the same platform, to explore; `make down` stops it"),
    ("headgate data log flights", "versions of a dataset"),
    ("headgate features show", "a feature version: its views, their tests, statistics"),
    ("headgate access decisions", "who was allowed what, and by which statement"),
    ("headgate trace PREDICTION", "any prediction back to its files"),
    ("sam build && sam deploy --guided", "the same template on AWS"),
)


def document(context: DemoContext, memory: MemorySampler, seconds: float) -> dict[str, Any]:
    """What build/demo.json holds."""
    found = context.found
    performance = found.get("performance", {})
    peak = {"mb": memory.peak_mb, "processes": memory.processes, "method": memory.method}
    return {
        "auc": performance.get("auc"),
        "baselines": performance.get("baselines"),
        "performance": performance,
        "product": found.get("product"),
        "plan": found.get("plan"),
        "built": found.get("built"),
        "parity": found.get("parity"),
        "tests": found.get("tests"),
        "versions": {"datasets": found.get("datasets"), "features": found.get("features")},
        "model": found.get("model"),
        "prediction_id": found.get("prediction", {}).get("id"),
        "prediction": found.get("prediction"),
        "trace": found.get("trace"),
        "refused": found.get("refused"),
        "drift": found.get("drift"),
        "gate": found.get("gate"),
        "cost": found.get("cost"),
        "checks": [{"name": c.name, "passed": c.passed, "found": c.found} for c in context.checks],
        "seconds": {"total": round(seconds, 2), **context.board.seconds()},
        "peak_memory": peak,
    }


def write(file: Path, result: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


def show(console: Console, result: dict[str, Any], file: Path) -> None:
    """Prints the summary."""
    parts: list[RenderableType] = [
        _facts(result),
        Text(),
        _predictions(result),
        Text(),
        checks_text(result),
        Text(),
        next_table(NEXT),
    ]
    console.print(Panel(Group(*parts), title="Headgate", title_align="left", padding=(1, 2)))
    console.print(Text(f"all of it: {file}", style="dim"))


def _facts(result: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    model, trace, versions = result["model"], result["trace"], result["versions"]
    baselines = ", ".join(f"{name} {auc:.3f}" for name, auc in result["baselines"].items())
    window = " to ".join(moment[:10] for moment in result["performance"]["window"])
    datasets = versions["datasets"].items()
    table.add_row("datasets", ", ".join(f"{n} v{d['ordinal']} ({d['rows']:,} rows)" for n, d in datasets))
    features = versions["features"]
    table.add_row("features", f"{features['feature_set']} v{features['ordinal']}, {features['rows']:,} rows")
    table.add_row("  plan", f"{result['plan']['stage'].title()}: {said_of_plan(result['plan'])}")
    tests = result["tests"]
    table.add_row("  leak tests", _tested(tests))
    parity = result["parity"]
    equal = f"{parity['equal']:,} of {parity['checked']:,} online rows equal"
    table.add_row("  parity", f"{equal}, {len(parity['views'])} views")
    table.add_row("model", f"{model['name']} version {model['version']}, run {model['run'][:12]}")
    table.add_row("AUC", Text(f"{result['auc']:.4f}", style="bold green") + Text(f"  against {baselines}"))
    table.add_row("", f"{result['performance']['rows']:,} flights, {window}")
    held = ", ".join(f"{name} {auc:.3f}" for name, auc in model["holdout_baselines"].items())
    table.add_row("  holdout", f"{model['holdout_auc']:.4f}  against {held}")
    drift = list(result["drift"]["psi"].items())[:4]
    table.add_row("drift (PSI)", ", ".join(f"{name} {psi:.2f}" for name, psi in drift))
    table.add_row("prediction", f"{result['prediction_id']}, asked by {result['prediction']['asked_by']}")
    table.add_row("traced to", f"{trace['key']} and {trace['sources'] - 1} more objects")
    table.add_row("  S3 version", str(trace["version_id"]))
    table.add_row("  sha256", f"{trace['sha256']}")
    refused = result["refused"]
    table.add_row("refused", f"{refused['principal']}: {refused['action']}, by {refused['statement']}")
    table.add_row("cost", f"${result['cost']['usd']:.6f} at AWS list prices")
    memory = result["peak_memory"]
    peak = f"{memory['mb']:,.0f} MB {memory['method']}" if memory["mb"] else memory["method"]
    table.add_row("seconds", seconds_text(result["seconds"]))
    table.add_row("took", f"{result['seconds']['total']:.0f} s, at most {peak}")
    return table


def _tested(tests: dict[str, Any]) -> str:
    leak, window = tests["leak"], tests["window"]
    tried = f"{leak['views']} of {leak['of']} views passed, {leak['instants']} instants"
    return f"{tried}; windows: {window['views']} of {window['of']} passed"


def seconds_text(seconds: dict[str, float]) -> str:
    """Of each act, those of a tenth of a second and more."""
    return ", ".join(
        f"{name} {spent:.1f}" for name, spent in seconds.items() if name != "total" and spent >= 0.1
    )


def _predictions(result: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, title="asked before, compared after", title_justify="left")
    for heading in ("flight", "scheduled (UTC)", "to", "score", "late?"):
        table.add_column(heading, justify="right" if heading == "score" else "left")
    for row in sorted(result["prediction"]["rows"], key=lambda r: -r["score"])[:6]:
        late = Text("late", style="red") if row["late"] else Text("on time", style="green")
        table.add_row(row["flight_id"], row["scheduled_at"][:16], row["dest"], f"{row['score']:.3f}", late)
    return table


def checks_text(result: dict[str, Any]) -> Text:
    """Every promise, and whether it was kept."""
    text = Text()
    for check in result["checks"]:
        mark, style = ("✓", "green") if check["passed"] else ("✗", "bold red")
        text.append(f"{mark} ", style=style).append(f"{check['name']}: {check['found']}\n")
    text.rstrip()
    return text


def next_table(commands: Iterable[tuple[str, str]]) -> Table:
    """Commands to go on with, and why."""
    table = Table(box=None, pad_edge=False, show_header=False, title="next", title_justify="left")
    for command, why in commands:
        table.add_row(Text(command, style="cyan"), Text(why, style="dim"))
    return table
