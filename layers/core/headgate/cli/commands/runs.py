"""`headgate train` and `headgate runs`: asking for training, runs, and what they print."""

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, chosen, invocation
from headgate.cli.failures import CommandFailed
from headgate.cli.run_log import pages, show_log
from headgate.cli.runs_client import RunsClient

runs = typer.Typer(no_args_is_help=True, help="Training runs.")
Run = Annotated[str | None, typer.Argument(help="The run's digest, or its start; the newest unless given.")]
COLUMNS = [
    ("run", "digest"),
    ("state", "state"),
    ("asked by", "trigger"),
    ("model", "model"),
    ("version", "model_version"),
    ("compute", "compute_class"),
    ("seconds", "seconds"),
    ("estimate $", "estimated_cost_usd"),
    ("cost $", "cost_usd"),
    ("created", "created_at"),
    ("reason", "reason"),
]
ENDED = ("REGISTERED", "REFUSED", "FAILED", "SUCCEEDED")
SOON = 0.5
CONSIDERED_WITHIN = 30.0
"""Seconds in which a request for training has become a run, or never will."""
REGISTERED_WITHIN = 120.0
"""Seconds in which a run whose job has ended becomes a version, or is refused."""


@runs.command("list")
def list_runs(context: typer.Context, product: ProductOption = None) -> None:
    """Runs, newest first."""
    call = invocation(context)
    document = RunsClient(call.client(), call.product(product)).all()
    none = "no run yet: training starts when a feature version covers the declared split"
    call.output.rows(document, document["runs"], COLUMNS, none)


@runs.command("show")
def show_run(context: typer.Context, run: Run = None, product: ProductOption = None) -> None:
    """One run."""
    call = invocation(context)
    found = RunsClient(call.client(), call.product(product)).all()["runs"]
    call.output.details(the_run(found, run))


@runs.command("logs")
def run_logs(
    context: typer.Context,
    run: Run = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Until the run ends.")] = False,
    product: ProductOption = None,
) -> None:
    """What a run prints, with a bar that shows how far it is."""
    call = invocation(context)
    client = RunsClient(call.client(), call.product(product))
    digest = the_run(client.all()["runs"], run)["digest"]
    if call.output.as_json:
        found = list(pages(lambda after: client.log(digest, after), follow))
        lines = [line for page in found for line in page["lines"]]
        call.output.answer({**found[-1], "lines": lines}, lambda _: None)
        return
    page = show_log(call.output.out, lambda after: client.log(digest, after), follow)
    if follow:
        _tell_end(call.output.out, _ended(client, digest, REGISTERED_WITHIN))
    elif page["ended"]:
        _tell_end(call.output.out, {**page, "digest": digest})


@runs.command("stop")
def stop_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's digest, or its start.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the run.")] = "stopped by hand",
    product: ProductOption = None,
) -> None:
    """Stop a run; what it took until then is paid for."""
    call = invocation(context)
    client = RunsClient(call.client(), call.product(product))
    digest = the_run(client.all()["runs"], run)["digest"]
    call.output.details(client.stop(digest, reason))


@runs.command("start", hidden=True)
def start(context: typer.Context, product: ProductOption = None) -> None:
    """The same as `headgate train`."""
    call = invocation(context)
    call.output.details(RunsClient(call.client(), call.product(product)).start())


def train(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the run has ended.")] = False,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Show what it prints until it ends.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 3600.0,
    product: ProductOption = None,
) -> None:
    """Ask for a training run on what there is now. Equal runs are one: what was trained before is found."""
    call = invocation(context)
    client = RunsClient(call.client(), call.product(product))
    before = {each["digest"]: each for each in client.all()["runs"]}
    asked = client.start()
    if not wait and not follow:
        call.output.details(asked)
        return
    run = _new_run(client, before)
    if follow and not call.output.as_json:
        show_log(call.output.out, lambda after: client.log(run["digest"], after), follow=True)
    ended = _ended(client, run["digest"], timeout)
    call.output.details(ended)
    if ended["state"] in ("FAILED", "REFUSED"):
        raise CommandFailed(f"run {ended['digest'][:12]} {ended['state'].lower()}: {ended['reason']}")


def the_run(found: list[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    """The newest run, or the one whose digest starts with ``wanted``. Raises CommandFailed."""
    if wanted is None:
        if not found:
            raise CommandFailed("there is no run yet; `headgate train` asks for one")
        return found[0]
    return chosen(found, wanted, "digest", "run", "headgate runs list")


def _tell_end(console: Console, run: dict[str, Any]) -> None:
    version = f", version {run['model_version']}" if run.get("model_version") else ""
    reason = f": {run['reason']}" if run.get("reason") else ""
    console.print(Text(f"run {run['digest'][:12]}: {run['state']}{version}{reason}", style="bold"))


def _new_run(client: RunsClient, before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The run that a request became: one that was not there, or was turned away before."""
    until = time.monotonic() + CONSIDERED_WITHIN
    while time.monotonic() < until:
        for each in client.all()["runs"]:
            if each != before.get(each["digest"]) and each["attempt"] != _attempt(before, each["digest"]):
                found: dict[str, Any] = each
                return found
        time.sleep(SOON)
    raise CommandFailed(
        "no new run came of it: what there is was trained before, or is not enough; `headgate runs list` "
        "shows the runs, and `headgate logs train` the reason"
    )


def _attempt(before: dict[str, dict[str, Any]], digest: str) -> int:
    return int(before[digest]["attempt"]) if digest in before else 0


def _ended(client: RunsClient, digest: str, timeout: float) -> dict[str, Any]:
    until, pause = time.monotonic() + timeout, SOON
    while (run := client.show(digest))["state"] not in ENDED or _between(run):
        if time.monotonic() > until:
            raise CommandFailed(f"run {digest[:12]} is {run['state']} after {timeout:g} s; it goes on")
        time.sleep(pause)
        pause = min(2 * pause, 5.0)
    return run


def _between(run: dict[str, Any]) -> bool:
    """A run that succeeded and is about to be registered; a trial of an experiment stays so."""
    return run["state"] == "SUCCEEDED" and run.get("experiment") is None
