"""`headgate dataset training-set`: the rows of a feature version in a file on this machine."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.failures import CommandFailed
from headgate.cli.features_client import features_of


def training_set(
    context: typer.Context,
    feature_set: Annotated[str, typer.Argument(metavar="SET", help="The feature set, or product/set.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The Parquet file to write.", dir_okay=False)],
    version: Annotated[str, typer.Option(help="v3, a digest, or latest.")] = "latest",
    start: Annotated[
        str | None, typer.Option("--from", help="Rows from this date or instant on, UTC.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Rows before this date or instant.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Rows of your own (.parquet, .csv): entity columns and event time. They come with what the "
            "views knew by then. From Python also tables: headgate.client."
        ),
    ] = None,
    product: ProductOption = None,
) -> None:
    """Write the rows of a feature version to one Parquet file."""
    if out.suffix.lower() not in ("", ".parquet", ".pq"):
        raise typer.BadParameter(f"{out.name}: Parquet is written, to a name in .parquet", param_hint="--out")
    if not out.absolute().parent.is_dir():
        raise CommandFailed(f"{out}: there is no folder {out.absolute().parent}")
    from headgate.client.training_set import joined_with, stored  # engines load only where they are used

    call = invocation(context)
    chosen = features_of(call.client(), call.product(product), feature_set)
    with _bar(call.output.notes) as bar:
        task = bar.add_task("files", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        given = (chosen, plain_version(version), start, end)
        found = joined_with(*given, labels, tell) if labels else stored(*given, tell)
    found.to_parquet(out)
    document = {
        **{"product": chosen.product, "feature_set": chosen.feature_set, "version": found.version},
        **{"digest": found.digest, "rows": found.rows, "columns": [name for name, _ in found.columns]},
        **{"notes": list(found.notes), "path": str(out)},
    }

    def people(console: Console) -> None:
        told = f"{found.rows:,} rows, {len(found.columns)} columns of {chosen.feature_set} v{found.version}"
        console.print(Text.assemble(("✓ ", "green"), f"{told} in {out}"))
        for note in found.notes:
            console.print(Text(note, style="yellow"))

    call.output.answer(document, people)


def _bar(console: Console) -> Progress:
    """Gone when it is done; where nobody looks at it, nothing is drawn."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


COMMANDS = (training_set,)
