"""`headgate data diff`: what differs between two versions, in the schema, the statistics and the rows."""

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.commands.history import Dataset, history_of
from headgate.cli.diff_view import show_diff
from headgate.cli.failures import CommandFailed
from headgate.cli.history_client import HistoryClient
from headgate.cli.output import Output

SOONEST, LATEST = 0.1, 1.0
"""Seconds between two looks: twice as many each time, for most diffs are small."""


def diff(
    context: typer.Context,
    dataset: Dataset,
    before: Annotated[
        str,
        typer.Argument(
            metavar="FROM", help="v12, main, a branch, a tag, a digest, or main@2026-11-23T08:00."
        ),
    ],
    after: Annotated[str, typer.Argument(metavar="TO", help="Likewise.")] = "main",
    product: ProductOption = None,
    key: Annotated[
        str | None,
        typer.Option(help="Columns that name a row, with commas; the contract's primary key unless given."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=100, help="Rows shown of each kind.")
    ] = 20,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when there is a difference.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the rows are compared.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 900.0,
) -> None:
    """What differs between two versions: schema, statistics, and rows by key."""
    call, history = invocation(context), history_of(context, dataset, product)
    if exit_code and not wait:
        raise CommandFailed("--exit-code needs the rows compared: leave --no-wait out")
    columns = [name.strip() for name in key.split(",")] if key is not None else None
    asked = history.diff(before, after, columns, limit)
    report = {**asked, **_known(_finished(history, asked, timeout, call.output))} if wait else asked
    call.output.answer(report, lambda console: _tell(console, report))
    if report["state"] == "failed":
        raise CommandFailed(f"the rows could not be compared: {report['problem']}")
    if exit_code and report["different"]:
        raise typer.Exit(1)


def _known(report: dict[str, Any]) -> dict[str, Any]:
    """What manifests tell was in the first answer; while rows are compared, a report does not repeat it."""
    return {name: value for name, value in report.items() if value is not None}


def _finished(
    history: HistoryClient, report: dict[str, Any], timeout: float, output: Output
) -> dict[str, Any]:
    """The report once it is done or failed. Raises CommandFailed at the deadline."""
    deadline, told, pause = time.monotonic() + timeout, "", SOONEST
    while report["state"] not in ("done", "failed"):
        if time.monotonic() >= deadline:
            raise CommandFailed(
                f"diff {report['id'][:12]} is {report['state']} after {timeout:.0f} s; the same command "
                "shows it later, `headgate logs maintain` says more"
            )
        if report["state"] != told:
            told = report["state"]
            output.note("asked for; waiting for a worker" if told == "asked" else "comparing the rows")
        time.sleep(pause)
        pause = min(2 * pause, LATEST)
        report = history.diff_report(report["id"])
    return report


def _tell(console: Console, report: dict[str, Any]) -> None:
    show_diff(console, report)
    if report["state"] in ("asked", "running"):
        console.print(Text(f"\nthe rows: {report['state']}; the same command shows them later", style="dim"))


COMMANDS = (diff,)
