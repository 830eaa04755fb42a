"""A diff of two versions on a terminal: what came in green, what went in red, what changed in between.

Owns how it looks, nothing of how it is asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headgate.cli.output import shown_value

Document = dict[str, Any]
CAME, WENT, CHANGED, DOUBLED = "green", "red", "yellow", "magenta"
WIDEST = 40
"""Cells are folded beyond that, so that one long text leaves its neighbours room."""
INDENT = 2
NULL = "NULL"
_SCHEMA = {"added": CAME, "removed": WENT}


def show_diff(console: Console, diff: Document) -> None:
    """All that is known of the diff, as the HTTP door tells it."""
    if diff["from"]["digest"] == diff["to"]["digest"]:
        console.print(f"no difference: both are v{diff['to']['ordinal']} of {diff['dataset']}")
        return
    _sides(console, diff)
    if diff["files"] is not None:
        _files(console, diff["files"])
    if diff["schema"]:
        _heading(console, "schema")
        _print(console, _schema(diff["schema"]))
    if diff["statistics"]:
        _heading(console, "statistics")
        _print(console, _statistics(diff["statistics"]))
    if diff["different"] is False:
        console.print(f"no difference: {_count(diff['unchanged'], 'row')}, the same in both")
    elif diff["rows"] is not None:
        _rows(console, diff)


def _sides(console: Console, diff: Document) -> None:
    grid = _grid("", "version", "branch", "rows", "files", "created")
    for name, style in (("from", WENT), ("to", CAME)):
        side = diff[name]
        cells = (f"v{side['ordinal']}", *(side[each] for each in ("branch", "rows", "files", "created_at")))
        grid.add_row(Text(name, style=style), *(_text(cell) for cell in cells))
    console.print(grid)


def _files(console: Console, files: Document) -> None:
    told = [
        f"{_count(files[name], 'file')} {what} ({_count(files[f'{name}_rows'], 'row')})"
        for name, what in (("shared", "shared"), ("removed", "gone"), ("added", "new"))
        if files[name]
    ]
    if files["removed"] or files["added"]:
        console.print(Text(", ".join(told), style="dim"))


def _schema(changes: Sequence[Document]) -> Table:
    grid = _grid("column", "change", "from", "to")
    for change in changes:
        style = _SCHEMA.get(change["kind"], CHANGED)
        told = change["kind"].replace("_", " ")
        grid.add_row(change["column"], Text(told, style=style), *_pair(change["before"], change["after"]))
    return grid


def _statistics(changes: Sequence[Document]) -> Table:
    names = ("nulls", "minimum", "maximum")
    grid = _grid("column", *names)
    for change in changes:
        before, after = change["before"] or {}, change["after"] or {}
        cells = [_moved(before.get(name), after.get(name), change) for name in names]
        grid.add_row(change["column"], *cells)
    return grid


def _moved(before: Any, after: Any, change: Document) -> Text:
    """``1 → 2`` where it differs; the value alone where it does not, or one version has no such column."""
    if change["before"] is None:
        return _text(after, CAME)
    if change["after"] is None:
        return _text(before, WENT)
    if before == after:
        return _text(after)
    return _text(before, WENT) + Text(" → ", style="dim") + _text(after, CAME)


def _rows(console: Console, diff: Document) -> None:
    rows, by = diff["rows"], f"rows by {', '.join(diff['key'])}" if diff["key"] else "rows"
    _heading(console, by)
    if diff["note"]:
        _print(console, Text(diff["note"], style="dim"))
    _print(console, _counts(rows, diff["unchanged"]))
    if rows["columns"]:
        columns = sorted(rows["columns"].items(), key=lambda each: (-each[1], each[0]))
        listed = ", ".join(f"{name} {count:,}" for name, count in columns)
        _print(console, Text(f"changed columns: {listed}", style="dim"))
    samples = rows["samples"]
    for kind, sign, style in (("added", "+", CAME), ("removed", "-", WENT)):
        if samples[kind]:
            _sample_heading(console, kind, rows[kind], sum(r["copies"] for r in samples[kind]))
            _print(console, _sample(console, samples[kind], diff["key"], sign, style))
    if samples["changed"]:
        _sample_heading(console, "changed", rows["changed"], len(samples["changed"]))
        _print(console, _changed(samples["changed"], diff["key"]))
    if samples["duplicates"]:
        _sample_heading(console, "keys that repeat", rows["duplicate_keys"], len(samples["duplicates"]))
        _print(console, _duplicates(samples["duplicates"], diff["key"]))


def _counts(rows: Document, unchanged: int) -> Text:
    told = [
        (f"+{rows['added']:,} added", CAME if rows["added"] else "dim"),
        (f"-{rows['removed']:,} removed", WENT if rows["removed"] else "dim"),
        (f"~{rows['changed']:,} changed", CHANGED if rows["changed"] else "dim"),
        (f"{unchanged:,} unchanged", "dim"),
    ]
    if rows["duplicate_keys"]:
        sides = f"{rows['duplicate_before']:,} → {rows['duplicate_after']:,} rows"
        told.append((f"{_count(rows['duplicate_keys'], 'key')} not unique ({sides})", DOUBLED))
    return Text("   ").join(Text(text, style=style) for text, style in told)


def _sample(console: Console, rows: Sequence[Document], key: Sequence[str], sign: str, style: str) -> Table:
    """As many columns as there is room for, those of the key first."""
    names = list(rows[0]["values"])
    ordered = [*(n for n in key if n in names), *(n for n in names if n not in key)]
    cells = {name: [_value(row["values"].get(name)) for row in rows] for name in ordered}
    fitting = list(_fitting(console.width - INDENT - 4, cells))
    copies = any(row["copies"] > 1 for row in rows)
    left = len(ordered) - len(fitting)
    grid = _grid("", *fitting, *(["copies"] if copies else []), *([f"{left} more"] if left else []))
    for n, row in enumerate(rows):
        extra = [*([f"×{row['copies']:,}"] if copies else []), *(["…"] if left else [])]
        grid.add_row(sign, *(cells[name][n] for name in fitting), *extra, style=style)
    return grid


def _fitting(room: int, cells: dict[str, list[str]]) -> Iterator[str]:
    for number, (name, values) in enumerate(cells.items()):
        room -= 2 + min(max(len(name), *(len(v) for v in values)), WIDEST)
        if number and room < len("99 more") * (number + 1 < len(cells)):
            return
        yield name


def _changed(rows: Sequence[Document], key: Sequence[str]) -> Table:
    grid = _grid("", *key, "column", "from", "to")
    for row in rows:
        start: list[Text | str] = [Text("~", style=CHANGED), *(_value(row["key"].get(name)) for name in key)]
        for name in row["after"]:
            before, after = _value(row["before"].get(name)), _value(row["after"][name])
            grid.add_row(*start, name, Text(before, style=WENT), Text(after, style=CAME))
            start = [""] * len(start)
    return grid


def _duplicates(rows: Sequence[Document], key: Sequence[str]) -> Table:
    grid = _grid("", *key, "rows before", "rows after")
    for row in rows:
        values = [_value(row["key"].get(name)) for name in key]
        grid.add_row(Text("!", style=DOUBLED), *values, f"{row['before_rows']:,}", f"{row['after_rows']:,}")
    return grid


def _grid(*headings: str) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        grid.add_column(heading, overflow="fold", max_width=WIDEST)
    return grid


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _sample_heading(console: Console, kind: str, total: int, some: int) -> None:
    told = f"{kind}, {some:,} of {total:,}" if some < total else kind
    console.print()
    _print(console, Text(told, style="bold"))


def _print(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, INDENT)))


def _pair(before: Any, after: Any) -> Iterable[Text]:
    return _text(before, WENT if after is None else ""), _text(after, CAME if before is None else "")


def _text(value: Any, style: str = "") -> Text:
    return Text(shown_value(value), style=style)


def _value(value: Any) -> str:
    """A value of a row: as it is, so that a digit more is seen; NULL is no empty text."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and value else repr(value)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
