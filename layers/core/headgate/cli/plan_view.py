"""What a build of a feature set would make, on a terminal. Owns how it looks, not how it is asked for."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from headgate.cli.output import table

Document = dict[str, Any]
MOST_NAMES = 3
"""Partitions that are told by name at either end of a list."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


def show_plan(console: Console, plan: Document) -> None:
    name = plan["feature_set"]
    inputs = ", ".join(f"{dataset} v{ordinal}" for dataset, ordinal in plan["inputs"].items())
    console.print(
        Text.assemble((f"a build of {name}", "bold"), f" from {inputs or 'nothing'}, {plan['engine']}")
    )
    if plan["waiting"]:
        console.print(Text(f"waits: no version yet of {', '.join(plan['waiting'])}", style="yellow"))
        return
    if plan["unchanged"] is not None:
        told = f"nothing to build: v{plan['unchanged']} is of the newest inputs"
        console.print(Text.assemble(("✓ ", "green"), told))
        return
    training = {"view": "training table", "build": "join", "because": None, **plan["training"]}
    rows = [_row(view) for view in (*plan["views"], training)]
    columns = [("view", "view"), ("to build", "count"), ("reads", "size"), ("which", "which"), ("", "why")]
    console.print()
    console.print(table(rows, columns))
    console.print()
    stages = [_stage(stage) for stage in plan["stages"] if stage["tasks"]]
    places = [("stage", "stage"), ("makes", "makes"), ("where", "where"), ("tasks", "tasks")]
    if stages:
        console.print(table(stages, [*places, ("reads", "size"), ("about", "time"), ("USD", "usd")]))
        console.print()
    total = plan["total"]
    counts = f"{total['to_build']:,} of {total['partitions']:,} partitions, {size(total['bytes'])} to read"
    console.print(
        Text.assemble(
            ("in all ", "bold"), f"{counts}, about {seconds(total['seconds'])}, {usd(total['usd'])}"
        )
    )


def names_of(names: Sequence[str]) -> str | None:
    """``2013-01 … 2013-12``: the first and the last few."""
    if len(names) <= 2 * MOST_NAMES:
        return ", ".join(names) or None
    return f"{', '.join(names[:MOST_NAMES])} … {', '.join(names[-MOST_NAMES:])}"


def size(count: float) -> str:
    """``1.5 MB``: bytes in powers of 1,000."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:,.0f} {_UNITS[unit]}" if unit == 0 or count >= 99.5 else f"{count:.3g} {_UNITS[unit]}"


def seconds(count: float) -> str:
    return f"{count:.1f} s" if count < 100 else f"{count / 60:,.0f} min"


def usd(amount: float) -> str:
    """US dollars with two digits that matter at least."""
    if amount == 0:
        return "$0"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.2g}"


def _row(view: Document) -> Document:
    why = f"whole: {view['because']}" if view["because"] and view["to_build"] else None
    return {
        "view": view["view"],
        "count": f"{view['to_build']:,} of {view['partitions']:,}",
        "size": size(view["bytes"]) if view["to_build"] else None,
        "which": names_of(view["names"]),
        "why": why,
    }


def _stage(stage: Document) -> Document:
    many = f" of {stage['workers']:,} workers" if stage["workers"] > 1 else ""
    return {
        "stage": stage["stage"],
        "makes": ", ".join(stage["makes"]),
        "where": f"{stage['kind']}{many}",
        "tasks": stage["tasks"],
        "size": size(stage["bytes"]),
        "time": seconds(stage["seconds"]),
        "usd": usd(stage["usd"]),
    }
