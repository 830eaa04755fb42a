"""Watching a product's training: runs, experiments, versions and reproductions, until they are as awaited.

Owns only looking, through the same HTTP door as everyone; what ended badly ends the wait at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.cli.releases_client import ReleasesClient
from headgate.cli.run_log import Said, pages, said
from headgate.cli.runs_client import RunsClient

from headgate_local.demo_context import PRODUCT, DemoContext, DemoFailed
from headgate_local.demo_watch import first_error

Found = dict[str, Any]
EXPERIMENT_SECONDS = 900.0
RUN_SECONDS = 300.0
REPRODUCTION_SECONDS = 300.0
ENDED = ("FINISHED", "REFUSED", "FAILED")
BAD = ("REFUSED", "FAILED")
DIGITS = 12
"""People are shown so many of a digest."""


def runs(context: DemoContext, person: str = "alice") -> RunsClient:
    return RunsClient(context.api(person), PRODUCT)


def releases(context: DemoContext, person: str = "alice") -> ReleasesClient:
    return ReleasesClient(context.api(person), PRODUCT)


def experiment(context: DemoContext, stage: str) -> Found:
    """Waits until the newest experiment has ended; with its trials. Raises DemoFailed if it ended badly."""
    where = f"/products/{PRODUCT}/experiments"

    def look() -> Found | None:
        listed = context.api().get(where)["experiments"]
        if not listed:
            return None
        found: Found = context.api().get(f"{where}/{listed[0]['id']}")
        context.board.tell(stage, _how_far(found))
        if found["state"] in BAD:
            raise DemoFailed(f"experiment {found['id'][:DIGITS]} is {found['state']}: {found['reason']}")
        return found if found["state"] in ENDED else None

    return context.wait(
        "an experiment to end", look, EXPERIMENT_SECONDS, every=1.0, blame=lambda: first_error(context)
    )


def _how_far(experiment_: Found) -> str:
    trials, metric = experiment_["trials"], experiment_["metric"]
    ended = [trial for trial in trials if (trial.get("metrics") or {}).get(metric) is not None]
    best = max((trial["metrics"][metric] for trial in ended), default=None)
    told = f"{len(ended)} of {len(trials)} trials ended"
    return told if best is None else f"{told}, best {metric} {best:.4f}"


def run_where(context: DemoContext, digest: str, holds: Callable[[Found], bool], what: str) -> Found:
    """The run once it is so. Raises DemoFailed with the reason of one that ended badly."""

    def look() -> Found | None:
        run = runs(context).show(digest)
        if run["state"] in BAD:
            raise DemoFailed(f"run {digest[:DIGITS]} is {run['state']}: {run['reason']}")
        return run if holds(run) else None

    return context.wait(what, look, RUN_SECONDS, blame=lambda: first_error(context))


def registered(context: DemoContext, stage: str, digest: str) -> Found:
    """The model version that came of a run."""

    def tell(run: Found) -> bool:
        context.board.tell(stage, f"{run['state'].lower()} {digest[:DIGITS]}  {last_said(context, digest)}")
        return run["model_version"] is not None

    run = run_where(context, digest, tell, f"run {digest[:DIGITS]} to be registered")
    return context.api().model(PRODUCT, str(run["model_version"]))


def journal(context: DemoContext, digest: str) -> list[Said]:
    """What the run's newest attempt has printed so far."""
    client = runs(context)
    found = pages(lambda after: client.log(digest, after), follow=False)
    return [said(line["at"], line["message"]) for page in found for line in page["lines"]]


def last_said(context: DemoContext, digest: str) -> str:
    lines = journal(context, digest)
    return lines[-1].line().plain.partition("  ")[2][:90] if lines else ""


def reproduce(context: DemoContext, stage: str, version: int, against: str) -> Found:
    """A reproduction asked for and judged. Raises DemoFailed for one that has no verdict."""
    name = context.api().reproduce(PRODUCT, str(version), against)["id"]

    def look() -> Found | None:
        record: Found = context.api().reproduction(PRODUCT, str(version), name)
        context.board.tell(stage, f"{record['state']} {name}")
        if record["state"] == "failed":
            raise DemoFailed(f"reproduction {name} failed: {record['problem']}")
        return record if record["state"] == "judged" else None

    return context.wait(
        f"reproduction {name}", look, REPRODUCTION_SECONDS, every=1.0, blame=lambda: first_error(context)
    )
