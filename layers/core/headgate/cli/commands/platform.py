"""`headgate up|down|status|deploy|login|logs|doctor`: the platform itself, on this machine or at AWS."""

import importlib
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import invocation
from headgate.cli.doctor import QUEUES, Finding, depth, examine
from headgate.cli.failures import NotSetUp
from headgate.cli.logs import FUNCTIONS, log_group, read_lines, told
from headgate.cli.output import sheet, table
from headgate.cli.state import repository
from headgate.cli.view_header import parse_duration

STANDARD_INPUT = "-"


def local_platform() -> Any:
    """The developer-only package that runs a platform here. Raises NotSetUp where it is not installed."""
    try:
        return importlib.import_module("headgate_local.platform")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("headgate_local"):
            raise
        raise NotSetUp(
            "this command runs in the repository's own environment; run `make setup` there"
        ) from error


def up(context: typer.Context) -> None:
    """Start the emulator, deploy the template, apply the flights product, and stay up."""
    call = invocation(context)
    state = local_platform().up(repository(call.folder), call.home, call.output.note)
    about = {
        "api": state.api_url,
        "endpoint": state.endpoint,
        "product": state.product,
        "logged in as": state.principal,
    }
    call.output.details(about)
    call.output.note("next: headgate status · headgate drop weather FILE --wait · headgate down")


def down(context: typer.Context) -> None:
    """Stop what `headgate up` started."""
    call = invocation(context)
    stopped = local_platform().down(call.home)
    said = "stopped" if stopped else "nothing was running"
    call.output.answer({"stopped": stopped}, lambda console: console.print(said))


def deploy(context: typer.Context) -> None:
    """Deploy the template again onto the running local platform, after a change."""
    call = invocation(context)
    state = local_platform().redeploy(repository(call.folder), call.home, call.output.note)
    call.output.details({"api": state.api_url, "stack": state.stack})


def login(
    context: typer.Context,
    name: Annotated[
        str, typer.Option("--as", help="alice, bob, carol or erin; or the name to keep --token under.")
    ] = "alice",
    token: Annotated[str | None, typer.Option(help="A bearer token; - reads it from standard input.")] = None,
) -> None:
    """Log in: by the local issuer, or with a token from elsewhere."""
    call = invocation(context)
    if token is None:
        call.local_state()
        given = local_platform().issue_token(call.home, name)
    else:
        given = sys.stdin.read().strip() if token == STANDARD_INPUT else token
    kept = call.home.save_token(name, given)
    call.remember(principal=name)
    call.output.details({"principal": name, "token": str(kept)})


def status(context: typer.Context) -> None:
    """Whether the platform answers, and what waits in its queues."""
    call = invocation(context)
    report: dict[str, Any] = {"api_url": call.api_url(), "principal": call.caller()}
    report |= _alive(call.anonymous().live)
    rows = []
    if call.state() is not None or call.environ.get("HEADGATE_STACK"):
        outputs, sqs = call.outputs(), call.aws("operator").client("sqs")
        for name in QUEUES:
            waiting, busy = depth(sqs, outputs[f"{name}QueueUrl"])
            rows.append(
                {
                    "queue": name,
                    "waiting": waiting,
                    "busy": busy,
                    "given_up": depth(sqs, outputs[f"{name}DlqUrl"])[0],
                }
            )
    columns = [("queue", "queue"), ("waiting", "waiting"), ("busy", "busy"), ("given up", "given_up")]

    def people(console: Console) -> None:
        console.print(sheet(report))
        if rows:
            console.print()
            console.print(table(rows, columns))

    call.output.answer({**report, "queues": rows}, people)


def _alive(ask: Any) -> dict[str, Any]:
    started = time.monotonic()
    ask()
    return {"alive": True, "milliseconds": round((time.monotonic() - started) * 1000)}


def logs(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help=f"{', '.join(FUNCTIONS)}, or job.")],
    since: Annotated[str, typer.Option(help="How far back: 90s, 30m, 6h, 2d.")] = "1h",
    errors: Annotated[bool, typer.Option("--errors", help="Only errors.")] = False,
    limit: Annotated[int, typer.Option(help="At most this many lines, the newest.")] = 200,
) -> None:
    """Logs of a function, or of the training jobs."""
    call = invocation(context)
    seconds = parse_duration(since)
    if seconds is None:
        raise typer.BadParameter(f"{since!r} is no duration; write 90s, 30m, 6h or 2d", param_hint="--since")
    group = log_group(call.stack(), function)
    lines = read_lines(call.aws("operator").client("logs"), group, time.time() - seconds)
    chosen = [line for line in lines if line.failed or not errors][-limit:]

    def people(console: Console) -> None:
        for line in chosen:
            clock = time.strftime("%H:%M:%S", time.localtime(line.time))
            style = "red" if line.failed else "yellow" if line.level == "WARNING" else ""
            text = told(line)
            if text:
                console.print(Text(f"{clock} {text}", style=style))
        if not chosen:
            console.print(Text(f"nothing in {group} since {since} ago", style="dim"))

    call.output.answer({"group": group, "lines": [line.to_document() for line in chosen]}, people)


def doctor(context: typer.Context) -> None:
    """Check Python, environments, endpoint, token, queues and versions."""
    call = invocation(context)
    findings = list(examine(call))
    call.output.answer(
        {"findings": [f.to_document() for f in findings]}, lambda console: _tell(console, findings)
    )
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def _tell(console: Console, findings: list[Finding]) -> None:
    for one in findings:
        mark = Text("ok  ", style="green") if one.well else Text("BAD ", style="bold red")
        console.print(
            mark
            + Text(f"{one.check}: {one.found}")
            + Text(f"  -> {one.to_do}" if one.to_do else "", style="yellow")
        )
