"""`headgate data log|show|rollback|restore`: what a dataset was, and making it so again."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.history_client import HistoryClient
from headgate.cli.output import sheet, table

Dataset = Annotated[str, typer.Argument(help="The dataset, or product/dataset.")]
Branch = Annotated[str, typer.Option("--branch", "-b", help="The branch that is moved.")]
LOG_COLUMNS = [
    ("version", "ordinal"),
    ("names", "names"),
    ("digest", "digest"),
    ("operation", "operation"),
    ("branch", "branch"),
    ("rows", "rows"),
    ("added", "added_rows"),
    ("files", "files"),
    ("bytes", "bytes"),
    ("by", "author"),
    ("created", "created_at"),
    ("collected", "collected_at"),
    ("message", "message"),
]
FILE_COLUMNS = [("file", "sha256"), ("rows", "rows"), ("bytes", "bytes"), ("made of", "source.key")]
CHECK_COLUMNS = [("check", "name"), ("severity", "severity"), ("passed", "passed"), ("failing rows", "rows")]
COLUMN_COLUMNS = [
    ("column", "name"),
    ("type", "type"),
    ("required", "required"),
    ("classification", "classification"),
    ("formerly", "former_names"),
]


def history_of(context: typer.Context, dataset: str, product: str | None) -> HistoryClient:
    """The history of ``dataset`` or ``product/dataset``."""
    call = invocation(context)
    owner, _, name = dataset.rpartition("/")
    return HistoryClient(call.client(), owner or call.product(product), name)


def log(
    context: typer.Context,
    dataset: Dataset,
    product: ProductOption = None,
    branch: Annotated[str | None, typer.Option("--branch", "-b", help="What led to this branch.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Versions shown.")] = 30,
    before: Annotated[int | None, typer.Option(help="Versions before this one.")] = None,
) -> None:
    """The versions of a dataset, newest first."""
    call = invocation(context)
    document = history_of(context, dataset, product).log(branch, before, limit)
    found = [_plain(each) for each in document["versions"]]

    def people(console: Console) -> None:
        if not found:
            console.print(Text(f"no version of {dataset} yet; `headgate drop {dataset} FILE`", style="dim"))
            return
        console.print(table(found, LOG_COLUMNS))
        if document.get("before"):
            console.print(Text(f"older ones: --before {document['before']}", style="dim"))

    call.output.answer(document, people)


def show(
    context: typer.Context,
    dataset: Dataset,
    version: Annotated[
        str, typer.Argument(help="v12, main, a branch, a tag, a digest, or main@2026-11-23T08:00.")
    ] = "main",
    product: ProductOption = None,
    files: Annotated[int, typer.Option(min=0, max=1000, help="How many files are listed.")] = 20,
) -> None:
    """One version: its files, its sources, its schema and its checks."""
    call = invocation(context)
    document = history_of(context, dataset, product).show(version, files)
    call.output.answer(document, lambda console: _show_version(console, document))


def rollback(
    context: typer.Context,
    dataset: Dataset,
    version: Annotated[str, typer.Argument(help="The version to show again: v12, a tag, a digest.")],
    product: ProductOption = None,
    branch: Branch = "main",
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; it stands on the new version.")] = "",
) -> None:
    """Show an earlier version again, as a new version; nothing is rewritten."""
    call = invocation(context)
    document = history_of(context, dataset, product).rollback(version, branch, reason)
    call.output.answer(document, lambda console: _told_rollback(console, dataset, branch, document))


def restore(
    context: typer.Context,
    dataset: Dataset,
    at: Annotated[str, typer.Option("--at", help="A time such as 2026-11-23T08:00, UTC.")],
    product: ProductOption = None,
    branch: Branch = "main",
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; it stands on the new version.")] = "",
) -> None:
    """Show again what a branch showed at a time, as a new version."""
    call = invocation(context)
    document = history_of(context, dataset, product).rollback(f"{branch}@{at}", branch, reason)
    call.output.answer(document, lambda console: _told_rollback(console, dataset, branch, document))


def _told_rollback(console: Console, dataset: str, branch: str, document: dict[str, Any]) -> None:
    version, target = document["version"], document["target"]
    if not document["changed"]:
        console.print(f"{branch} of {dataset} shows v{target['ordinal']} already, as v{version['ordinal']}")
        return
    console.print(
        f"v{version['ordinal']} of {dataset}, on {branch}, shows v{target['ordinal']} of "
        f"{target['created_at'][:16].replace('T', ' ')} again: {version['rows']:,} rows in "
        f"{version['files']:,} file(s)"
    )


def _show_version(console: Console, document: dict[str, Any]) -> None:
    apart = ("file_list", "checks", "schema", "note", "sources", "parents", "parent", "second_parent")
    facts = {k: v for k, v in document.items() if k not in apart}
    console.print(sheet(facts | {"parents": document["parents"]} | document.get("note", {})))
    if document["schema"]:
        console.print()
        console.print(table(document["schema"], COLUMN_COLUMNS))
    if document["checks"]:
        console.print()
        console.print(table(document["checks"], CHECK_COLUMNS))
    if document["file_list"]:
        console.print()
        console.print(table(document["file_list"], FILE_COLUMNS))
    if len(document["file_list"]) < document["files"]:
        left = document["files"] - len(document["file_list"])
        console.print(Text(f"and {left:,} more file(s): --files", style="dim"))


def _plain(version: dict[str, Any]) -> dict[str, Any]:
    """Main is where everybody looks: the column branch is for the others."""
    branch = None if version.get("branch") == "main" else version.get("branch")
    return {
        **version,
        "branch": branch,
        "names": version.get("names") or None,
        "collected_at": version.get("collected_at") or None,
        "message": version.get("message") or None,
    }


COMMANDS = (log, show, rollback, restore)
