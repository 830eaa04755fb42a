"""The run whose host was taken is made again: as it was recorded, and with one thing changed each time.

Owns the changes: a byte of a source object (at the local S3, by its administrator), the version of one
library (an environment of its own, deployed as the trainer's image), and the seed (the product, by alice).
"""

from __future__ import annotations

import hashlib
from typing import Any

from headgate_local import training_watch
from headgate_local.demo_context import PRODUCT, DemoContext
from headgate_local.platform_steps import deploy_platform
from headgate_local.tamper import one_byte_changed
from headgate_local.training_library import LIBRARY, NEXT_IMAGE, NEXT_VERSION, make_environment
from headgate_local.training_products import apply, short

TAMPERED = f"{PRODUCT}/flights/flights-2013-06.csv"
Record = dict[str, Any]


def recorded(context: DemoContext) -> str:
    """An uninterrupted twin of the interrupted run: the same bytes."""
    record = training_watch.reproduce(context, "recorded", _version(context), "recorded")
    twin = _sha256(context, record["run"])
    spot = context.found["spot"]
    attempts = _attempts(context, record["run"])
    context.found["twin"] = {"run": record["run"], "sha256": twin, "attempts": attempts}
    context.promise(
        "the interrupted run ends with the bytes of an uninterrupted one",
        twin == spot["sha256"] and attempts == 1 and spot["attempts"] == 2,
        f"sha256 {twin[:12]}… and {spot['sha256'][:12]}…",
    )
    return judged(context, "recorded", record, [], ("identical",))


def byte(context: DemoContext) -> str:
    """One byte of June's flights, in the very version that was recorded."""
    dropped = context.drops[TAMPERED]
    with one_byte_changed(context.administrator("s3"), dropped.bucket, dropped.key, dropped.version_id) as at:
        context.board.tell("byte", f"byte {at:,} of {TAMPERED}")
        record = training_watch.reproduce(context, "byte", _version(context), "recorded")
    what = f"object {dropped.bucket}/{dropped.key} version {dropped.version_id}"
    return judged(context, "byte", record, [("data", what)], ("differs",))


def seed(context: DemoContext) -> str:
    """Another seed, applied as a person does."""
    apply(context, short(context, seed=context.found["race"]["seed"] + 1))
    try:
        record = training_watch.reproduce(context, "seed", _version(context), "declared")
    finally:
        apply(context)
    return judged(context, "seed", record, [("seed", "training")], ("differs", "within tolerance"))


def library(context: DemoContext) -> str:
    """The same run by a trainer's image whose LightGBM is another one."""
    make_environment(context.place, lambda told: context.board.tell("library", told))
    _deploy(context, {"TrainerImage": NEXT_IMAGE})
    try:
        record = training_watch.reproduce(context, "library", _version(context), "recorded")
    finally:
        _deploy(context, {})
    states = ("identical", "within tolerance", "differs")
    return judged(context, "library", record, [("library", LIBRARY)], states)


def judged(
    context: DemoContext, name: str, record: Record, wanted: list[tuple[str, str]], states: tuple[str, ...]
) -> str:
    """Keeps the record as ``name``. The promise: it names what was changed, and nothing else."""
    verdict = record["verdict"]
    reasons = [(reason["kind"], reason["what"]) for reason in verdict["reasons"]]
    kept = ("id", "against", "run", "version", "verdict")
    context.found.setdefault("reproductions", {})[name] = {each: record[each] for each in kept}
    told = "; ".join(_reason(reason) for reason in verdict["reasons"]) or "nothing differs"
    context.promise(
        PROMISES[name], reasons == wanted and verdict["state"] in states, f"{verdict['state']}; {told}"
    )
    return f"{verdict['state']}: {told}"


PROMISES = {
    "recorded": "made again as recorded, it is identical",
    "byte": "one source byte is named",
    "seed": "one seed is named",
    "library": f"one library's version is named ({NEXT_VERSION})",
}


def _reason(reason: dict[str, Any]) -> str:
    return f"{reason['kind']} {reason['what']}: {_brief(reason['recorded'])} -> {_brief(reason['found'])}"


def _brief(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text


def _deploy(context: DemoContext, changes: dict[str, str]) -> None:
    """The stack with another parameter, or as it was; whoever asks it then finds it where it is."""

    def listen(progress: Any) -> None:
        context.board.tell("library", f"deploying: {progress.logical_id} {progress.status.lower()}")

    before = context.platform
    context.platform = deploy_platform(context.place, context.running.state, listen, before, changes)
    context.forget_clients()


def _version(context: DemoContext) -> int:
    return int(context.found["spot"]["version"])


def _sha256(context: DemoContext, run: str) -> str:
    bucket, key = context.state.outputs["ModelsBucketName"], f"{PRODUCT}/runs/{run}/out/model.onnx"
    body: bytes = context.administrator("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return hashlib.sha256(body).hexdigest()


def _attempts(context: DemoContext, run: str) -> int:
    job = training_watch.runs(context).show(run)["job_id"]
    found = context.administrator("batch").describe_jobs(jobs=[job])["jobs"][0]
    return len(found["attempts"])
