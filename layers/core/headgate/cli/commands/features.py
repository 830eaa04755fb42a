"""`headgate features`: versions, builds, comparisons with the online store, and online rows."""

import re
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.failures import ApiRefused, CommandFailed
from headgate.cli.feature_view import built_of, parity_of, show_parity, show_row, show_version
from headgate.cli.features_client import Asked, FeaturesClient, features_of
from headgate.cli.invocation import Invocation
from headgate.cli.lineage_view import show_lineage
from headgate.cli.output import Output
from headgate.cli.plan_view import show_plan

features = typer.Typer(no_args_is_help=True, help="Feature versions, and the rows that predictions use.")
Set = Annotated[
    str | None,
    typer.Argument(metavar="[SET]", help="The feature set, or product/set; the only one unless given."),
]
Timeout = Annotated[float, typer.Option(min=0, help="Seconds to wait.")]
SOONEST, LATEST = 0.1, 1.0
"""Seconds between two looks: twice as many each time, for most builds are small."""
COLUMNS = [
    *(("set", "feature_set"), ("version", "ordinal"), ("digest", "digest"), ("rows", "rows")),
    *(
        ("built", "made"),
        ("parity", "compared"),
        ("from", "first"),
        ("to", "last"),
        ("created", "created_at"),
    ),
]
_LIMITS = (("first", "min"), ("last", "max"))
_VERSION = re.compile(r"latest|v?[0-9]{1,9}|[0-9a-f]{6,64}")


@features.command("list")
def list_features(context: typer.Context, product: ProductOption = None) -> None:
    """Feature versions, newest first."""
    call = invocation(context)
    document = call.client().features(call.product(product))
    rows = [_row(record) for record in document["features"]]
    none = "no feature version yet: it is built when every dataset it reads has a version"
    call.output.rows(document, rows, COLUMNS, none)


@features.command("show")
def show_features(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="VERSION|SET", help="v3, 3, a digest or latest; or a set: its newest version."
        ),
    ] = "latest",
    version: Annotated[str | None, typer.Argument(help="The version, after a set.")] = None,
    lineage: Annotated[bool, typer.Option("--lineage", help="Which columns each column comes from.")] = False,
    product: ProductOption = None,
) -> None:
    """One feature version: what it was built from, its views, and what its columns look like."""
    call = invocation(context)
    is_version = version is None and _VERSION.fullmatch(what) is not None
    chosen = features_of(call.client(), call.product(product), None if is_version else what)
    found = chosen.show(plain_version(what if is_version else version or "latest"))
    show = show_lineage if lineage else show_version
    call.output.answer(found, lambda console: show(console, found))


@features.command("build")
def build_features(
    context: typer.Context,
    feature_set: Set = None,
    product: ProductOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is built.")] = False,
    timeout: Timeout = 900.0,
) -> None:
    """Build a feature set of the newest version of every dataset it reads."""
    call, chosen = _chosen(context, feature_set, product)
    report = chosen.ask("builds")
    if wait:
        report = _finished(chosen, "builds", report, timeout, call.output)
        report = _handed_over(chosen, report, timeout, call.output)
    call.output.answer(report, lambda console: console.print(_built(report)))
    outcome = report["result"].get("outcome")
    if report["state"] == "failed":
        raise CommandFailed(f"{chosen.feature_set} was not built: {report['problem']}")
    if outcome == "waiting":
        raise CommandFailed(f"{chosen.feature_set} was not built: {report['result']['detail']}")


@features.command("plan")
def plan_features(context: typer.Context, feature_set: Set = None, product: ProductOption = None) -> None:
    """What a build would make now, where, and at what cost; nothing is built."""
    call, chosen = _chosen(context, feature_set, product)
    plan = chosen.plan()
    call.output.answer(plan, lambda console: show_plan(console, plan))


@features.command("parity")
def check_parity(
    context: typer.Context,
    feature_set: Set = None,
    product: ProductOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until all is compared.")] = True,
    timeout: Timeout = 900.0,
) -> None:
    """Compare all online rows with the newest version; exit code 1 when any differs."""
    call, chosen = _chosen(context, feature_set, product)
    report = chosen.ask("parity")
    if wait:
        report = _finished(chosen, "parity", report, timeout, call.output)
    done = report["state"] == "done"

    def people(console: Console) -> None:
        if done:
            show_parity(console, report)
        else:
            console.print(Text(f"comparison {report['id']}: {report['state']}"))

    call.output.answer(report, people)
    if report["state"] == "failed":
        raise CommandFailed(f"{chosen.feature_set} could not be compared: {report['problem']}")
    if done and report["result"]["different"]:
        raise typer.Exit(1)


