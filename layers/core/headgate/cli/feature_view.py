"""Feature versions, comparisons and online rows on a terminal. Owns how they look, nothing of how they are
asked for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headgate.cli.output import sheet, shown_value, table

Document = dict[str, Any]
GOOD, BAD, FAINT = "green", "red", "dim"
MOST_VALUES = 3
"""Frequent values of a column that are told by name."""
_BARS = "▁▂▃▄▅▆▇█"
_FACTS = {
    "version": "ordinal",
    "digest": "digest",
    "rows": "rows",
    "from": "min_event_time",
    "to": "max_event_time",
    "created": "created_at",
    "seconds": "seconds",
    "engine": "engine",
}


def built_of(record: Mapping[str, Any]) -> str | None:
    """``3/40``: the steps that were made for a version; None where it was not counted."""
    return f"{record.get('built', 0):,}/{record['steps']:,}" if record.get("steps") else None


def parity_of(record: Mapping[str, Any]) -> str | None:
    """``60/60``, or how many of the sample differ; None where no online row was new."""
    found = (record.get("parity") or {}).values()
    sums = {n: sum(v.get(n, 0) for v in found) for n in ("checked", "equal", "expired", "moved", "different")}
    if not sums["checked"]:
        return None
    if sums["different"]:
        return f"{sums['different']:,} differ"
    rest = [f"{sums[name]:,} {name}" for name in ("expired", "moved") if sums[name]]
    return f"{sums['equal']:,}/{sums['checked']:,}" + (f" ({', '.join(rest)})" if rest else "")


def show_version(console: Console, version: Document) -> None:
    heading = f"{version['feature_set']} v{version['ordinal']} of {version['product']}"
    console.print(Text(heading, style="bold"))
    facts: Document = {told: version.get(name) for told, name in _FACTS.items() if told != "version"}
    facts["steps built"] = built_of(version)
    facts["parity"] = parity_of(version)
    console.print(sheet({name: value for name, value in facts.items() if value is not None}))
    if not version.get("current", True):
        console.print(Text("the set is declared otherwise by now: the next build differs", style="yellow"))
    ordinals = version.get("input_ordinals", {})
    inputs = [
        {"dataset": name, "version": f"v{ordinals[name]}" if name in ordinals else None, "digest": digest}
        for name, digest in version.get("inputs", {}).items()
    ]
    console.print()
    console.print(table(inputs, [("built from", "dataset"), ("version", "version"), ("digest", "digest")]))
    console.print()
    console.print(_views(version["views"]))
    console.print()
    console.print(_columns(version["columns"], {view["name"] for view in version["views"]}))


def show_parity(console: Console, report: Document) -> None:
    result = report["result"]
    views = result["views"]
    counts = [(name, name) for name in ("checked", "equal", "expired", "moved", "different")]
    if not views:
        console.print(Text(f"{report['feature_set']} has no online view", style=FAINT))
        return
    told = [{**view, "note": view["note"] or None} for view in views]
    console.print(table(told, [("view", "view"), *counts, ("", "note")]))
    for view in views:
        if view["examples"]:
            _examples(console, view)
    different, checked = result["different"], result["checked"]
    found = f"{different:,} of {checked:,} differ" if different else f"{checked:,} checked, none differs"
    verdict = f"{found} from {report['feature_set']} v{result['version']}"
    console.print()
    console.print(Text.assemble(("✗ ", BAD) if different else ("✓ ", GOOD), verdict))


def show_row(console: Console, row: Document) -> None:
    entity = ", ".join(f"{name} {value}" for name, value in row["entity"].items())
    verdict = Text("usable", style=GOOD) if row["usable"] else Text(f"not usable: {row['why']}", style=BAD)
    console.print(Text.assemble((f"{row['view']}, {entity}: ", "bold"), verdict))
    if row["values"] is None:
        return
    cap = row["max_age_seconds"]
    facts = {
        "event time": row["event_time"],
        "known at": row["known_at"] if row["known_at"] != row["event_time"] else None,
        "age": None
        if row["age_seconds"] is None
        else f"{span(row['age_seconds'])}{f' of at most {span(cap)}' if cap is not None else ''}",
        "asked at": row["at"],
        "feature version": row["feature_version"],
    }
    console.print(sheet({name: value for name, value in facts.items() if value is not None}))
    console.print()
    values = [{"feature": name, "value": _value(value)} for name, value in row["values"].items()]
    console.print(table(values, [("feature", "feature"), ("value", "value")]))


def span(seconds: float) -> str:
    """``3d 4h``, ``12m 5s``: the two largest parts."""
    rest, parts = round(abs(seconds)), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    text = " ".join(parts[:2]) or "0s"
    return f"-{text}" if seconds < 0 and parts else text


def _views(views: list[Document]) -> Table:
    rows = [
        {
            **view,
            "online": "online" if view.get("online") else None,
            "how": "by partitions" if view["incremental"] else f"whole: {view['whole_because']}",
            "tested": _tested(view),
        }
        for view in views
    ]
    columns = [("view", "name"), ("rows", "rows"), ("partitions", "partitions"), ("", "online")]
    return table(rows, [*columns, ("tests", "tested"), ("built", "how")])


def _tested(view: Document) -> str | None:
    tests = view["tests"]
    passed = [test["name"] for test in tests if test["passed"]]
    told = [f"{len(passed)} of {len(tests)}: {', '.join(passed)}"] if tests else []
    timeless = [name for test in tests for name in test.get("always_known", ())]
    told += [f"{', '.join(timeless)} taken as known always"] if timeless else []
    return "; ".join([*told, *(["too large for leak and window"] if view.get("untested") else [])]) or None


def _columns(columns: list[Document], built: set[str]) -> Table:
    """A feature's role is its view; one that is not ``built`` is made of each request."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("column", "type", "role", "nulls", "", "values"):
        grid.add_column(heading, overflow="fold", justify="right" if heading == "nulls" else "left")
    for column in columns:
        found = column.get("statistics")
        view = column["view"] if column["view"] in built else f"{column['view']} (on demand)"
        role = column["role"] if column["role"] != "feature" else view
        told = (
            (None, "", "no statistics") if found is None else (_nulls(found), _bars(found), _summary(found))
        )
        grid.add_row(column["name"], column["type"], Text(role, style=FAINT), *(Text(t or "-") for t in told))
    return grid


