"""The story after the set-up: learn from nine months, predict November, look back, follow one answer home.

Owns the order of events and what each act adds to the summary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.cli.failures import ApiRefused
from headgate.cli.predictions import entity_request, scores

from headgate_local import demo_features, demo_setup, demo_watch
from headgate_local.demo_context import PRODUCT, DemoContext, DemoFailed, Step
from headgate_local.demo_flights import make_drops, month_files, reference_files, schedule

TRAINING_MONTHS = range(1, 10)
ASKED = 12
TRACE_SECONDS = 60.0
AUC_TARGET = 0.72


def reference(context: DemoContext) -> str:
    """Planes, airports, airlines and nine months of weather: what the flights will be joined with."""
    drops = make_drops(context.place.root)
    demo_setup.put_files(context, [*reference_files(drops), *month_files(drops, "weather", TRAINING_MONTHS)])
    return demo_watch.committed(context, "reference")


def ingest(context: DemoContext) -> str:
    """Nine months of flights."""
    drops = make_drops(context.place.root)
    demo_setup.put_files(context, month_files(drops, "flights", TRAINING_MONTHS))
    return demo_watch.committed(context, "ingest")


def features(context: DemoContext) -> str:
    version = demo_watch.features_built(context, "features")
    context.found["features"] = version
    demo_features.tested(context)
    return demo_watch.said_of_features(version)


def train(context: DemoContext) -> str:
    run = demo_watch.trained(context, "train")
    spent = f", {run['seconds']:.1f} s of compute" if run.get("seconds") else ""  # or its end is not told yet
    return f"run {run['digest'][:12]}{spent}"


def champion(context: DemoContext) -> str:
    """The gates let the model through, and the champion alias points at it."""
    model = demo_watch.champion(context, "champion")
    context.found["model"] = {
        "name": model["model"],
        "version": model["version"],
        "digest": model["digest"],
        "run": model["run"],
        "feature_version": model["feature_version"],
        "holdout_auc": model["metrics"]["auc"],
        "holdout_baselines": model["metrics"]["baselines"],
        "gates": model["gates"],
    }
    passed = sum(gate["passed"] for gate in model["gates"])
    return f"version {model['version']}, holdout AUC {model['metrics']['auc']:.4f}, {passed} gates passed"


def october(context: DemoContext) -> str:
    """October arrives, and a build is planned before it runs; the online features are then as of its end."""
    before = context.found["features"]["ordinal"]
    said = _months_arrive(context, "october", [10], demo_features.plan)
    return f"{said}; {demo_features.built(context, 'october', before)} made"


def predict(context: DemoContext) -> str:
    """Carol, a consumer, asks for the first scheduled flights of November by entity row."""
    drops = make_drops(context.place.root)
    flights = schedule(context.bundle, month_files(drops, "flights", [11])[0][1], ASKED)
    reply = context.api("carol").infer(context.model, entity_request([flight.row for flight in flights]))
    context.found["prediction"] = {
        "id": reply["id"],
        "model": reply["model_name"],
        "version": int(reply["model_version"]),
        "asked_by": "carol",
        "rows": [
            {**flight.row, "score": round(score, 4)}
            for flight, score in zip(flights, scores(reply), strict=True)
        ],
    }
    context.found["_outcomes"] = [flight.late for flight in flights]
    return f"{len(flights)} flights of {flights[0].row['flight_date']}, prediction {reply['id'][:12]}"


def november(context: DemoContext) -> str:
    """November and December arrive, with what really happened; all online rows are then compared."""
    said = _months_arrive(context, "november", [11, 12])
    demo_features.compare(context)
    rows = context.found["prediction"]["rows"]
    for row, late in zip(rows, context.found.pop("_outcomes"), strict=True):
        row["late"] = late
    return said


def monitor(context: DemoContext) -> str:
    """Performance and drift of the champion over October to December, measured by the platform."""
    version = context.found["features"]["digest"]
    reports = demo_watch.monitored(context, "monitor", version)
    performance, drift = reports["performance"], reports["drift"]
    context.found["performance"] = {k: performance[k] for k in ("auc", "baselines", "rows", "window")}
    ranked = sorted(drift["psi"].items(), key=lambda pair: -pair[1])
    context.found["drift"] = {
        "psi": dict(ranked),
        "drifted": drift["drifted"],
        "threshold": drift["threshold"],
    }
    auc = performance["auc"]
    context.promise(f"AUC October to December at least {AUC_TARGET}", auc >= AUC_TARGET, f"{auc:.4f}")
    return f"AUC {auc:.4f} on {performance['rows']:,} flights; most drift: {ranked[0][0]} {ranked[0][1]:.2f}"


def trace(context: DemoContext) -> str:
    """Follows the prediction back, and compares every source object with the file that was dropped."""
    prediction = context.found["prediction"]["id"]

    def look() -> dict[str, Any] | None:
        try:
            found = context.api().trace(PRODUCT, prediction)
        except ApiRefused as error:
            if error.code != 404:
                raise
            return None
        return found if found["sources"] else None

    found = context.wait(f"the trace of {prediction}", look, TRACE_SECONDS)
    wrong = [source["key"] for source in found["sources"] if not _is_the_dropped_file(context, source)]
    newest = max((s for s in found["sources"] if "/flights/" in s["key"]), key=lambda s: str(s["key"]))
    context.found["trace"] = {
        "prediction": prediction,
        "sources": len(found["sources"]),
        "key": newest["key"],
        "version_id": newest["version_id"],
        "sha256": newest["sha256"],
        "dropped_sha256": context.drops[newest["key"]].sha256,
        "path": _path_to(found["tree"], newest["node"]),
    }
    context.promise(
        "every traced sha256 is that of the dropped file", not wrong, f"{len(found['sources'])} objects"
    )
    said = f"not as dropped: {', '.join(wrong)}" if wrong else "each as it was dropped"
    return f"{len(found['sources'])} source objects, {said}"


def refusal(context: DemoContext) -> str:
    """Bob, a data scientist, tries to promote the model."""
    version = str(context.found["model"]["version"])
    try:
        context.api("bob").promote(PRODUCT, version, "champion", "I like it")
    except ApiRefused as refused:
        context.found["refused"] = {
            "principal": "bob",
            "action": "headgate:PromoteModel",
            "status": refused.code,
            "statement": refused.statement,
            "error": str(refused),
        }
        named = refused.code == 403 and bool(refused.statement)
        context.promise("bob's promotion is refused by a named statement", named, f"{refused.code}")
        return f"HTTP {refused.code} by {refused.statement}"
    raise DemoFailed("bob promoted a model, which the product's policy denies")


def gate(context: DemoContext) -> str:
    """The gate out of the PoC stage, and what all this has cost."""
    evidence = context.api().check_gate(PRODUCT, "poc")
    costs = context.api().costs(PRODUCT)
    context.found["gate"] = {"stage": "poc", "passed": evidence["passed"], "criteria": evidence["criteria"]}
    context.found["cost"] = {"usd": costs["usd"], "month": costs["month"], "lines": len(costs["costs"])}
    verdict = "passed" if evidence["passed"] else "not passed"
    context.promise("the PoC gate passes", evidence["passed"], verdict)
    return f"PoC gate {verdict}; ${costs['usd']:.4f} this month"


def _months_arrive(
    context: DemoContext,
    stage: str,
    months: list[int],
    taken_in: Callable[[DemoContext, str], None] = lambda _context, _stage: None,
) -> str:
    """``taken_in`` is done between the datasets' versions and the features'."""
    drops = make_drops(context.place.root)
    demo_setup.put_files(
        context, [*month_files(drops, "weather", months), *month_files(drops, "flights", months)]
    )
    demo_watch.committed(context, stage)
    taken_in(context, stage)
    version = demo_watch.features_built(context, stage)
    context.found["features"] = {k: version[k] for k in ("feature_set", "ordinal", "digest", "rows")}
    context.found["datasets"] = {
        name: {k: head[k] for k in ("ordinal", "digest", "rows")}
        for name, head in demo_watch.heads(context).items()
    }
    return demo_watch.said_of_features(version)


def _is_the_dropped_file(context: DemoContext, source: dict[str, Any]) -> bool:
    dropped = context.drops.get(source["key"])
    return dropped is not None and (dropped.sha256, dropped.version_id) == (
        source["sha256"],
        source["version_id"],
    )


def _path_to(step: dict[str, Any], node: str) -> list[str]:
    """Node names from the root to ``node``; empty when the tree does not hold it."""
    if step["node"] == node:
        return [node]
    for upstream in step["upstream"]:
        found = _path_to(upstream, node)
        if found:
            return [str(step["node"]), *found]
    return []


STEPS = (
    Step("emulator", demo_setup.emulator),
    Step("deploy", demo_setup.deployment),
    Step("product", demo_setup.product),
    Step("reference", reference),
    Step("ingest", ingest),
    Step("features", features),
    Step("train", train),
    Step("champion", champion),
    Step("october", october),
    Step("predict", predict),
    Step("november", november),
    Step("monitor", monitor),
    Step("parity", demo_features.compared),
    Step("trace", trace),
    Step("refusal", refusal),
    Step("gate", gate),
)
TITLES = {
    "emulator": "start the emulator",
    "deploy": "deploy template.yaml",
    "product": "apply the product",
    "reference": "drop weather and reference",
    "ingest": "drop flights, Jan to Sep",
    "features": "build features",
    "train": "train on AWS Batch",
    "champion": "gate, register, promote",
    "october": "October arrives",
    "predict": "ask about 1 November",
    "november": "November, December arrive",
    "monitor": "measure what happened",
    "parity": "compare online rows",
    "trace": "trace the prediction",
    "refusal": "bob tries to promote",
    "gate": "PoC gate and costs",
}
