"""`headgate gate|stage|access|costs|monitoring`: what is allowed, what it cost, and what a stage asks for."""

from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.cli.commands.context import ProductOption, invocation
from headgate.cli.output import sheet, table

gate = typer.Typer(no_args_is_help=True, help="Stage gates and their evidence.")
stage = typer.Typer(no_args_is_help=True, help="The product's stage.")
access = typer.Typer(no_args_is_help=True, help="Policies: why, and what was decided.")
CRITERIA_COLUMNS = [("criterion", "name"), ("passed", "passed"), ("found", "found"), ("needed", "needed")]
DECISION_COLUMNS = [
    ("when", "time"),
    ("principal", "principal"),
    ("action", "action"),
    ("resource", "resource"),
    ("decision", "decision"),
    ("statement", "statement"),
]
STATEMENT_COLUMNS = [
    ("statement", "statement"),
    ("effect", "effect"),
    ("applies", "applies"),
    ("because", "why"),
]
COST_COLUMNS = [
    ("when", "time"),
    ("kind", "kind"),
    ("quantity", "quantity"),
    ("unit", "unit"),
    ("usd", "usd"),
    ("run", "run"),
]


@gate.command()
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="STAGE", help="poc, prototype or mvp.")],
    product: ProductOption = None,
) -> None:
    """Compute a stage's gate now, and keep the evidence."""
    call = invocation(context)
    evidence = call.client().check_gate(call.product(product), name)
    call.output.answer(evidence, lambda console: show_evidence(console, evidence))
    if not evidence.get("passed"):
        raise typer.Exit(1)


@gate.command("show")
def show_gates(context: typer.Context, product: ProductOption = None) -> None:
    """The newest evidence of each gate."""
    call = invocation(context)
    document = call.client().gates(call.product(product))
    found = document["gates"]

    def people(console: Console) -> None:
        if not found:
            console.print("no gate was checked yet; `headgate gate check poc`", style="dim")
        for evidence in found:
            show_evidence(console, evidence)

    call.output.answer(document, people)


def show_evidence(console: Console, evidence: dict[str, Any]) -> None:
    verdict = "passed" if evidence.get("passed") else "not passed"
    console.print(f"[bold]{evidence.get('stage')}[/bold] {verdict}, checked {evidence.get('checked_at')}")
    console.print(table(evidence.get("criteria") or [], CRITERIA_COLUMNS))


@stage.command("set")
def set_stage(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="STAGE", help="poc, prototype or mvp.")],
    product: ProductOption = None,
) -> None:
    """Move the product to another stage; forward only on fresh evidence."""
    call = invocation(context)
    call.output.details(call.client().set_stage(call.product(product), name))


@access.command()
def explain(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="Such as headgate:PromoteModel.")],
    resource: Annotated[str, typer.Argument(help="Such as hrn:flights:model/flights_late/1.")],
    product: ProductOption = None,
) -> None:
    """What the policy answers the caller, and which statement decides."""
    call = invocation(context)
    owner = resource.split(":")[1] if resource.startswith("hrn:") and resource.count(":") >= 2 else None
    document = call.client().explain(call.product(product or owner), action, resource)
    call.output.answer(document, lambda console: _show_explanation(console, document))


def _show_explanation(console: Console, document: dict[str, Any]) -> None:
    console.print(f"[bold]{document.get('decision')}[/bold]: {document.get('reason')}")
    rows = [
        {**statement, "why": "; ".join(miss["why"] for miss in statement.get("misses") or ()) or None}
        for statement in document.get("statements") or ()
        if not any(miss["element"] == "Action" for miss in statement.get("misses") or ())
    ]
    if rows:
        console.print("\nstatements that speak of this action:")
        console.print(table(rows, STATEMENT_COLUMNS))
    if document.get("missing_grant"):
        console.print("\nthe least statement that would grant it:")
        console.print(sheet(document["missing_grant"]))


@access.command()
def decisions(context: typer.Context, product: ProductOption = None) -> None:
    """Decisions that were made, newest first."""
    call = invocation(context)
    document = call.client().decisions(call.product(product))
    call.output.rows(document, document["decisions"], DECISION_COLUMNS, "nothing was decided yet")


def costs(
    context: typer.Context,
    product: ProductOption = None,
    month: Annotated[str | None, typer.Option(help="Such as 2013-09; by default this month.")] = None,
) -> None:
    """A month's cost lines and their sum."""
    call = invocation(context)
    document = call.client().costs(call.product(product), month)

    def people(console: Console) -> None:
        console.print(table(document["costs"], COST_COLUMNS))
        console.print(f"\n{document['month']}: [bold]${document['usd']:.6f}[/bold]")

    call.output.answer(document, people)


def monitoring(context: typer.Context, product: ProductOption = None) -> None:
    """Performance and drift of the champion since its holdout."""
    call = invocation(context)
    document = call.client().monitoring(call.product(product))
    reports = document["reports"]

    def people(console: Console) -> None:
        if not reports:
            console.print("no report yet: it needs a champion and data newer than its holdout", style="dim")
        performance = [r for r in reports if r.get("kind") == "performance"]
        if performance:
            columns = [
                ("when", "time"),
                ("version", "version"),
                ("auc", "auc"),
                ("baselines", "said"),
                ("rows", "rows"),
            ]
            rows = [{**r, "said": _listed(r.get("baselines") or {})} for r in performance]
            console.print(table(rows, [*columns, ("window", "window")]))
        drift = next((r for r in reports if r.get("kind") == "drift"), None)
        if drift:
            values = drift.get("psi") or {}
            ranked = sorted(values.items(), key=lambda pair: -pair[1])
            console.print()
            console.print(
                table([{"feature": k, "psi": v} for k, v in ranked], [("feature", "feature"), ("psi", "psi")])
            )

    call.output.answer(document, people)


def _listed(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
