"""`headgate predict` and `headgate trace`: ask the model, and follow an answer back to the source bytes."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from headgate.cli.client import ApiClient
from headgate.cli.commands.context import ProductOption, invocation, plain_version
from headgate.cli.failures import CommandFailed
from headgate.cli.output import short_digests, shown_value, table
from headgate.cli.predictions import entity_request, feature_notes, scores

SHOWN_COLUMNS = 3  # of a row that may have many; the whole of it is in the JSON answer
SOURCE_COLUMNS = [
    ("source object", "key"),
    ("S3 version", "version_id"),
    ("sha256", "sha256"),
    ("bytes", "bytes"),
]


def predict(
    context: typer.Context,
    rows: Annotated[list[str] | None, typer.Argument(help="Entity rows, each a JSON object.")] = None,
    file: Annotated[Path | None, typer.Option(help="A JSON list of rows, or - for standard input.")] = None,
    model: Annotated[str | None, typer.Option(help="The model; by default the product's.")] = None,
    version: Annotated[str | None, typer.Option(help="A version; by default the champion.")] = None,
    product: ProductOption = None,
) -> None:
    """Ask for predictions by entity row; the rest of the features is looked up."""
    call = invocation(context)
    asked = read_rows(rows or [], file)
    client = call.client()
    chosen = model or model_of(client, call.product(product))
    reply = client.infer(chosen, entity_request(asked), plain_version(version) if version else None)
    found = [{**row, "score": score} for row, score in zip(asked, scores(reply), strict=True)]
    columns = [(name, name) for name in [*list(asked[0])[:SHOWN_COLUMNS], "score"]]

    def people(console: Console) -> None:
        console.print(table(found, columns))
        console.print(f"{reply['model_name']} version {reply['model_version']}, prediction {reply['id']}")
        for note in feature_notes(reply):
            console.print(Text(note, style="dim"))
        console.print(f"what it was made from: headgate trace {reply['id']}", style="dim")

    call.output.answer(reply, people)


def trace(
    context: typer.Context,
    prediction: Annotated[str, typer.Argument(help="A prediction's id.")],
    product: ProductOption = None,
) -> None:
    """Everything a prediction was made from, back to the dropped objects."""
    call = invocation(context)
    document = call.client().trace(call.product(product), prediction)

    def people(console: Console) -> None:
        console.print(lineage_tree(document["tree"]))
        if document.get("sources"):
            console.print()
            console.print(table(document["sources"], SOURCE_COLUMNS))
        if document.get("truncated"):
            console.print("the trace is cut off: it has more steps than one answer holds", style="yellow")

    call.output.answer(document, people)


def read_rows(given: list[str], file: Path | None) -> list[dict[str, Any]]:
    """Rows from arguments or a file. Raises CommandFailed saying which text is no JSON object."""
    texts = list(given)
    if file is not None:
        texts.append(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = []
    for text in texts:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise CommandFailed(f"a row is no JSON: {error}: {text[:80]}") from error
        rows += value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise CommandFailed("no rows; give JSON objects such as '{\"flight_id\": …}', or --file rows.json")
    return rows


def model_of(client: ApiClient, product: str) -> str:
    """The model the product trains. Raises CommandFailed when it trains none."""
    training = client.product(product)["bundle"].get("training")
    if training:
        return str(training["model"])
    raise CommandFailed(f"product {product} trains no model; name one with --model")


def told_apart(fact: str, value: Any) -> bool:
    """Whether a fact says more than the node's own name."""
    return isinstance(value, str | int) and fact not in ("bucket", "key", "kind", "version_id")


def lineage_tree(step: dict[str, Any], into: Tree | None = None) -> Tree:
    """The trace as a tree: each node with the job that made it and the plain facts kept of it."""
    label = Text(short_digests(step["node"].removeprefix("object/")), style="bold", overflow="fold")
    known = (step.get("facts") or {}).items()
    facts = [f"{name}={shown_value(value)}" for name, value in known if told_apart(name, value)]
    made = [f"by {step['job']}"] if step.get("job") else []
    above = ["(shown elsewhere)"] if step.get("repeated") else []
    label.append("  " + "  ".join([*made, *facts, *above]), style="not bold dim")
    branch = Tree(label, guide_style="dim") if into is None else into.add(label)
    for upstream in step.get("upstream") or ():
        lineage_tree(upstream, branch)
    return branch
