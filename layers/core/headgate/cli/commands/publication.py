"""`headgate data pending|publish|reject`: what waits, and an approver's word on it."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.commands.history import Dataset, history_of
from headgate.cli.history_client import pending as read_pending
from headgate.cli.output import table

Version = Annotated[str | None, typer.Option("--version", help="The version that was looked at, such as v7.")]
COLUMNS = [
    ("dataset", "dataset"),
    ("version", "ordinal"),
    ("operation", "operation"),
    ("added rows", "added_rows"),
    ("bytes", "bytes"),
    ("checks", "verdict"),
    ("from", "origin"),
    ("since", "created_at"),
]


def pending(context: typer.Context, product: ProductOption = None) -> None:
    """Versions that wait for publication, with the results of their checks."""
    call = invocation(context)
    document = read_pending(call.client(), call.product(product))
    rows = [
        {**version, "dataset": each["dataset"], "verdict": _verdict(version), "origin": _origin(version)}
        for each in document["pending"]
        for version in each["versions"]
    ]

    def people(console: Console) -> None:
        if not rows:
            console.print(Text("nothing waits", style="dim"))
            return
        console.print(table(rows, COLUMNS))
        for each in document["pending"]:
            if each["total"] > len(each["versions"]):
                left = each["total"] - len(each["versions"])
                console.print(Text(f"and {left} older of {each['dataset']}", style="dim"))
        console.print(
            Text("`headgate data publish DATASET` or `headgate data reject DATASET --reason …`", style="dim")
        )

    call.output.answer(document, people)


def publish(
    context: typer.Context,
    dataset: Dataset,
    version: Version = None,
    product: ProductOption = None,
    message: Annotated[str, typer.Option("--message", "-m", help="It stands on the version.")] = "",
) -> None:
    """Publish what waits: it is merged into main."""
    call = invocation(context)
    done = history_of(context, dataset, product).publish(version, message)
    ordinal, rows = done["version"]["ordinal"], done["version"]["rows"]
    what = "is published" if done["changed"] else "was published before"
    told = f"v{ordinal} of {dataset} {what}: {rows:,} rows"
    call.output.answer(done, lambda console: console.print(told))


def reject(
    context: typer.Context,
    dataset: Dataset,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why.")],
    version: Version = None,
    product: ProductOption = None,
) -> None:
    """Drop what waits, with a reason."""
    call = invocation(context)
    done = history_of(context, dataset, product).reject(version, reason)
    told = f"what waited for {dataset} is dropped (v{done['version']['ordinal']} says why)"
    call.output.answer(done, lambda console: console.print(told))


def _verdict(version: dict[str, Any]) -> str:
    failed = [check["name"] for check in version["checks"] if not check["passed"]]
    return f"failed: {', '.join(failed)}" if failed else f"{len(version['checks'])} passed"


def _origin(version: dict[str, Any]) -> str:
    names = [source["key"].rsplit("/", 1)[-1] for source in version["sources"]]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


COMMANDS = (pending, publish, reject)
