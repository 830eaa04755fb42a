"""`headgate runs` and `headgate models`: runs, model versions and the aliases that move between them."""

from typing import Annotated

import typer
from rich.console import Console

from headgate.cli.commands.context import ProductOption, chosen, invocation, plain_version
from headgate.cli.output import sheet, table

runs = typer.Typer(no_args_is_help=True, help="Training runs.")
models = typer.Typer(no_args_is_help=True, help="Model versions and aliases.")
RUN_COLUMNS = [
    ("run", "digest"),
    ("state", "state"),
    ("model", "model"),
    ("version", "model_version"),
    ("compute", "compute_class"),
    ("seconds", "seconds"),
    ("estimate $", "estimated_cost_usd"),
    ("cost $", "cost_usd"),
    ("created", "created_at"),
    ("reason", "reason"),
]
MODEL_COLUMNS = [
    ("version", "version"),
    ("aliases", "aliases"),
    ("auc", "metrics.auc"),
    ("run", "run"),
    ("features", "feature_version"),
    ("created", "created_at"),
]
GATE_COLUMNS = [
    ("gate", "name"),
    ("passed", "passed"),
    ("value", "value"),
    ("", "comparison"),
    ("bound", "bound"),
]


@runs.command("list")
def list_runs(context: typer.Context, product: ProductOption = None) -> None:
    """Runs, newest first."""
    call = invocation(context)
    document = call.client().runs(call.product(product))
    none = "no run yet: training starts when a feature version covers the declared split"
    call.output.rows(document, document["runs"], RUN_COLUMNS, none)


@runs.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's digest, or its start.")],
    product: ProductOption = None,
) -> None:
    """One run."""
    call = invocation(context)
    found = call.client().runs(call.product(product))["runs"]
    call.output.details(chosen(found, run, "digest", "run", "headgate runs list"))


@runs.command()
def start(context: typer.Context, product: ProductOption = None) -> None:
    """Ask for a training run on what there is now; what becomes of it shows in the list."""
    call = invocation(context)
    call.output.details(call.client().start_run(call.product(product)))


@models.command("list")
def list_models(context: typer.Context, product: ProductOption = None) -> None:
    """Model versions, newest first."""
    call = invocation(context)
    document = call.client().models(call.product(product))
    none = "no model version yet; `headgate runs list` shows what trains"
    aliases = document["aliases"]
    rows = [
        {**m, "aliases": [a for a, v in aliases.items() if v == m["version"]]} for m in document["models"]
    ]
    call.output.rows(document, rows, MODEL_COLUMNS, none)


@models.command("show")
def show_model(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A number, or v3.")],
    product: ProductOption = None,
) -> None:
    """One model version: metrics, gates and where it came from."""
    call = invocation(context)
    document = call.client().model(call.product(product), plain_version(version))

    def people(console: Console) -> None:
        console.print(sheet({k: v for k, v in document.items() if k not in ("gates", "signature")}))
        console.print()
        console.print(table(document.get("gates") or [], GATE_COLUMNS))

    call.output.answer(document, people)


@models.command()
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A number, or v3.")],
    product: ProductOption = None,
    alias: Annotated[str, typer.Option(help="champion or challenger.")] = "champion",
    reason: Annotated[str, typer.Option(help="Why; it is kept with the move.")] = "promoted by hand",
) -> None:
    """Move an alias to a version."""
    call = invocation(context)
    answer = call.client().promote(call.product(product), plain_version(version), alias, reason)
    call.output.details(answer)
