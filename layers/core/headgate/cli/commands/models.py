"""`headgate models`: model versions and the aliases that move between them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.invocation import Invocation
from headgate.cli.model_view import show_comparison, show_verification, show_version
from headgate.cli.releases_client import ReleasesClient

models = typer.Typer(no_args_is_help=True, help="Model versions and aliases.")
Version = Annotated[str, typer.Argument(help="A number, or v3.")]
MODEL_COLUMNS = [
    ("version", "version"),
    ("aliases", "aliases"),
    ("auc", "metrics.auc"),
    ("run", "run"),
    ("features", "feature_version"),
    ("created", "created_at"),
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
    version: Version,
    product: ProductOption = None,
) -> None:
    """One model version: metrics, gates and where it came from."""
    call = invocation(context)
    document = call.client().model(call.product(product), plain_version(version))

    call.output.answer(document, lambda console: show_version(console, document))


@models.command()
def compare(
    context: typer.Context,
    version: Version,
    other: Annotated[str, typer.Argument(help="The version beside it.")],
    product: ProductOption = None,
) -> None:
    """Two versions side by side: numbers, and what of their data, code, config and libraries differs."""
    call = invocation(context)
    found = _client(call, product).compare(plain_version(version), plain_version(other))
    call.output.answer(found, lambda console: show_comparison(console, found))


@models.command()
def card(
    context: typer.Context,
    version: Version,
    out: Annotated[Path | None, typer.Option(help="Write the Markdown to this file.")] = None,
    product: ProductOption = None,
) -> None:
    """The model card, made of what registration measured."""
    call = invocation(context)
    found = _client(call, product).card(plain_version(version))
    if out is not None:
        out.write_text(found["markdown"], encoding="utf-8")
    call.output.answer(found, lambda console: console.print(Markdown(found["markdown"])))


@models.command()
def bom(context: typer.Context, version: Version, product: ProductOption = None) -> None:
    """The bill of materials (CycloneDX): the model, its data and its libraries, by hash."""
    call = invocation(context)
    found = _client(call, product).bom(plain_version(version))
    call.output.answer(found, lambda console: console.print_json(data=found))


@models.command()
def verify(context: typer.Context, version: Version, product: ProductOption = None) -> None:
    """Whether a version still is what was signed; exit code 1 when it is not."""
    call = invocation(context)
    found = _client(call, product).verify(plain_version(version))
    call.output.answer(found, lambda console: show_verification(console, found))
    if not found["valid"]:
        raise typer.Exit(1)


def _client(call: Invocation, product: str | None) -> ReleasesClient:
    return ReleasesClient(call.client(), call.product(product))