def _nulls(found: Document) -> str:
    rows, nulls = found["rows"], found["nulls"]
    return "0" if not nulls else f"{nulls:,} ({nulls / rows:.1%})"


def _summary(found: Document) -> str:
    if found.get("masked"):
        return "(restricted)"
    if found["kind"] == "categorical":
        return ", ".join(_frequent(found)) or "-"
    if found["mean"] is None:
        return "-"
    mean, deviation, low, high = (number(found[name]) for name in ("mean", "deviation", "minimum", "maximum"))
    return f"{mean} ± {deviation}, {low} to {high}"


def _frequent(found: Document) -> Iterator[str]:
    total = sum(found["values"].values()) + found["others"]
    listed = list(found["values"].items())
    for value, count in listed[:MOST_VALUES]:
        yield f"{_value(value)} {count / total:.0%}"
    left = len(listed) - MOST_VALUES
    if left > 0 or found["others"]:
        rest = total - sum(count for _, count in listed[:MOST_VALUES])
        yield f"{'others' if found['others'] else f'{left:,} others'} {rest / total:.0%}"


def _bars(found: Document) -> str:
    """The shares of a histogram, the highest as a full block."""
    shares = found.get("shares") or []
    highest = max(shares, default=0)
    return "".join(_BARS[round(s / highest * (len(_BARS) - 1))] for s in shares) if highest > 0 else ""


def number(value: float) -> str:
    """Four digits that matter."""
    text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return text if "e" not in text else f"{value:.3g}"


def _examples(console: Console, view: Document) -> None:
    console.print()
    console.print(Text(f"{view['view']}: {len(view['examples'])} of {view['different']:,}", style="bold"))
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("key", "column", "the version has", "the store has"):
        grid.add_column(heading, overflow="fold")
    for example in view["examples"]:
        start = example["key"]
        for name, offline, online in _differing(example):
            grid.add_row(start, name, Text(offline, style=GOOD), Text(online, style=BAD))
            start = ""
    console.print(grid)


def _differing(example: Document) -> Iterator[tuple[str, str, str]]:
    offline, online = example["offline"], example["online"]
    if offline is None or online is None:
        had, has = ("no row" if side is None else "a row" for side in (offline, online))
        yield "", had, has
        return
    for name in dict.fromkeys([*offline, *online]):
        if offline.get(name) != online.get(name):
            yield name, _value(offline.get(name)), _value(online.get(name))


def _value(value: Any) -> str:
    """As it is, so that a digit more is seen; NULL is no empty text."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return value or "''"
    return shown_value(value) if isinstance(value, bool) else repr(value)
