"""What commands share: the invocation behind a Typer context, and the options that mean the same."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import Invocation

ProductOption = Annotated[
    str | None, typer.Option("--product", "-p", help="The product; by default the one applied last.")
]


def invocation(context: typer.Context) -> Invocation:
    found: Invocation = context.obj
    return found


def plain_version(text: str) -> str:
    """``v12`` as ``12``; anything else as it is."""
    return text[1:] if text[:1] == "v" and text[1:].isdigit() else text


def chosen(
    entries: Sequence[dict[str, Any]], wanted: str, number: str, what: str, listing: str
) -> dict[str, Any]:
    """The entry that ``wanted`` names: its number (12 or v12) or the start of its digest.."""
    plain = plain_version(wanted)
    exact = [entry for entry in entries if str(entry.get(number)) == plain]
    found = exact or [entry for entry in entries if str(entry.get("digest", "")).startswith(plain)]
    if len(found) != 1:
        many = f"{len(found)} are called so" if found else "there is none"
        raise CommandFailed(f"no {what} {wanted!r}: {many}; `{listing}` shows them")
    return found[0]
