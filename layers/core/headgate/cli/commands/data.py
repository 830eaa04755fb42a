"""`headgate drop`: what goes in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.drop import drop_file, wait_for
from headgate.cli.failures import CommandFailed

data = typer.Typer(
    no_args_is_help=True,
    help="Dataset versions, their history, refused drops, and training sets (also: `headgate dataset`).",
)


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
