"""`headgate models promote|propose|rollback|live-at|releases`: how a version comes to be live, and goes."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import Invocation
from headgate.cli.release_view import (
    PROPOSAL_COLUMNS,
    RELEASE_COLUMNS,
    release_row,
    show_live,
    show_release,
)
from headgate.cli.releases_client import ReleasesClient

Version = Annotated[str, typer.Argument(help="A number, or v3.")]
Why = Annotated[str, typer.Option(help="Why; it is kept with the move.")]
_TARGET = re.compile(r"(?P<version>v?[1-9][0-9]*)|release[ -]?(?P<number>[1-9][0-9]*)")


def promote(
    context: typer.Context,
    version: Version,
    product: ProductOption = None,
    alias: Annotated[str, typer.Option(help="champion or challenger.")] = "champion",
    reason: Why = "promoted by hand",
) -> None:
    """Move an alias to a version. Where the policy asks for two, someone else has proposed it before."""
    call = invocation(context)
    answer = call.client().promote(call.product(product), plain_version(version), alias, reason)
    call.output.details(answer)


def propose(
    context: typer.Context,
    version: Version,
    reason: Annotated[str, typer.Option(help="Why; who promotes it reads this.")],
    product: ProductOption = None,
) -> None:
    """Ask for a version to become champion."""
    call = invocation(context)
    call.output.details(_client(call, product).propose(plain_version(version), reason))


def withdraw(context: typer.Context, version: Version, product: ProductOption = None) -> None:
    """Take back the open proposal of a version."""
    call = invocation(context)
    call.output.details(_client(call, product).withdraw(plain_version(version)))


def proposals(context: typer.Context, product: ProductOption = None) -> None:
    """Proposals, newest first."""
    call = invocation(context)
    document = _client(call, product).proposals()
    call.output.rows(document, document["proposals"], PROPOSAL_COLUMNS, "nothing was proposed yet")


def rollback(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            help="A version that was live (3, v3), or release-2; what was live before unless given."
        ),
    ] = None,
    product: ProductOption = None,
    reason: Why = "rolled back by hand",
) -> None:
    """Go back to a release that was live: data, features, model, config and code as one."""
    call = invocation(context)
    release = _client(call, product).rollback(reason, **rollback_target(target))
    call.output.answer(release, lambda console: show_release(console, release))


def live_at(
    context: typer.Context,
    time: Annotated[
        str | None, typer.Argument(help="An instant, such as 2013-10-01T05:00Z; now unless given.")
    ] = None,
    product: ProductOption = None,
) -> None:
    """What was live at a time: the model, and everything it was made of."""
    call = invocation(context)
    document = _client(call, product).live(time)
    call.output.answer(document, lambda console: show_live(console, document))


def releases(context: typer.Context, product: ProductOption = None) -> None:
    """Every move of what is live, newest first."""
    call = invocation(context)
    document = _client(call, product).releases()
    rows = [release_row(each) for each in document["releases"]]
    call.output.rows(document, rows, RELEASE_COLUMNS, "nothing was live yet")


def rollback_target(target: str | None) -> dict[str, int]:
    """``{"version": 3}`` for 3 or v3, ``{"number": 2}`` for release-2, nothing for None.

    Raises CommandFailed.
    """
    found = _TARGET.fullmatch(target or "")
    if target is None:
        return {}
    if found is None:
        raise CommandFailed(f"{target!r} is neither a version (3, v3) nor a release (release-2)")
    if found["number"]:
        return {"number": int(found["number"])}
    return {"version": int(plain_version(found["version"]))}


def _client(call: Invocation, product: str | None) -> ReleasesClient:
    return ReleasesClient(call.client(), call.product(product))


COMMANDS: Mapping[str, Callable[..., None]] = {
    "promote": promote,
    "propose": propose,
    "withdraw": withdraw,
    "proposals": proposals,
    "rollback": rollback,
    "live-at": live_at,
    "releases": releases,
}
