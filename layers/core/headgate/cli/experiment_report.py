"""An experiment as one HTML page that needs nothing beside it: verdict, both plots, and every trial.

Owns how it looks. Whatever comes from a product is escaped; the page has no script and asks no server.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from headgate.cli.experiment_plots import learning_curves, named, parallel_coordinates, searched

Document = Mapping[str, Any]
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .5rem; text-align: left; white-space: nowrap }
tr.best { background: #fdecea; font-weight: 600 }
img { max-width: 100% }
code { font-size: 12px }
.wide { overflow-x: auto }
"""


def report(document: Document) -> str:
    """The page of an experiment as the API gives it (with its ``trials``)."""
    trials, metric = document["trials"], document["metric"]
    title = f"Experiment {document['id'][:12]} of {document['model']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(verdict(document))}</p>",
        _facts(document),
        _picture("Parameters and what they were worth", parallel_coordinates(trials, metric)),
        _picture("Learning curves", learning_curves(trials, metric)),
        "<h2>Trials</h2>",
        _trials(trials, metric),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def verdict(document: Document) -> str:
    """What came of it, in a sentence or two."""
    if document["state"] == "SUBMITTED":
        ended = sum(trial["state"] not in ("SUBMITTED", "RUNNING") for trial in document["trials"])
        return f"{ended} of {len(document['trials'])} trials have ended."
    if document["best_run"] is None:
        return f"No trial won: {document['reason']}."
    best = next(trial for trial in document["trials"] if trial["run"] == document["best_run"])
    value = (best.get("metrics") or {}).get(document["metric"])
    told = named(best, searched(document["trials"]))
    said = f"The best {document['metric']} is {_number(value)}, of {told}."
    if (version := document.get("model_version")) is not None:
        said += f" It is version {version} of {document['model']}."
    return f"{said} {_significance(document)}".strip()


def _significance(document: Document) -> str:
    found = document.get("significance") or {}
    if "low" not in found:
        return f"{document.get('reason') or ''}"
    beyond = "beyond chance" if found["low"] > 0 else "but not beyond chance"
    return (
        f"Against {found['against']} it gains {_number(found['value'])}, with 95% between "
        f"{_number(found['low'])} and {_number(found['high'])}: better {beyond}."
        if found["value"] > 0
        else f"It is not better than {found['against']}: the difference is {_number(found['value'])}."
    )


def _facts(document: Document) -> str:
    paid, held = _number(document.get("cost_usd")), _number(document["estimated_cost_usd"])
    facts = {
        "asked for by": document["submitted_by"],
        "because": document.get("purpose") or "",
        "from": document["created_at"],
        "to": document.get("finished_at") or "",
        "search": f"{document['method']}, {len(document['runs'])} trials, {len(document['array'])} computed",
        "compute": document["compute_class"],
        "seconds": _number(document.get("seconds")),
        "cost": f"{paid or 0} USD; {held} USD were reserved",
    }
    rows = [
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
        if value
    ]
    return f"<table>{''.join(rows)}</table>"


def _trials(trials: Sequence[Document], metric: str) -> str:
    """A row a trial, with the parameters that differ; what all have in common is said once."""
    names = searched(trials)
    others = sorted({name for trial in trials for name in trial.get("metrics") or {}} - {metric})
    digests = ("data", "code", "config", "environment")
    heads = ["run", "state", *names, metric, *others, "seconds", "USD", *digests]
    rows = [_row(trial, names, [metric, *others], digests) for trial in trials]
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
    table = f'<div class="wide"><table><tr>{cells}</tr>{"".join(rows)}</table></div>'
    common = sorted({name for trial in trials for name in trial.get("params") or {}} - {*names})
    return f"{table}<p>All have {escape(named(trials[0], common))}.</p>" if common else table


def _row(trial: Document, names: Sequence[str], metrics: Sequence[str], digests: Sequence[str]) -> str:
    params, measured = trial.get("params") or {}, trial.get("metrics") or {}
    made_of = trial.get("digests") or {}
    cells = [
        _code(trial["run"]),
        escape(trial["state"] if not trial.get("reason") else f"{trial['state']}: {trial['reason']}"),
        *(escape(str(params.get(name, ""))) for name in names),
        *(_number(measured.get(name)) for name in metrics),
        _number(trial.get("seconds")),
        _number(trial.get("cost_usd")),
        *(_code(made_of.get(name, "")) for name in digests),
    ]
    mark = ' class="best"' if trial.get("best") else ""
    return f"<tr{mark}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _picture(title: str, png: bytes) -> str:
    encoded = b64encode(png).decode("ascii")
    return f'<h2>{escape(title)}</h2><img alt="{escape(title)}" src="data:image/png;base64,{encoded}">'


def _code(digest: str) -> str:
    """People are shown 12 digits; the whole name is in the title."""
    short = digest.rpartition(":")[2][:12]
    return f'<code title="{escape(digest)}">{escape(short)}</code>' if digest else ""


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.6g}"
