"""`headgate data gc`: what no kept version reaches is found or deleted, and what became of it is told."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.commands.history import Dataset, history_of
from headgate.cli.failures import CommandFailed
from headgate.cli.output import Output, table

POLL_SECONDS = 1.0
COLUMNS = [
    ("id", "id"),
    ("asked", "requested_at"),
    ("by", "requested_by"),
    ("dry run", "dry_run"),
    ("state", "state"),
    ("versions given up", "given_up"),
    ("objects", "objects"),
    ("bytes", "bytes"),
    ("deleted", "deleted"),
    ("problem", "problem"),
]
GARBAGE_COLUMNS = [("object", "key"), ("bytes", "bytes"), ("written", "last_modified"), ("why", "reason")]
KEPT_COLUMNS = [("kept", "ordinal"), ("because", "reason")]


def gc(
    context: typer.Context,
    dataset: Dataset,
    product: ProductOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only find what would go, and why.")] = False,
    keep_last: Annotated[int | None, typer.Option(min=1, help="Newest versions kept of each branch.")] = None,
    keep_days: Annotated[int | None, typer.Option(min=0, help="Versions of so many days are kept.")] = None,
    grace_hours: Annotated[
        int | None, typer.Option(min=0, help="Objects younger than this are left alone.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 900.0,
) -> None:
    """Delete what no kept version of a dataset reaches; beside running commits."""
    call, history = invocation(context), history_of(context, dataset, product)
    grace = None if grace_hours is None else grace_hours * 3600
    asked = {"keep_last": keep_last, "keep_days": keep_days, "grace_seconds": grace}
    record = history.collect(dry_run, {name: value for name, value in asked.items() if value is not None})
    if wait:
        again = f"headgate data collections {dataset}"
        record = finished(history.collection, record, timeout, call.output, again)
    call.output.answer(record, lambda console: tell(console, dataset, record))
    if record["state"] == "failed":
        raise CommandFailed(f"collection {record['id']} failed: {record['problem']}")


def collections(
    context: typer.Context,
    dataset: Dataset,
    name: Annotated[str | None, typer.Argument(help="The id of one, to see what it found.")] = None,
    product: ProductOption = None,
) -> None:
    """Collections of a dataset's garbage, and what became of them."""
    call, history = invocation(context), history_of(context, dataset, product)
    if name is not None:
        record = history.collection(name)
        call.output.answer(record, lambda console: tell(console, dataset, record))
        return
    document = history.collections()
    call.output.rows(document, document["collections"], COLUMNS, f"no garbage of {dataset} was collected")


def finished(
    look: Callable[[str], dict[str, Any]], record: dict[str, Any], timeout: float, output: Output, again: str
) -> dict[str, Any]:
    """The record once it is done, progress is noted as it comes; ``look`` shows it by its id. Raises
    CommandFailed at the deadline, which names the command ``again``.
    """
    deadline, told = time.monotonic() + timeout, ""
    while record["state"] not in ("done", "failed"):
        if time.monotonic() >= deadline:
            raise CommandFailed(
                f"collection {record['id']} is {record['state']} after {timeout:.0f} s; "
                f"`{again} {record['id']}` shows it, "
                "`headgate logs maintain` says more"
            )
        if (progress := _progress(record)) != told:
            told = progress
            output.note(progress)
        time.sleep(POLL_SECONDS)
        record = look(record["id"])
    return record


def _progress(record: dict[str, Any]) -> str:
    if record["state"] == "asked":
        return "asked for; waiting for the collector"
    if not record["objects"]:
        return "looking for what no version reaches, and waiting for what is under way"
    return f"deleted {record['deleted']:,} of {record['objects']:,} objects"


def tell(console: Console, dataset: str, record: dict[str, Any]) -> None:
    if record["state"] in ("asked", "running"):
        console.print(f"collection {record['id']} of {dataset}: {_progress(record)}")
        return
    verb = "would go" if record["dry_run"] else "given up"
    console.print(
        f"{record['given_up']:,} version(s) of {record['versions']:,} {verb}, "
        f"{record['objects']:,} object(s) of {record['scanned']:,}, {_size(record['bytes'])}"
    )
    if record["listed"]:
        console.print()
        console.print(table([_short(each) for each in record["listed"]], GARBAGE_COLUMNS))
        if record["objects"] > len(record["listed"]):
            left = record["objects"] - len(record["listed"])
            console.print(Text(f"and {left:,} more, in the lake at {record['report']}", style="dim"))
    if record["kept"]:
        console.print()
        console.print(table(record["kept"], KEPT_COLUMNS))


def _short(garbage: dict[str, Any]) -> dict[str, Any]:
    """The end of the key: all begin alike."""
    return {**garbage, "key": "/".join(garbage["key"].split("/")[-2:])}


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} bytes"
    size, unit = count / 1e3, "kB"
    for larger in ("MB", "GB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:,.1f} {unit}"


COMMANDS = (gc, collections)
