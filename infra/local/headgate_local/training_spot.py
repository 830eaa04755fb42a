"""A Spot host is taken away from a run that is half way; the run goes on elsewhere.

Owns the moment: behind a checkpoint, before the end, without any grace, so that nothing is saved on the way.
"""

from __future__ import annotations

from headgate_local import training_watch
from headgate_local.demo_context import DemoContext, DemoFailed
from headgate_local.reclaim import reclaim
from headgate_local.training_watch import DIGITS

START_SECONDS = 120.0
HALF_WAY = 0.4
"""The share of the iterations after which the host goes."""


def reclaimed(context: DemoContext) -> str:
    """The winner of the race loses its host, and is registered all the same."""
    digest = context.found["race"]["run"]
    lost_at = context.wait(
        f"run {digest[:DIGITS]} to be half way", lambda: _half_way(context, digest), START_SECONDS, every=0.2
    )
    job = training_watch.runs(context).show(digest)["job_id"]
    batch = context.administrator("batch")  # on AWS nobody orders it
    reclaim(batch, job, grace_seconds=0.0)
    model = training_watch.registered(context, "spot", digest)
    attempts = batch.describe_jobs(jobs=[job])["jobs"][0]["attempts"]
    resumed = _resumed(context, digest)
    lost = str(attempts[0].get("statusReason")).rstrip(".")
    context.found["spot"] = {
        "run": digest,
        "version": model["version"],
        "sha256": model["artifact_sha256"],
        "lost_at_iteration": lost_at,
        "lost_because": lost,
        "exit_codes": [attempt["container"].get("exitCode") for attempt in attempts],
        "attempts": len(attempts),
        "resumed_from": resumed,
    }
    told = f"killed at iteration {lost_at}, resumed from {resumed or 'the start'}"
    went_on = len(attempts) == 2 and resumed is not None
    context.promise("a run whose host was taken goes on from its checkpoint", went_on, told)
    return f"{lost}: {told}; version {model['version']}"


def _resumed(context: DemoContext, digest: str) -> int | None:
    """The step at which the newest attempt's fit began, or None for one that began anew."""
    lines = training_watch.journal(context, digest)
    found = [x.facts["steps"] for x in lines if x.event == "resumed" and x.facts.get("slot") == "fit"]
    return int(found[0]) if found else None


def _half_way(context: DemoContext, digest: str) -> int | None:
    """The iteration, once enough are done and a checkpoint stands."""
    lines = training_watch.journal(context, digest)
    saved = any(line.event == "checkpoint_saved" and line.facts.get("slot") == "fit" for line in lines)
    told = [line.progress for line in lines if line.progress is not None]
    if lines:
        context.board.tell("spot", lines[-1].line().plain.partition("  ")[2][:90])
    if any(line.event == "run_finished" for line in lines):
        raise DemoFailed(f"run {digest[:DIGITS]} was faster than whoever wanted to take its host")
    if not (saved and told):
        return None
    done, total = told[-1]
    return done if done >= HALF_WAY * total else None
