"""Experiments on a terminal. Owns how they look, nothing of how they are asked for."""

from typing import Any

from rich.console import Console
from rich.text import Text

from headgate.cli.experiment_report import verdict
from headgate.cli.output import sheet, table

Document = dict[str, Any]
COLUMNS = [
    *(
        ("experiment", "id"),
        ("state", "state"),
        ("method", "method"),
        ("trials", "trials"),
        ("metric", "metric"),
    ),
    *(
        ("best run", "best_run"),
        ("version", "model_version"),
        ("cost $", "cost_usd"),
        ("created", "created_at"),
    ),
    ("reason", "reason"),
]
_FACTS = ("state", "model", "method", "metric", "direction", "compute_class", "submitted_by", "purpose")
_MONEY = ("estimated_cost_usd", "cost_usd", "seconds")


def experiment_row(experiment: Document) -> Document:
    return {**experiment, "trials": len(experiment["runs"])}


def show_experiment(console: Console, document: Document) -> None:
    """What was searched, what came of it, and a row a trial, the best first."""
    facts = {"experiment": document["id"], **{name: document.get(name) for name in (*_FACTS, *_MONEY)}}
    console.print(sheet({name: value for name, value in facts.items() if value not in (None, "")}))
    console.print()
    console.print(table(trial_rows(document), trial_columns(document)))
    if document["state"] != "SUBMITTED":
        console.print()
        console.print(Text(verdict(document), style="bold"))


def trial_rows(document: Document) -> list[Document]:
    """Trials by the metric, the best first; those without it, which failed or are at work, at the end."""
    metric, sign = document["metric"], -1 if document["direction"] == "max" else 1

    def place(trial: Document) -> tuple[bool, float]:
        value = (trial.get("metrics") or {}).get(metric)
        return value is None, 0.0 if value is None else sign * float(value)

    rows = sorted(document["trials"], key=place)
    return [{**row, "mark": "best" if row.get("best") else None} for row in rows]


def trial_columns(document: Document) -> list[tuple[str, str]]:
    """Only parameters that differ between trials are columns; the digests that do not are left out too."""
    params = sorted({name for trial in document["trials"] for name in trial.get("params") or {}})
    differ = [name for name in params if _differs(document, "params", name)]
    digests = [name for name in ("data", "code", "environment") if _differs(document, "digests", name)]
    others = [
        name for name in ("auc", "average_precision", "log_loss", "brier") if name != document["metric"]
    ]
    return [
        *(("run", "run"), ("", "mark"), ("state", "state")),
        *((name, f"params.{name}") for name in differ),
        *((name, f"metrics.{name}") for name in (document["metric"], *others)),
        *((name, f"digests.{name}") for name in ("config", *digests)),
        *(("seconds", "seconds"), ("cost $", "cost_usd"), ("version", "model_version"), ("reason", "reason")),
    ]


def _differs(document: Document, where: str, name: str) -> bool:
    return len({repr((trial.get(where) or {}).get(name)) for trial in document["trials"]}) > 1
