"""The command's composition root: the tree of commands, the invocation they share, and errors as exit codes.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted; a command may have more of its own.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.client import Transport, reach_loopback_directly, urllib_transport
from headgate.cli.commands import (
    data,
    diff,
    engines,
    erase,
    experiments,
    feature_garbage,
    features,
    garbage,
    governance,
    history,
    models,
    naming,
    platform,
    products,
    publication,
    quarantine,
    releases,
    reproduce,
    runs,
    serving,
    training_set,
)
from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import Invocation, boto3_session
from headgate.cli.output import Output
from headgate.cli.state import home_of
from headgate.domain.errors import AccessDenied, HeadgateError

JSON_FLAG = "--json"
WIDE = 200  # columns where no terminal says its width: what reads along should not meet broken words
Command = Callable[..., None]
FIRST: tuple[Command, ...] = (
    platform.up,
    platform.down,
    platform.status,
    platform.deploy,
    platform.login,
    data.drop,
)
SINGLE: tuple[Command, ...] = (
    reproduce.reproduce,
    reproduce.reproductions,
    serving.predict,
    serving.trace,
    platform.logs,
)
LAST: tuple[Command, ...] = (governance.costs, experiments.budget, governance.monitoring, platform.doctor)


@cache
def commands() -> Any:
    """The tree of commands, parsed once: that takes longer than most commands. It is run with ``obj``, which
    turns the ``--as`` option into the invocation.
    """
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False
    )

    @app.callback()
    def root(
        context: typer.Context,
        as_json: Annotated[
            bool, typer.Option(JSON_FLAG, help="One JSON document on standard output; anywhere in the line.")
        ] = False,
        name: Annotated[str | None, typer.Option("--as", help="Act as this logged-in person.")] = None,
    ) -> None:
        """Governed data products, serverless: drop a file, get a model and traceable predictions."""
        del as_json  # read from the whole line, before Typer sees it
        context.obj = context.obj(name)

    for command in FIRST:
        app.command()(command)
    app.add_typer(products.app, name="product")
    for group in (history, diff, naming, publication, garbage, training_set):
        for each in group.COMMANDS:
            data.data.command()(each)
    data.data.command("import")(engines.import_objects)
    data.data.command()(engines.rebuild_iceberg)
    data.data.add_typer(quarantine.app, name="quarantine")
    data.data.command()(erase.erase)
    data.data.command()(erase.erasures)
    app.add_typer(data.data, name="data")
    app.add_typer(data.data, name="dataset", hidden=True)
    for each in feature_garbage.COMMANDS:
        features.features.command()(each)
    app.add_typer(features.features, name="features")
    app.command()(runs.train)
    app.add_typer(runs.runs, name="runs")
    app.add_typer(experiments.experiments, name="experiments")
    for name, move in releases.COMMANDS.items():
        models.models.command(name)(move)
    models.models.command("reproduce")(reproduce.reproduce)
    app.add_typer(models.models, name="models")
    for command in SINGLE:
        app.command()(command)
    app.add_typer(governance.gate, name="gate")
    app.add_typer(governance.stage, name="stage")
    app.add_typer(governance.access, name="access")
    for command in LAST:
        app.command()(command)
    return typer.main.get_command(app)


def execute(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    out: Console,
    notes: Console,
    transport: Transport,
    session: Callable[..., Any] = boto3_session,
) -> int:
    """Runs one command line and returns its exit code."""
    given, as_json = take_flag(arguments)
    output = Output(out, notes, as_json)

    def make(name: str | None) -> Invocation:
        home = home_of(environ, folder)
        return Invocation(output, environ, folder, home, transport, session, name)

    try:
        code = commands()(list(given), prog_name="headgate", standalone_mode=False, obj=make)
        return code if isinstance(code, int) else 0
    except HeadgateError as error:
        return _failed(output, error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if hasattr(error, "format_message"):
            return _misused(output, error)
        if type(error).__module__.startswith("botocore"):
            return _failed(output, CommandFailed(f"AWS answered: {error}"))
        raise


def take_flag(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The line without ``--json``, wherever it stood before ``--``, and whether it stood there."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    head, tail = list(arguments[:end]), list(arguments[end:])
    return [a for a in head if a != JSON_FLAG] + tail, JSON_FLAG in head


def _failed(output: Output, error: HeadgateError) -> int:
    statement = getattr(error, "statement", None)
    document: dict[str, Any] = {
        "error": str(error),
        "type": getattr(error, "kind", None) or type(error).__name__,
    }
    if getattr(error, "code", None):
        document["status"] = error.code  # type: ignore[attr-defined]
    if statement or isinstance(error, AccessDenied):
        document["statement"] = statement

    def people(_: Console) -> None:
        output.notes.print(Text("error: ", style="bold red") + Text(str(error)))
        if statement:
            output.notes.print(Text(f"decided by {statement}", style="yellow"))

    if output.as_json and output.answered:  # the document is out already, and there is only one
        people(output.notes)
    else:
        output.answer(document, people)
    return 1


def _misused(output: Output, error: Any) -> int:
    """Usage errors of the argument parser, known by their ``format_message``."""
    document = {"error": error.format_message(), "type": "Usage"}

    def people(_: Console) -> None:
        command = getattr(getattr(error, "ctx", None), "command_path", "headgate")
        if error.format_message():  # a command without arguments has shown its help already
            output.notes.print(Text("usage: ", style="bold red") + Text(error.format_message()))
        output.notes.print(Text(f"`{command} --help` shows what it takes", style="dim"))

    output.answer(document, people)
    return int(getattr(error, "exit_code", 2))


def run() -> None:
    """The console script."""
    reach_loopback_directly(os.environ)
    code = execute(
        sys.argv[1:],
        environ=os.environ,
        folder=Path.cwd(),
        out=Console(highlight=False, width=None if sys.stdout.isatty() else WIDE),
        notes=Console(stderr=True, highlight=False, soft_wrap=True),
        transport=urllib_transport(),
    )
    sys.exit(code)
