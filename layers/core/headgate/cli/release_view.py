"""Releases and proposals on a terminal. Owns how they look, nothing of how they are asked for."""

from typing import Any

from rich.console import Console
from rich.text import Text

from headgate.cli.output import sheet, shown_value, table

Document = dict[str, Any]
RELEASE_COLUMNS = [
    *(
        ("release", "number"),
        ("what", "kind"),
        ("model", "model"),
        ("from", "from_version"),
        ("by", "principal"),
    ),
    *(("proposed by", "proposed_by"), ("at", "moved_at"), ("why", "reason")),
]
PROPOSAL_COLUMNS = [
    *(("version", "version"), ("state", "state"), ("proposed by", "principal"), ("at", "proposed_at")),
    *(("closed by", "closed_by"), ("why", "reason")),
]


def release_row(release: Document) -> Document:
    closure = release["closure"]
    return {**release, "model": f"{closure['model']} v{closure['version']}"}


def show_live(console: Console, document: Document) -> None:
    """What was live, and what was so before and after."""
    at, live = shown_value(document["at"]), document["live"]
    if live is None:
        console.print(Text(f"nothing was live at {at}", style="yellow"))
    else:
        console.print(Text.assemble("live at ", (at, "bold"), ":"))
        show_release(console, live)
    for name, told in (("before", "before it"), ("after", "after it")):
        if document.get(name):
            console.print(Text(f"{told}: {_in_a_line(document[name])}", style="dim"))


def show_release(console: Console, release: Document) -> None:
    closure = release["closure"]
    datasets = ", ".join(
        f"{name} v{version['ordinal']}" for name, version in sorted(closure["datasets"].items())
    )
    facts = {
        "release": f"{release['number']} ({release['kind']} from {_version(release['from_version'])})",
        "model": f"{closure['model']} v{closure['version']}",
        "artifact": closure["artifact_sha256"],
        "data": datasets,
        "features": f"{closure['feature_set']} {closure['feature_version']}",
        "run": closure["run"],
        "code": closure["code_digest"],
        "config": closure["config_digest"],
        "environment": closure["environment_digest"],
        "moved": release["moved_at"],
        "by": release["principal"],
        "proposed by": release["proposed_by"],
        "why": release["reason"],
    }
    console.print(sheet({name: value for name, value in facts.items() if value not in (None, "")}))


def show_proposals(console: Console, proposals: list[Document]) -> None:
    console.print(table(proposals, PROPOSAL_COLUMNS))


def _in_a_line(release: Document) -> str:
    closure = release["closure"]
    moved = shown_value(release["moved_at"])
    return f"release {release['number']}, {closure['model']} v{closure['version']}, since {moved}"


def _version(number: int | None) -> str:
    return "nothing" if number is None else f"v{number}"
