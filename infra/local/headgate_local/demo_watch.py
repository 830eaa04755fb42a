"""Watching the platform do its work after a drop: versions, features, training, registration, champion.

Owns only looking, through the same HTTP door as everyone; whatever fails there ends the wait at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.cli.doctor import QUEUES, depth
from headgate.cli.logs import FUNCTIONS, failures, log_group, read_lines, told
from headgate.domain.job import LOG_GROUP

from headgate_local.demo_context import PRODUCT, DemoContext, DemoFailed

INGEST_SECONDS = 90.0
FEATURE_SECONDS = 120.0
TRAIN_SECONDS = 240.0
REGISTER_SECONDS = 90.0
ENDED_BADLY = ("FAILED", "REFUSED")


def committed(context: DemoContext, stage: str) -> str:
    """Waits until every drop is part of a version. Raises DemoFailed naming the first that was refused."""

    def look() -> str | None:
        _fail_on_refusals(context)
        rows, there = 0, 0
        for dataset in sorted({drop.dataset for drop in context.drops.values()}):
            versions = context.api().dataset_versions(PRODUCT, dataset)["versions"]
            known = {source["sha256"] for version in versions for source in version["sources"]}
            there += sum(d.sha256 in known for d in context.drops.values() if d.dataset == dataset)
            rows += versions[0]["rows"] if versions else 0
        said = f"{there} of {len(context.drops)} files, {rows:,} rows"
        context.board.tell(stage, said)
        return said if there == len(context.drops) else None

    return context.wait(
        "every dropped file to be part of a version", look, INGEST_SECONDS, blame=lambda: first_error(context)
    )


def heads(context: DemoContext) -> dict[str, Any]:
    """The newest version of every dataset that has one."""
    found = {}
    for dataset in context.bundle["datasets"]:
        versions = context.api().dataset_versions(PRODUCT, dataset)["versions"]
        if versions:
            found[dataset] = versions[0]
    return found


def features_built(context: DemoContext, stage: str) -> dict[str, Any]:
    """Waits for the feature version built from the present dataset versions."""
    wanted = {dataset: version["digest"] for dataset, version in heads(context).items()}
    name = context.bundle["training"]["feature_set"]

    def look() -> dict[str, Any] | None:
        _fail_on_given_up(context)
        versions = [f for f in context.api().features(PRODUCT)["features"] if f["feature_set"] == name]
        if versions:
            newest: dict[str, Any] = versions[0]
            context.board.tell(stage, said_of_features(newest))
            if all(wanted.get(dataset) == digest for dataset, digest in newest["inputs"].items()):
                return newest
        return None

    return context.wait(
        "a feature version of every file dropped so far",
        look,
        FEATURE_SECONDS,
        blame=lambda: first_error(context),
    )


def said_of_features(version: Mapping[str, Any]) -> str:
    return f"v{version['ordinal']}, {version['rows']:,} rows, to {version['max_event_time'][:16]}"


def trained(context: DemoContext, stage: str) -> dict[str, Any]:
    """Waits until a run's job ended well. Raises DemoFailed with the reason when one ended badly."""

    def look() -> dict[str, Any] | None:
        _fail_on_given_up(context)
        runs = context.api().runs(PRODUCT)["runs"]
        for run in runs:
            if run["state"] in ENDED_BADLY:
                raise DemoFailed(f"run {run['digest'][:12]} is {run['state']}: {run['reason']}")
        if not runs:
            context.board.tell(stage, "no run yet")
            return None
        run = runs[0]
        context.board.tell(
            stage, f"{run['state'].lower()} {run['digest'][:12]}  {job_line(context)}".rstrip()
        )
        return run if run["state"] in ("SUCCEEDED", "REGISTERED") or _has_champion(context) else None

    return context.wait(
        "a training run to end", look, TRAIN_SECONDS, every=1.0, blame=lambda: first_error(context)
    )


def job_line(context: DemoContext) -> str:
    """The last line a training job wrote, without the names that everyone here knows."""
    lines = read_lines(context.aws("logs", context.state.operator), LOG_GROUP, context.started_at - 5)
    if not lines:
        return ""
    known = (f"product={PRODUCT}", f"model={context.model}", "run=")
    return " ".join(word for word in told(lines[-1]).split() if not word.startswith(known))[:120]


def champion(context: DemoContext, stage: str) -> dict[str, Any]:
    """Waits for a champion; the model version it is."""

    def look() -> dict[str, Any] | None:
        _fail_on_given_up(context)
        for run in context.api().runs(PRODUCT)["runs"]:
            if run["state"] in ENDED_BADLY:
                raise DemoFailed(f"run {run['digest'][:12]} is {run['state']}: {run['reason']}")
        listing = context.api().models(PRODUCT)
        number = listing["aliases"]["champion"]
        context.board.tell(stage, f"{len(listing['models'])} version(s), champion: {number or 'none yet'}")
        return next((model for model in listing["models"] if model["version"] == number), None)

    return context.wait("a champion", look, REGISTER_SECONDS, blame=lambda: first_error(context))


def monitored(context: DemoContext, stage: str, feature_version: str) -> dict[str, Any]:
    """Waits for both reports about a feature version: ``{"performance": …, "drift": …}``."""

    def look() -> dict[str, Any] | None:
        _fail_on_given_up(context)
        reports = context.api().monitoring(PRODUCT)["reports"]
        fitting = {r["kind"]: r for r in reports if r["feature_version"] == feature_version}
        context.board.tell(stage, f"{len(reports)} reports, {len(fitting)} of this feature version")
        return fitting if {"performance", "drift"} <= set(fitting) else None

    return context.wait(
        "the monitor's reports of the newest feature version",
        look,
        REGISTER_SECONDS,
        blame=lambda: first_error(context),
    )


def first_error(context: DemoContext) -> str | None:
    """The newest error line of the first function that has one since the demo began."""
    logs = context.aws("logs", context.state.operator)
    for name in FUNCTIONS:
        found = failures(read_lines(logs, log_group(context.state.stack, name), context.started_at - 5))
        if found:
            return f"{name} fails: {found[-1].splitlines()[0]}"
    return None


def _has_champion(context: DemoContext) -> bool:
    return context.api().models(PRODUCT)["aliases"]["champion"] is not None


def _fail_on_refusals(context: DemoContext) -> None:
    refused = context.api().quarantine(PRODUCT)["quarantine"]
    if refused:
        first = refused[0]
        raise DemoFailed(f"{first['key']} was refused by {first['rule']}: {first['reason']}")
    _fail_on_given_up(context)


def _fail_on_given_up(context: DemoContext) -> None:
    """A message in a dead-letter queue is work that will not be done: waiting longer helps nobody."""
    sqs, outputs = context.aws("sqs", context.state.operator), context.state.outputs
    for name in QUEUES:
        waiting, busy = depth(sqs, outputs[f"{name}DlqUrl"])
        if waiting + busy:
            raise DemoFailed(f"{waiting + busy} message(s) of {name}Queue were given up")
