"""Model versions on a terminal: gates, comparison, signature. Owns how they look."""

from typing import Any

from rich.console import Console
from rich.text import Text

from headgate.cli.output import sheet, shown_value, table

Document = dict[str, Any]
GATE_COLUMNS = [
    *(("gate", "name"), ("passed", "passed"), ("value", "value"), ("", "comparison"), ("bound", "bound")),
    *(("keeps from", "scope"), ("", "detail")),
]
CHECK_COLUMNS = [("what", "name"), ("holds", "passed"), ("", "detail")]
_SIDES = [("", "name"), ("a", "a"), ("b", "b"), ("b - a", "difference")]
_CHANGES = [("what", "part"), ("", "name"), ("a", "a"), ("b", "b")]
_APART = ("gates", "signature", "closure", "metrics")


def show_version(console: Console, model: Document) -> None:
    """A version's own facts, its numbers, what it is made of, and its gates."""
    console.print(sheet({name: value for name, value in model.items() if name not in _APART}))
    plain = {n: v for n, v in (model.get("metrics") or {}).items() if not isinstance(v, list | dict)}
    for title, facts in (("measured", plain), ("made of", model.get("closure") or {})):
        if facts:
            console.print()
            console.print(sheet(facts, title))
    console.print()
    console.print(table(model.get("gates") or [], GATE_COLUMNS))


def show_comparison(console: Console, found: Document) -> None:
    a, b = found["a"], found["b"]
    console.print(Text(f"a is version {a['version']}, b version {b['version']}", style="bold"))
    if not found["same_window"]:
        windows = " and ".join(" to ".join(side["window"] or ("?",)) for side in (a, b))
        console.print(
            Text(f"measured on different windows, {windows}: numbers do not compare", style="yellow")
        )
    console.print(table(found["metrics"], _SIDES))
    if (gain := found["auc_difference"]) is not None:
        between = f"95% in [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        console.print(Text(f"AUC of b over a on the same rows: {gain['value']:+.4f}, {between}"))
    console.print()
    changed = [{**row, "a": _plain(row["a"]), "b": _plain(row["b"])} for row in found["changed"]]
    if changed:
        console.print(table(changed, _CHANGES))
    else:
        console.print(Text("made of the same data, features, code, config and libraries", style="dim"))


def show_verification(console: Console, found: Document) -> None:
    told = ("✓ what was signed", "green") if found["valid"] else ("✗ not what was signed", "bold red")
    console.print(Text.assemble(f"{found['model']} version {found['version']}: ", told))
    console.print(table(found["checks"], CHECK_COLUMNS))
    if found["signature"]:
        console.print(Text(f"{found['signature']['algorithm']} by {found['signature']['key']}", style="dim"))


def _plain(value: Any) -> str:
    """A dataset's version by its ordinal; anything else as it is."""
    if isinstance(value, dict) and "ordinal" in value:
        return f"v{value['ordinal']} {shown_value(value.get('digest'))}"
    return shown_value(str(value) if isinstance(value, dict) else value)
