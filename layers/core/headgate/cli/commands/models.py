"""`headgate models`: model versions and the aliases that move between them."""

from typing import Annotated

import typer
from rich.console import Console

from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.output import sheet, table

models = typer.Typer(no_args_is_help=True, help="Model versions and aliases.")
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
