"""Where the columns of a feature version come from, on a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from headgate.cli.output import table

Document = dict[str, Any]
Told = tuple[str, str]
"""(dataset.column, subtype)"""


def show_lineage(console: Console, version: Document) -> None:
    """View by view; what decides all columns, or all of a view, is said once."""
    name = f"{version['feature_set']} v{version['ordinal']}"
    console.print(Text(f"{name}: where its columns come from", "bold"))
    traced = [column for column in version["columns"] if column["sources"] is not None]
    everywhere = _shared(traced)
    if everywhere:
        console.print(_decided("every column", everywhere))
    for view in dict.fromkeys(column["view"] for column in traced):
        console.print()
        _view(console, view, [column for column in traced if column["view"] == view], everywhere)
    if version["untraced"]:
        console.print()
    for view, why in version["untraced"].items():
        console.print(Text(f"{view}: {why}", style="yellow"))


def _view(console: Console, view: str, columns: Sequence[Document], everywhere: set[Told]) -> None:
    known = everywhere | _shared(columns)
    console.print(_decided(view, known - everywhere) if known > everywhere else Text(view, "bold"))
    rows = [
        {
            "name": column["name"],
            "direct": _text(_of(column, "DIRECT")) or "rows alone",
            "indirect": _text(_of(column, "INDIRECT") - known) or None,
        }
        for column in columns
    ]
    console.print(table(rows, [("column", "name"), ("made of", "direct"), ("and decided by", "indirect")]))


def _shared(columns: Sequence[Document]) -> set[Told]:
    return set.intersection(*(_of(column, "INDIRECT") for column in columns)) if columns else set()


def _of(column: Document, kind: str) -> set[Told]:
    return {(f"{s['dataset']}.{s['column']}", s["subtype"]) for s in column["sources"] if s["type"] == kind}


def _decided(what: str, sources: Iterable[Told]) -> Text:
    return Text.assemble((what, "bold"), " is decided by ", _text(sources))


def _text(sources: Iterable[Told]) -> str:
    """``weather.temp (aggregation), …``; a value as it is needs no word."""
    by_name: dict[str, list[str]] = {}
    for name, subtype in sorted(sources):
        by_name.setdefault(name, []).append(subtype.lower().replace("_", " "))
    return ", ".join(
        name if how == ["identity"] else f"{name} ({', '.join(how)})" for name, how in by_name.items()
    )
