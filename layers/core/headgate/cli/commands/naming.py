"""`headgate data tag|branch|merge|hold`: names of versions, and bringing branches together."""

from typing import Annotated

import typer

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.commands.history import Dataset, history_of
from headgate.cli.failures import CommandFailed

Message = Annotated[str, typer.Option("--message", "-m", help="What it is for.")]
BRANCH_COLUMNS = [
    ("branch", "name"),
    ("at", "head_ordinal"),
    ("began at", "base_ordinal"),
    ("by", "author"),
    ("created", "created_at"),
]
TAG_COLUMNS = [
    ("tag", "name"),
    ("version", "ordinal"),
    ("digest", "digest"),
    ("by", "author"),
    ("created", "created_at"),
    ("message", "message"),
]
HOLD_COLUMNS = [
    ("hold", "name"),
    ("version", "ordinal"),
    ("by", "author"),
    ("created", "created_at"),
    ("reason", "reason"),
]


def tag(
    context: typer.Context,
    dataset: Dataset,
    name: Annotated[str | None, typer.Argument(help="The tag; without it the tags are listed.")] = None,
    version: Annotated[str, typer.Argument(help="The version it means for good.")] = "main",
    product: ProductOption = None,
    message: Message = "",
) -> None:
    """Give a version a name that never moves, or list such names."""
    call, history = invocation(context), history_of(context, dataset, product)
    if name is None:
        document = history.names()
        call.output.rows(document, document["tags"], TAG_COLUMNS, f"{dataset} has no tag")
        return
    done = history.tag(name, version, message)
    call.output.answer(done, lambda console: console.print(f"{name} means v{done['ordinal']} of {dataset}"))


def branch(
    context: typer.Context,
    dataset: Dataset,
    name: Annotated[str | None, typer.Argument(help="The branch; without it they are listed.")] = None,
    version: Annotated[str, typer.Option("--from", help="The version it begins at.")] = "main",
    product: ProductOption = None,
    delete: Annotated[bool, typer.Option("--delete", "-d", help="Take the branch's name away.")] = False,
) -> None:
    """Begin a branch, take one away, or list them."""
    call, history = invocation(context), history_of(context, dataset, product)
    if name is None:
        if delete:
            raise CommandFailed("which branch? give its name")
        document = history.names()
        call.output.rows(document, document["branches"], BRANCH_COLUMNS, f"{dataset} has no version yet")
        return
    done = history.delete_branch(name) if delete else history.create_branch(name, version)
    what = "is gone; it stood at" if delete else "begins at"
    call.output.answer(
        done, lambda console: console.print(f"{name} of {dataset} {what} v{done['head_ordinal']}")
    )


def merge(
    context: typer.Context,
    dataset: Dataset,
    source: Annotated[str, typer.Argument(help="The branch (or any version) to bring in.")],
    into: Annotated[str, typer.Option("--into", help="The branch that gets it.")] = "main",
    product: ProductOption = None,
    message: Message = "",
) -> None:
    """Merge a branch into another, as a new version."""
    call = invocation(context)
    done = history_of(context, dataset, product).merge(source, into, message)
    version = done["version"]
    what = "holds" if done["changed"] else "held already"
    told = f"v{version['ordinal']} of {dataset}, on {into}, {what} {source}: {version['rows']:,} rows"
    call.output.answer(done, lambda console: console.print(told))


def hold(
    context: typer.Context,
    dataset: Dataset,
    name: Annotated[str | None, typer.Argument(help="The hold; without it they are listed.")] = None,
    version: Annotated[str, typer.Argument(help="The version that is kept.")] = "main",
    product: ProductOption = None,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why it is kept.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Keep it no longer.")] = False,
) -> None:
    """Keep a version from being collected, whatever its age; or release it, or list what is held."""
    call, history = invocation(context), history_of(context, dataset, product)
    if name is None:
        document = history.names()
        call.output.rows(document, document["holds"], HOLD_COLUMNS, f"nothing of {dataset} is held")
        return
    if not release and not reason:
        raise CommandFailed("a hold needs a reason: --reason TEXT")
    done = history.release(name) if release else history.hold(name, version, reason)
    what = "keeps no longer" if release else "keeps"
    call.output.answer(done, lambda console: console.print(f"{name} {what} v{done['ordinal']} of {dataset}"))


COMMANDS = (tag, branch, merge, hold)
