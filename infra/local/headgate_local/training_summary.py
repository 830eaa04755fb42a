"""The training story's last word: one summary for people, and the same as build/demo-training.json.

Owns the form of both. Every number comes from the platform's own answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from headgate_local.demo_context import DemoContext
from headgate_local.demo_memory import MemorySampler
from headgate_local.demo_summary import checks_text, next_table, seconds_text
from headgate_local.training_watch import DIGITS

PARTS = (
    *("product", "model", "stage", "experiment", "two_persons", "live_at"),
    *("race", "spot", "twin", "reproductions"),
)
NEXT = (
    ("headgate train --follow", "a run, with its log"),
    ("headgate experiments start", "the search that training.yaml declares"),
    ("headgate models compare 1 2", "two versions side by side"),
    ("headgate models live-at TIME", "what was live, as one closure"),
    ("headgate reproduce model/late_arrival/1", "made again: identical, or what changed"),
)
Result = dict[str, Any]


def document(context: DemoContext, memory: MemorySampler, seconds: float) -> Result:
    """What build/demo-training.json holds."""
    return {
        **{part: context.found.get(part) for part in PARTS},
        "checks": [{"name": c.name, "passed": c.passed, "found": c.found} for c in context.checks],
        "seconds": {"total": round(seconds, 2), **context.board.seconds()},
        "peak_memory": {"mb": memory.peak_mb, "processes": memory.processes, "method": memory.method},
    }


def show(console: Console, result: Result, file: Path) -> None:
    """Prints the summary."""
    parts: list[RenderableType] = [
        _facts(result),
        Text(),
        _trials(result["experiment"]),
        Text(),
        _live(result["live_at"]),
        Text(),
        _verdicts(result["reproductions"]),
        Text(),
        checks_text(result),
        Text(),
        next_table(NEXT),
    ]
    console.print(Panel(Group(*parts), title="Headgate", title_align="left", padding=(1, 2)))
    console.print(Text(f"all of it: {file}", style="dim"))


def _facts(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    model, experiment = result["model"], result["experiment"]
    baselines = ", ".join(f"{name} {auc:.3f}" for name, auc in model["holdout_baselines"].items())
    table.add_row("champion", f"{model['name']} version 1, holdout AUC {model['holdout_auc']:.4f}")
    table.add_row("", f"against {baselines}")
    table.add_row("experiment", experiment["verdict"])
    for name, path in experiment["files"].items():
        table.add_row("" if name != "parallel.png" else "  pictures", path)
    persons, race, spot = result["two_persons"], result["race"], result["spot"]
    own = persons["own_proposal"]
    table.add_row("refused", f"{own['principal']}: promoting their own proposal, by {own['statement']}")
    table.add_row(
        "promoted", f"version {persons['version']}, {persons['proposed_by']} and {persons['promoted_by']}"
    )
    table.add_row(
        "race", f"{race['submitted']} at once: {race['accepted']} accepted, {race['refused']} refused"
    )
    table.add_row("", Text("; ".join(race["reasons"]), style="dim"))
    table.add_row("Spot", f"{spot['lost_because'].rstrip('.')} at iteration {spot['lost_at_iteration']}")
    table.add_row("", f"resumed from {spot['resumed_from']}, exit codes {spot['exit_codes']}")
    table.add_row("  sha256", spot["sha256"])
    table.add_row("  twin's", result["twin"]["sha256"])
    memory = result["peak_memory"]
    peak = f"{memory['mb']:,.0f} MB {memory['method']}" if memory["mb"] else memory["method"]
    table.add_row("seconds", seconds_text(result["seconds"]))
    table.add_row("took", f"{result['seconds']['total']:.0f} s, at most {peak}")
    return table


def _trials(experiment: Result) -> Table:
    """The experiment's trials, best first."""
    metric, trials = experiment["metric"], experiment["trials"]
    differ = [
        name for name in sorted(trials[0]["params"]) if len({str(t["params"].get(name)) for t in trials}) > 1
    ]
    spent = f"{experiment['seconds'] or 0:.0f} s of compute, ${experiment['cost_usd'] or 0:.4f}"
    title = f"{len(trials)} trials, {spent}"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for heading in ("run", *differ, metric, "config", "environment"):
        table.add_column(heading, justify="right" if heading in (*differ, metric) else "left")
    for trial in sorted(trials, key=lambda t: -(t[metric] or 0)):
        style = "bold green" if trial["best"] else ""
        cells = [trial["run"][:DIGITS], *(str(trial["params"].get(name)) for name in differ)]
        cells += [f"{trial[metric]:.4f}" if trial[metric] is not None else trial["state"].lower()]
        made_of = [str(trial["digests"][name]) for name in ("config", "environment")]
        cells += [digest.rpartition(":")[2][:DIGITS] for digest in made_of]
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def _live(live_at: Result) -> Table:
    table = Table(box=None, pad_edge=False, title="what was live", title_justify="left")
    for heading in ("asked for", "release", "what"):
        table.add_column(heading, overflow="fold")
    for answer in (live_at["first"], *live_at["answers"]):
        table.add_row(
            f"{answer['when']}\n{answer['at'][:23]}",
            f"{answer['release']} ({answer['kind']})",
            answer["told"],
        )
    return table


def _verdicts(reproductions: Result) -> Table:
    table = Table(box=None, pad_edge=False, title="made again", title_justify="left")
    for heading in ("changed", "verdict", "named", "was", "is"):
        table.add_column(heading, overflow="fold")
    for name, record in reproductions.items():
        verdict = record["verdict"]
        if not verdict["reasons"]:
            table.add_row("nothing" if name == "recorded" else name, verdict["state"], verdict["note"])
        for reason in verdict["reasons"]:
            what = f"{reason['kind']}: {reason['what']}"
            was, found = (str(reason[side])[:DIGITS] for side in ("recorded", "found"))
            table.add_row(name, verdict["state"], what, was, found)
    return table
