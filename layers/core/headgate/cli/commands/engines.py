"""`headgate data import|rebuild-iceberg`: what other engines wrote comes in, and what they read is made."""

from typing import Annotated

import typer
from rich.console import Console

from headgate.cli.client import path
from headgate.cli.commands.context import ProductOption, invocation

Dataset = Annotated[str, typer.Argument(help="The dataset, or product/dataset.")]


def import_objects(
    context: typer.Context,
    dataset: Dataset,
    uri: Annotated[str, typer.Argument(help="s3://bucket/prefix of Parquet objects.")],
    product: ProductOption = None,
) -> None:
    """Bring the Parquet objects below a prefix under versioning where they lie: nothing is copied."""
    call = invocation(context)
    owner, _, name = dataset.rpartition("/")
    where = path("products", owner or call.product(product), "datasets", name, "imports")
    document = call.client().call("POST", where, {"uri": uri})

    def people(console: Console) -> None:
        console.print(f"asked for: {uri} into {name}, by {document['principal']}")
        console.print(f"what comes in: headgate data log {name}; what is refused: headgate data quarantine")

    call.output.answer(document, people)


def rebuild_iceberg(context: typer.Context, dataset: Dataset, product: ProductOption = None) -> None:
    """Make the dataset's Iceberg table anew from the manifests."""
    call = invocation(context)
    owner, _, name = dataset.rpartition("/")
    where = path("products", owner or call.product(product), "datasets", name, "tables", "rebuild")
    document = call.client().call("POST", where, {})

    def people(console: Console) -> None:
        console.print(f"asked for: the table of {name} anew, as generation {document['generation']}")
        console.print("it is there when the table's property headgate.generation says so")

    call.output.answer(document, people)
