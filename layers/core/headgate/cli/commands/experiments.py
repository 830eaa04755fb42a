"""`headgate experiments`: searches over parameters, their results, and pictures of them."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, chosen, invocation
from headgate.cli.experiment_view import COLUMNS, experiment_row, show_experiment
from headgate.cli.experiments_client import ExperimentsClient
from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import Invocation

experiments = typer.Typer(no_args_is_help=True, help="Searches over a trainer's parameters.")
Experiment = Annotated[
    str | None, typer.Argument(metavar="[EXPERIMENT]", help="Its id, or its start; the newest unless given.")
]
Into = Annotated[Path, typer.Option("--out", help="Where to write; made when it is not there.")]
SOON, LATER = 0.5, 5.0
SUBMITTED_WITHIN = 60.0
"""Seconds in which a request has become an experiment, or never will."""


@experiments.command("list")
def list_experiments(context: typer.Context, product: ProductOption = None) -> None:
    """Experiments, newest first."""
    _, client = _client(context, product)
    call, document = invocation(context), client.all()
    rows = [experiment_row(each) for each in document["experiments"]]
    none = "no experiment yet; with a `search` in training.yaml, `headgate experiments start` begins one"
    call.output.rows(document, rows, COLUMNS, none)


@experiments.command("start")
def start_experiment(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="What for; it is kept with the experiment.")] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until all trials have ended.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 7200.0,
    product: ProductOption = None,
) -> None:
    """Try the configurations that training.yaml's `search` declares, as one Batch array job."""
    call, client = _client(context, product)
    before = {each["id"]: each["attempt"] for each in client.all()["experiments"]}
    asked = client.start(reason)
    if not wait:
        call.output.details(asked)
        return
    ended = _ended(call, client, _new(client, before), timeout)
    call.output.answer(ended, lambda console: show_experiment(console, ended))
    if ended["state"] in ("FAILED", "REFUSED"):
        raise CommandFailed(f"experiment {ended['id'][:12]} {ended['state'].lower()}: {ended['reason']}")


@experiments.command("show")
def show(context: typer.Context, experiment: Experiment = None, product: ProductOption = None) -> None:
    """One experiment: a row a trial, and whether the best may challenge."""
    call, client = _client(context, product)
    document = client.show(_the_experiment(client, experiment))
    call.output.answer(document, lambda console: show_experiment(console, document))


@experiments.command("plot")
def plot(
    context: typer.Context,
    experiment: Experiment = None,
    out: Into = Path(),
    product: ProductOption = None,
) -> None:
    """Write the parallel coordinates and the learning curves as PNG."""
    from headgate.cli.experiment_plots import learning_curves, parallel_coordinates

    call, client = _client(context, product)
    document = client.show(_the_experiment(client, experiment))
    trials, start = document["trials"], f"experiment-{document['id'][:12]}"
    pictures = {
        f"{start}-parallel.png": parallel_coordinates(trials, document["metric"]),
        f"{start}-curves.png": learning_curves(trials),
    }
    _written(call, out, pictures)


@experiments.command("report")
def report(
    context: typer.Context,
    experiment: Experiment = None,
    out: Into = Path(),
    product: ProductOption = None,
) -> None:
    """Write one HTML page with the table, the pictures and the verdict."""
    from headgate.cli import experiment_report

    call, client = _client(context, product)
    document = client.show(_the_experiment(client, experiment))
    page = experiment_report.report(document).encode()
    _written(call, out, {f"experiment-{document['id'][:12]}.html": page})


@experiments.command("stop")
def stop(
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Its id, or its start.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the experiment.")] = "stopped by hand",
    product: ProductOption = None,
) -> None:
    """End all trials that are still at work."""
    call, client = _client(context, product)
    call.output.details(client.stop(_the_experiment(client, experiment), reason))


def budget(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="Such as 2026-11; the present one unless given.")] = None,
    product: ProductOption = None,
) -> None:
    """What a month's training may cost, what is reserved, and what was spent."""
    call, client = _client(context, product)
    call.output.details(client.budget(month))


def _client(context: typer.Context, product: str | None) -> tuple[Invocation, ExperimentsClient]:
    call = invocation(context)
    return call, ExperimentsClient(call.client(), call.product(product))


def _the_experiment(client: ExperimentsClient, wanted: str | None) -> str:
    found = [{**each, "digest": each["id"]} for each in client.all()["experiments"]]
    if wanted is None:
        if not found:
            raise CommandFailed("there is no experiment yet; `headgate experiments start` begins one")
        return str(found[0]["id"])
    return str(chosen(found, wanted, "id", "experiment", "headgate experiments list")["id"])


def _new(client: ExperimentsClient, before: dict[str, int]) -> str:
    """The experiment that a request became: one that was not there, or was turned away before."""
    until = time.monotonic() + SUBMITTED_WITHIN
    while time.monotonic() < until:
        for each in client.all()["experiments"]:
            if before.get(each["id"]) != each["attempt"]:
                return str(each["id"])
        time.sleep(SOON)
    raise CommandFailed(
        "no new experiment came of it: the same search was done before, or the data is not enough; "
        "`headgate experiments list` shows what there is, and `headgate logs train` the reason"
    )


def _ended(call: Invocation, client: ExperimentsClient, experiment: str, timeout: float) -> dict[str, Any]:
    until, pause, last = time.monotonic() + timeout, SOON, ""
    while (found := client.show(experiment))["state"] == "SUBMITTED":
        done = sum(trial["state"] not in ("SUBMITTED", "RUNNING") for trial in found["trials"])
        if (told := f"{done} of {len(found['trials'])} trials have ended") != last:
            call.output.note(told)
            last = told
        if time.monotonic() > until:
            raise CommandFailed(f"experiment {experiment[:12]} is at work after {timeout:g} s; it goes on")
        time.sleep(pause)
        pause = min(2 * pause, LATER)
    return found


def _written(call: Invocation, folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    paths = [str(folder / name) for name in files]

    def people(console: Console) -> None:
        for path in paths:
            console.print(Text.assemble(("written ", "dim"), path))

    call.output.answer({"files": paths}, people)
