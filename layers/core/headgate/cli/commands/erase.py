"""`headgate data erase`: a subject's rows are found or erased, and what became of it is told."""

import time
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.cli.client import ApiClient
from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.failures import CommandFailed
from headgate.cli.output import sheet, table

DONE = ("found", "erased", "failed")
COLUMNS = [
    ("id", "id"),
    ("asked", "requested_at"),
    ("dataset", "dataset"),
    ("by", "requested_by"),
    ("state", "state"),
    ("rows", "findings.rows"),
    ("predictions", "findings.prediction_rows"),
    ("reason", "reason"),
    ("problem", "problem"),
]
HELD = (
    ("rows", "rows"),
    ("files", "files"),
    ("versions", "versions"),
    ("dropped objects", "sources"),
    ("feature versions", "feature_versions"),
    ("models", "models"),
    ("prediction rows", "prediction_rows"),
    ("online rows", "online_rows"),
    ("refused drops", "quarantined"),
    ("diffs of versions", "diffs"),
    ("objects of other buckets", "external"),
    ("objects that could not be read", "unsearched"),
)
SHOWN = 8


def erase(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    key: Annotated[
        list[str],
        typer.Option(
            "--key", help="column=value; once for each column of the key, and again for the next subject."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why; it stays with the record.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only find what holds the rows.")] = False,
    product: ProductOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 900.0,
) -> None:
    """Erase a subject's rows from every version and from all that was made of them."""
    call = invocation(context)
    columns, values = subjects(key)
    if not dry_run and not reason.strip():
        raise CommandFailed("a --reason is needed; with --dry-run nothing is erased and none is asked for")
    client = call.client()
    record = client.erase(call.product(product), dataset, columns, values, reason, dry_run)
    if wait:
        record = _finished(client, record, timeout)
    call.output.answer(record, lambda console: _tell(console, record))
    if record["state"] == "failed":
        raise CommandFailed(f"erasure {record['id']} failed: {record['problem']}")


def erasures(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The id of one, to see all of it.")] = None,
    product: ProductOption = None,
) -> None:
    """What was asked to be erased, and what became of it."""
    call = invocation(context)
    if name is not None:
        record = call.client().erasure(call.product(product), name)
        call.output.answer(record, lambda console: _tell(console, record))
        return
    document = call.client().erasures(call.product(product))
    call.output.rows(document, document["erasures"], COLUMNS, "nothing was ever asked to be erased")


def subjects(given: list[str]) -> tuple[list[str], list[list[str]]]:
    """(columns, values of each subject): a column that comes again begins the next subject."""
    columns: list[str] = []
    found: list[dict[str, str]] = []
    for each in given:
        column, equals, value = each.partition("=")
        if not (column and equals and value):
            raise CommandFailed(f"{each!r} is no column=value")
        if not found or column in found[-1]:
            found.append({})
        if column not in columns:
            columns.append(column)
        found[-1][column] = value
    if short := next((s for s in found if len(s) != len(columns)), None):
        raise CommandFailed(f"a subject has {', '.join(short)} alone; the key is {', '.join(columns)}")
    return columns, [[subject[c] for c in columns] for subject in found]


def _finished(client: ApiClient, record: dict[str, Any], timeout: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while record["state"] not in DONE:
        if time.monotonic() >= deadline:
            raise CommandFailed(
                f"erasure {record['id']} is {record['state']} after {timeout:.0f} s; "
                f"`headgate data erasures {record['id']}` tells more, `headgate logs maintain` why"
            )
        time.sleep(0.5)
        record = client.erasure(record["product"], record["id"])
    return record


def _tell(console: Console, record: dict[str, Any]) -> None:
    shown = ("id", "dataset", "columns", "subjects", "state", "requested_by", "requested_at", "finished_at")
    console.print(sheet({name: record[name] for name in (*shown, "reason", "problem")}))
    found = record["findings"]
    rows = [{"what": what, **_counted(found[name])} for what, name in HELD if found[name]]
    if rows:
        console.print()
        console.print(table(rows, [("held the rows", "what"), ("how many", "count"), ("which", "which")]))
    if record["committed"]:
        console.print(f"\nthe branches show them no more since {_versions(record['committed'])}")


def _counted(value: Any) -> dict[str, Any]:
    if isinstance(value, int):
        return {"count": value}
    more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
    return {"count": len(value), "which": ", ".join(map(str, value[:SHOWN])) + more}


def _versions(ordinals: list[int]) -> str:
    return ", ".join(f"v{n}" for n in ordinals)
