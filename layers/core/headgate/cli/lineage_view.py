"""Where the columns of a feature version come from, on a terminal."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from headgate.cli.output import table

Document = dict[str, Any]
Told = tuple[str, str]
_COLUMNS = [("column", "name"), ("view", "view"), ("values of", "direct"), ("decided by", "indirect")]


def show_lineage(console: Console, version: Document) -> None:
    """What concerns every column is said once."""
    console.print(
        Text(f"{version['feature_set']} v{version['ordinal']}: where its columns come from", "bold")
    )
    traced = [column for column in version["columns"] if column["sources"] is not None]
    shared = set.intersection(*(_of(column, "INDIRECT") for column in traced)) if traced else set()
    if shared:
        console.print(Text.assemble(("every column is decided by ", "bold"), _text(shared)))
    rows = [
        {
            "name": column["name"],
            "view": column["view"],
            "direct": _text(_of(column, "DIRECT")) or None,
            "indirect": _text(_of(column, "INDIRECT") - shared) or None,
        }
        for column in traced
    ]
    if rows:
        console.print()
        console.print(table(rows, _COLUMNS))
    for view, why in version["untraced"].items():
        console.print(Text(f"{view}: {why}", style="yellow"))


def _of(column: Document, kind: str) -> set[Told]:
    """(dataset.column, subtype)"""
    return {(f"{s['dataset']}.{s['column']}", s["subtype"]) for s in column["sources"] if s["type"] == kind}


def _text(sources: Iterable[Told]) -> str:
    """``weather.temp (aggregation), …``; a value as it is needs no word."""
    by_name: dict[str, list[str]] = {}
    for name, subtype in sorted(sources):
        by_name.setdefault(name, []).append(subtype.lower().replace("_", " "))
    return ", ".join(
        name if how == ["identity"] else f"{name} ({', '.join(how)})" for name, how in by_name.items()
    )
