"""`headgate features gc`: what no kept version of a feature set needs is found or deleted."""

from typing import Annotated

import typer

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.commands.features import Set
from headgate.cli.commands.garbage import COLUMNS, finished, tell
from headgate.cli.failures import CommandFailed
from headgate.cli.features_client import features_of


def gc(
    context: typer.Context,
    feature_set: Set = None,
    product: ProductOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only find what would go, and why.")] = False,
    keep_last: Annotated[int | None, typer.Option(min=1, help="Newest versions that are kept.")] = None,
    keep_days: Annotated[
        int | None, typer.Option(min=0, help="What was the newest within so many days is kept.")
    ] = None,
    grace_hours: Annotated[
        int | None, typer.Option(min=0, help="Objects younger than this are left alone.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 900.0,
) -> None:
    """Delete what no kept version of a feature set needs; beside running builds."""
    call = invocation(context)
    chosen = features_of(call.client(), call.product(product), feature_set)
    grace = None if grace_hours is None else grace_hours * 3600
    asked = {"keep_last": keep_last, "keep_days": keep_days, "grace_seconds": grace}
    record = chosen.collect(dry_run, {name: value for name, value in asked.items() if value is not None})
    again = f"headgate features collections {chosen.feature_set}"
    if wait:
        record = finished(chosen.collection, record, timeout, call.output, again)
    call.output.answer(record, lambda console: tell(console, chosen.feature_set, record))
    if record["state"] == "failed":
        raise CommandFailed(f"collection {record['id']} failed: {record['problem']}")


def collections(
    context: typer.Context,
    feature_set: Set = None,
    name: Annotated[str | None, typer.Argument(help="The id of one, to see what it found.")] = None,
    product: ProductOption = None,
) -> None:
    """Collections of a feature set's garbage, and what became of them."""
    call = invocation(context)
    chosen = features_of(call.client(), call.product(product), feature_set)
    if name is not None:
        record = chosen.collection(name)
        call.output.answer(record, lambda console: tell(console, chosen.feature_set, record))
        return
    document = chosen.collections()
    none = f"no garbage of {chosen.feature_set} was collected"
    call.output.rows(document, document["collections"], COLUMNS, none)


COMMANDS = (gc, collections)
