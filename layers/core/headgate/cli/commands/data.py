"""`headgate drop` and `headgate features`: what goes in, and what is made of it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.cli.commands.context import ProductOption, chosen, invocation
from headgate.cli.drop import drop_file, wait_for
from headgate.cli.failures import CommandFailed
from headgate.cli.output import sheet, table

data = typer.Typer(no_args_is_help=True, help="Dataset versions, their history, and refused drops.")
features = typer.Typer(no_args_is_help=True, help="Feature versions.")


def drop(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset, or product/dataset.")],
    files: Annotated[
        list[Path], typer.Argument(help="Files to put, as they are.", exists=True, dir_okay=False)
    ],
    product: ProductOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until each is a version, or is refused.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 120.0,
) -> None:
    """Drop files in the landing bucket, as any S3 client does."""
    call = invocation(context)
    owner, _, name = dataset.rpartition("/")
    chosen = owner or call.product(product)
    bucket = call.environ.get("HEADGATE_LANDING_BUCKET") or call.outputs()["LandingBucketName"]
    s3 = call.aws("dropper").client("s3")
    done = [drop_file(s3, bucket, chosen, name, file) for file in files]
    outcomes: list[dict[str, Any]] = [one.to_document() for one in done]
    if wait:
        client = call.client()
        outcomes = [one.to_document() | wait_for(client, one, timeout) for one in done]
    columns = [("dropped", "key"), ("bytes", "bytes"), ("sha256", "sha256"), ("S3 version", "version_id")]
    columns += [("outcome", "outcome"), ("version", "ordinal"), ("rule", "rule"), ("reason", "reason")]
    call.output.rows({"drops": outcomes}, outcomes, columns, "nothing dropped")
    refused = [o for o in outcomes if o.get("outcome") == "quarantined"]
    if refused:
        raise CommandFailed(
            f"{len(refused)} of {len(outcomes)} refused; `headgate data quarantine show ID` shows the rows"
        )


FEATURE_COLUMNS = [
    ("set", "feature_set"),
    ("version", "ordinal"),
    ("digest", "digest"),
    ("rows", "rows"),
    ("months", "partitions"),
    ("from", "min_event_time"),
    ("to", "max_event_time"),
    ("seconds", "seconds"),
    ("created", "created_at"),
]


@features.command("list")
def list_features(context: typer.Context, product: ProductOption = None) -> None:
    """Feature versions, newest first."""
    call = invocation(context)
    document = call.client().features(call.product(product))
    none = "no feature version yet: it is built when every dataset it reads has a version"
    call.output.rows(document, document["features"], FEATURE_COLUMNS, none)


@features.command("show")
def show_features(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A number, v3, or a digest.")],
    product: ProductOption = None,
) -> None:
    """One feature version and the dataset versions it was built from."""
    call = invocation(context)
    found = call.client().features(call.product(product))["features"]
    match = chosen(found, version, "ordinal", "feature version", "headgate features list")

    def people(console: Console) -> None:
        inputs = [{"dataset": k, "version": v} for k, v in match.get("inputs", {}).items()]
        console.print(sheet({k: v for k, v in match.items() if k != "inputs"}))
        console.print()
        console.print(table(inputs, [("built from", "dataset"), ("digest", "version")]))

    call.output.answer(match, people)
