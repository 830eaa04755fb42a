"""`headgate product`: apply a product folder, and look at what is applied."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.failures import ApiRefused, CommandFailed
from headgate.cli.invocation import Invocation
from headgate.cli.output import sheet, table
from headgate.cli.state import repository
from headgate.domain.bundle import read_bundle
from headgate.domain.product import Product
from headgate.domain.product_diff import product_diff

app = typer.Typer(no_args_is_help=True, help="Apply products and look at them.")
PRODUCTS_FOLDER = "infra/products"


@app.command()
def apply(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="A folder, or a name under infra/products.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compile and print the bundle; send nothing.")
    ] = False,
) -> None:
    """Compile a product folder and make it the current one."""
    call = invocation(context)
    bundle = _compiled(call, product)
    if dry_run:
        call.output.answer(bundle, lambda console: console.print_json(data=bundle))
        return
    answer = call.client().apply_product(bundle["name"], bundle)
    call.remember(product=bundle["name"])
    counts = {part: len(bundle[part]) for part in ("datasets", "views", "feature_sets")}
    call.output.details({"product": bundle["name"], **counts, **answer})


@app.command()
def diff(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="A folder, or a name under infra/products.")],
) -> None:
    """What applying the folder would change in the datasets; fails when `apply` would be refused for it."""
    call = invocation(context)
    new = read_bundle(_compiled(call, product))
    changes = product_diff(_applied(call, new.name), new)
    rows = [
        {"dataset": c.dataset, "version": f"{c.before or '-'} -> {c.after or '-'}", **asdict(change)}
        for c in changes
        for change in c.changes
    ]
    columns = [(f, f) for f in ("dataset", "version", "kind", "column", "breaking", "sentence")]
    document = {"product": new.name, "datasets": [c.to_document() for c in changes]}
    call.output.rows(document, rows, columns, "no dataset changes")
    refused = [c for c in changes if c.refused]
    if refused:
        told = "; ".join(f"{c.dataset}: {c.remedy}" for c in refused)
        raise CommandFailed(f"breaking changes that are not declared, so `apply` will be refused: {told}")


def _compiled(call: Invocation, product: str) -> dict[str, Any]:
    """The bundle of a folder. Loading the compiler takes a while, for which no other command waits."""
    from headgate.cli.compile_product import compile_product, find_product

    return compile_product(find_product(repository(call.folder) / PRODUCTS_FOLDER, product))


def _applied(call: Invocation, name: str) -> Product | None:
    """The product as it is applied, None before the first time."""
    try:
        return Product.from_document(call.client().product(name)["bundle"])
    except ApiRefused as refused:
        if refused.code == 404:
            return None
        raise


@app.command("list")
def list_products(context: typer.Context) -> None:
    """Products on the platform."""
    call = invocation(context)
    document = call.client().products()
    columns = [
        ("product", "name"),
        ("stage", "stage"),
        ("title", "title"),
        ("owner", "owner"),
        ("updated", "updated_at"),
    ]
    none = "no product yet; `headgate product apply flights`"
    call.output.rows(document, document["products"], columns, none)


@app.command()
def show(context: typer.Context, product: ProductOption = None) -> None:
    """One product: stage, datasets, feature sets, training."""
    call = invocation(context)
    document = call.client().product(call.product(product))

    def people(console: Console) -> None:
        bundle = document["bundle"]
        about = {k: v for k, v in document.items() if not isinstance(v, dict | list)}
        console.print(sheet(about))
        contracts = [
            {**c, "columns": len(c["columns"]), "rules": len(c.get("rules", ()))}
            for c in bundle["datasets"].values()
        ]
        if contracts:
            fields = [(f, f) for f in ("name", "version", "format", "operation", "columns", "rules")]
            console.print()
            console.print(table(contracts, fields))

    call.output.answer(document, people)