@features.command("get")
def get_row(
    context: typer.Context,
    view: Annotated[str, typer.Argument(help="The view.")],
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="A value for each entity column, in the view's order."),
    ],
    at: Annotated[
        str | None, typer.Option(help="Whether it would be used at this instant; now unless given.")
    ] = None,
    feature_set: Annotated[
        str | None, typer.Option("--set", help="The feature set; by default the one that joins the view.")
    ] = None,
    product: ProductOption = None,
) -> None:
    """The newest online row of an entity, and whether a prediction would use it."""
    call = invocation(context)
    chosen = features_of(call.client(), call.product(product), feature_set, view)
    row = chosen.row(view, keys, at)
    call.output.answer(row, lambda console: show_row(console, row))


def _row(record: dict[str, Any]) -> dict[str, Any]:
    days = {name: (record.get(f"{limit}_event_time") or "")[:10] for name, limit in _LIMITS}
    return {**record, **days, "made": built_of(record), "compared": parity_of(record)}


def _chosen(
    context: typer.Context, feature_set: str | None, product: str | None
) -> tuple[Invocation, FeaturesClient]:
    call = invocation(context)
    return call, features_of(call.client(), call.product(product), feature_set)


def _finished(
    chosen: FeaturesClient, what: Asked, report: dict[str, Any], timeout: float, output: Output
) -> dict[str, Any]:
    """The report once it is done or failed. Raises CommandFailed at the deadline."""
    deadline, pause = time.monotonic() + timeout, SOONEST
    if report["state"] != "asked":
        return report
    name = f"{report['kind']} {report['id'][:12]} of {chosen.feature_set}"
    with output.waiting("asked for; waiting for a worker"):
        while report["state"] == "asked":
            _until(deadline, f"{name} is not done", timeout)
            time.sleep(pause)
            pause = min(2 * pause, LATEST)
            report = chosen.report(what, report["id"])
    return report


def _handed_over(
    chosen: FeaturesClient, report: dict[str, Any], timeout: float, output: Output
) -> dict[str, Any]:
    """A build that went to a job is done when a version of its inputs, or of newer ones, is there; or when
    it is told that it came to nothing.
    """
    result = report["result"]
    if result.get("outcome") != "handed over":
        return report
    deadline = time.monotonic() + timeout
    with output.waiting(f"handed over: {result['detail']}"):
        while True:
            found = _newest(chosen)
            have = found.get("input_ordinals", {})
            newer = all(have.get(dataset, 0) >= ordinal for dataset, ordinal in result["inputs"].items())
            if newer and found["current"]:
                break
            report = chosen.report("builds", report["id"])
            if report["state"] == "failed":
                return report
            _until(deadline, f"the job that builds {chosen.feature_set} is not done", timeout)
            time.sleep(LATEST)
    told = {name: found[name] for name in ("digest", "rows", "built", "steps", "seconds")}
    return {**report, "result": {**result, "outcome": "built", "version": found["ordinal"], **told}}


def _newest(chosen: FeaturesClient) -> dict[str, Any]:
    """The newest version; empty when there is none yet."""
    try:
        return chosen.show("latest")
    except ApiRefused as refused:
        if refused.code == 404:
            return {}
        raise


def _until(deadline: float, what: str, timeout: float) -> None:
    if time.monotonic() >= deadline:
        raise CommandFailed(f"{what} after {timeout:g} s; `headgate logs build-features` says more")


def _built(report: dict[str, Any]) -> Text:
    name, result = report["feature_set"], report["result"]
    if report["state"] != "done":
        return Text(
            f"build {report['id']} of {name}: {report['state']}; `headgate features list` shows it later"
        )
    version = f"v{result['version']} of {name}" if result.get("version") else name
    match result["outcome"]:
        case "built":
            made = f"{built_of(result)} steps made, {result['seconds']} s"
            told = f"built {version}: {result['rows']:,} rows, {made}"
            return Text.assemble(("✓ ", "green"), told)
        case "unchanged":
            return Text.assemble(("✓ ", "green"), f"unchanged: {version} is of the newest inputs")
        case "superseded":
            return Text(f"a build of newer inputs was there first: {version}")
        case outcome:
            return Text(f"{outcome}: {result['detail']}")
