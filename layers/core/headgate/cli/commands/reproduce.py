"""`headgate reproduce`: a registered model is made again, and what differs is told, kind by kind.

Exit codes beside those of every command: 3 the model differs, 4 it cannot be reproduced.
"""

import re
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.client import ApiClient, Document
from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.failures import CommandFailed
from headgate.cli.output import Output, table

POLL_SECONDS = 1.0
EXITS = {"identical": 0, "within tolerance": 0, "differs": 3, "cannot be reproduced": 4}
STYLES = {"identical": "bold green", "within tolerance": "bold green", "differs": "bold red"}
COLUMNS = [("what changed", "kind"), ("where", "what"), ("recorded", "recorded"), ("found", "found")]
LIST_COLUMNS = [
    ("id", "id"),
    ("asked", "requested_at"),
    ("by", "requested_by"),
    ("with", "against"),
    ("state", "state"),
    ("verdict", "verdict.state"),
    ("note", "verdict.note"),
    ("problem", "problem"),
]
_MODEL = re.compile(r"model/([^/]+)/([1-9][0-9]*)")


def reproduce(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="model/<name>/<version>, or the version alone.")],
    product: ProductOption = None,
    against: Annotated[
        str,
        typer.Option("--with", help="recorded: exactly what was; declared: code, config and seed of today."),
    ] = "recorded",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the verdict.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 7200.0,
) -> None:
    """Make a registered model again from what was recorded, and say whether it is the same, and why not."""
    call = invocation(context)
    client, name = call.client(), call.product(product)
    version = _version(client, name, model)
    record = client.reproduce(name, version, against)
    if wait:
        record = _finished(client, record, timeout, call.output)
    call.output.answer(record, lambda console: _tell(console, record))
    if record["state"] == "failed":
        raise CommandFailed(f"reproduction {record['id']} failed: {record['problem']}")
    raise typer.Exit(EXITS[record["verdict"]["state"]] if record["state"] == "judged" else 0)


def reproductions(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="model/<name>/<version>, or the version alone.")],
    name: Annotated[str | None, typer.Argument(help="The id of one, to see its verdict.")] = None,
    product: ProductOption = None,
) -> None:
    """Reproductions of a model version, and what came of them."""
    call = invocation(context)
    client, owner = call.client(), call.product(product)
    version = _version(client, owner, model)
    if name is not None:
        record = client.reproduction(owner, version, name)
        call.output.answer(record, lambda console: _tell(console, record))
        return
    document = client.reproductions(owner, version)
    none = f"version {version} was never made again; `headgate reproduce {model}` does it"
    call.output.rows(document, document["reproductions"], LIST_COLUMNS, none)


def _version(client: ApiClient, product: str, model: str) -> str:
    """The version that ``model`` means. Raises CommandFailed when the product's model is called otherwise."""
    found = _MODEL.fullmatch(model)
    version = found[2] if found else plain_version(model)
    if not version.isdigit():
        raise CommandFailed(f"{model!r} names no model version: model/<name>/<version> is needed")
    if found and (known := str(client.model(product, version)["model"])) != found[1]:
        raise CommandFailed(f"the model of product {product} is {known}, not {found[1]}")
    return version


def _finished(client: ApiClient, record: Document, timeout: float, output: Output) -> Document:
    """The record once it is done; each step is noted as it comes. Raises CommandFailed at the deadline."""
    deadline, told = time.monotonic() + timeout, ""
    product, version, name = record["product"], str(record["version"]), record["id"]
    while record["state"] not in ("judged", "failed"):
        if time.monotonic() >= deadline:
            raise CommandFailed(
                f"reproduction {name} is {record['state']} after {timeout:.0f} s; "
                f"`headgate reproductions {version} {name}` shows it, `headgate logs train` says more"
            )
        if (step := _step(record)) != told:
            told = step
            output.note(step)
        time.sleep(POLL_SECONDS)
        record = client.reproduction(product, version, name)
    return record


def _step(record: Document) -> str:
    steps = {
        "asked": "asked for; waiting for the platform",
        "rebuilding": f"reading what was recorded, and making its features again (job {record['job_id']})",
        "training": f"training again (run {record['run'][:12]})",
    }
    return steps[record["state"]]


def _tell(console: Console, record: Document) -> None:
    what = f"model/{record['model']}/{record['version']}"
    if record["state"] != "judged":
        told = record["problem"] or _step(record)
        console.print(Text(f"reproduction {record['id']} of {what}: {record['state']}; {told}"))
        return
    verdict = record["verdict"]
    state = str(verdict["state"])
    console.print(Text(f"{what}: ") + Text(state, style=STYLES.get(state, "bold yellow")))
    console.print(Text(verdict["note"]))
    if verdict["reasons"]:
        console.print()
        console.print(table(verdict["reasons"], COLUMNS))
        if verdict["more"]:
            console.print(Text(f"and {verdict['more']:,} more", style="dim"))
    if (scores := verdict["scores"]) is not None:
        console.print(Text(_scores(scores)))
    for unknown in verdict["unknown"]:
        console.print(Text(f"not compared: {unknown}", style="dim"))


def _scores(scores: dict[str, Any]) -> str:
    return (
        f"{scores['rows']:,} held-out scores, at most {scores['largest']:.3g} apart, "
        f"{scores['beyond']:,} by more than the tolerance"
    )
