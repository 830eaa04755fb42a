"""`headgate data quarantine`: refused drops are listed, shown, sent through ingest again, or discarded."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.cli.client import ApiClient
from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.drop import Dropped, drop_file, outcome_of
from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import Invocation

app = typer.Typer(invoke_without_command=True, help="Refused drops, and why.")
COLUMNS = [
    ("id", "id"),
    ("when", "created_at"),
    ("dataset", "dataset"),
    ("object", "key"),
    ("rule", "rule"),
    ("rows", "rows"),
    ("state", "state"),
    ("because", "closed_because"),
    ("reason", "reason"),
]
EVERY = 1000
Id = Annotated[str, typer.Argument(help="The id of the refused drop, or the start of it.")]


@app.callback()
def list_refused(
    context: typer.Context,
    product: ProductOption = None,
    dataset: Annotated[str | None, typer.Option(help="Of this dataset alone.")] = None,
    rule: Annotated[str | None, typer.Option(help="Refused for this rule alone.")] = None,
    state: Annotated[str | None, typer.Option(help="open, replayed or discarded.")] = None,
) -> None:
    """Refused drops, newest first, and why."""
    if context.invoked_subcommand is not None:
        return
    call = invocation(context)
    document = call.client().quarantine(call.product(product), dataset=dataset, rule=rule, state=state)
    call.output.rows(document, document["quarantine"], COLUMNS, "nothing was refused")


@app.command()
def show(context: typer.Context, name: Id, product: ProductOption = None) -> None:
    """One refused drop: the rule it failed, and some of the rows."""
    call = invocation(context)
    found = _found(call, call.product(product), name)
    call.output.details(call.client().quarantined(found["product"], found["dataset"], found["id"]))


@app.command()
def replay(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The id of the refused drop, or its start.")] = None,
    product: ProductOption = None,
    rule: Annotated[str | None, typer.Option(help="Every open drop refused for this rule.")] = None,
    dataset: Annotated[str | None, typer.Option(help="With --rule: of this dataset alone.")] = None,
    fixed: Annotated[
        Path | None, typer.Option(help="A corrected file to take in its place.", exists=True, dir_okay=False)
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it is a version or refused again.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 120.0,
) -> None:
    """Send refused drops through ingest again, under the contract that is applied now."""
    call = invocation(context)
    chosen = call.product(product)
    if (name is None) == (rule is None):
        raise CommandFailed("either an id or --rule is needed: `headgate data quarantine` lists them")
    if name is None or rule is not None:
        if fixed is not None:
            raise CommandFailed("--fixed stands for one refused drop; give its id instead of --rule")
        done = call.client().replay_rule(chosen, str(rule), dataset)
        call.output.details(done)
        return
    before = _found(call, chosen, name)
    stands_in = _dropped(call, before, fixed) if fixed else None
    sent = call.client().replay(chosen, before["dataset"], before["id"], _named(stands_in))
    if not wait:
        call.output.details(sent)
        return
    after = _settled(call.client(), before, stands_in, timeout)
    call.output.details({k: v for k, v in after.items() if k != "sample"})
    if after["state"] != "replayed":
        raise CommandFailed(f"refused again ({after['rule']}): {after['reason']}")


@app.command()
def discard(
    context: typer.Context,
    name: Id,
    reason: Annotated[str, typer.Option(help="Why; it stays with the record.")],
    product: ProductOption = None,
) -> None:
    """Close a refused drop for good; the object stays where it was dropped."""
    call = invocation(context)
    found = _found(call, call.product(product), name)
    call.output.details(call.client().discard(found["product"], found["dataset"], found["id"], reason))


def _found(call: Invocation, product: str, start: str) -> dict[str, Any]:
    entries = call.client().quarantine(product, limit=EVERY)["quarantine"]
    found: list[dict[str, Any]] = [entry for entry in entries if entry["id"].startswith(start)]
    if len(found) != 1:
        many = f"{len(found)} are called so" if found else "there is none"
        raise CommandFailed(f"no refused drop {start!r}: {many}; `headgate data quarantine` shows them")
    return found[0]


def _dropped(call: Invocation, refused: dict[str, Any], file: Path) -> Dropped:
    """Drops the corrected file as anyone would."""
    bucket = call.environ.get("HEADGATE_LANDING_BUCKET") or call.outputs()["LandingBucketName"]
    return drop_file(call.aws("dropper").client("s3"), bucket, refused["product"], refused["dataset"], file)


def _named(fixed: Dropped | None) -> dict[str, Any] | None:
    return {"key": fixed.key, "version_id": fixed.version_id, "bytes": fixed.bytes} if fixed else None


def _settled(
    client: ApiClient, before: dict[str, Any], fixed: Dropped | None, timeout: float
) -> dict[str, Any]:
    """The record once it is closed or was refused again, or that of the fixed file when it was refused.

    CommandFailed at the deadline.
    """
    deadline = time.monotonic() + timeout
    while True:
        now = client.quarantined(before["product"], before["dataset"], before["id"])
        if now["state"] != "open" or now["created_at"] != before["created_at"]:
            return now
        outcome = outcome_of(client, fixed) if fixed else None
        if outcome is not None and outcome["outcome"] == "quarantined":
            return now | {"rule": outcome["rule"], "reason": outcome["reason"]}
        if time.monotonic() >= deadline:
            raise CommandFailed(f"no answer after {timeout:.0f} s; see `headgate logs ingest`")
        time.sleep(0.5)
