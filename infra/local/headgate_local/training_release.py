"""Two people bring a version live, one takes it back, and what was live is told for any instant.

Owns the order of the moves, and what of the answers is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from headgate.cli.client import ApiClient
from headgate.cli.failures import ApiRefused
from headgate.cli.releases_client import ReleasesClient

from headgate_local import training_watch
from headgate_local.demo_context import PRODUCT, DemoContext, DemoFailed
from headgate_local.training_watch import DIGITS

PAUSE = 0.4
"""Seconds between two moves, so that there are instants between them."""
Found = dict[str, Any]


def stage(context: DemoContext) -> str:
    """The evidence lets the product leave the PoC; from here on its policy asks for two people."""
    evidence = context.api("alice").check_gate(PRODUCT, "poc")
    if not evidence["passed"]:
        failed = [f"{c['name']}: {c['found']}" for c in evidence["criteria"] if not c["passed"]]
        raise DemoFailed(f"the PoC gate does not pass: {'; '.join(failed)}")
    moved = context.api("alice").set_stage(PRODUCT, "prototype")
    context.found["stage"] = {**moved, "criteria": evidence["criteria"]}
    return f"{moved['from_stage']} to {moved['to_stage']}, on {len(evidence['criteria'])} criteria"


def two_persons(context: DemoContext) -> str:
    """Alice proposes the best of the experiment and may not promote it; Erin may."""
    version = context.found["experiment"]["model_version"] or _newest(context)
    unproposed = _refused(context, "alice", version)
    training_watch.releases(context, "alice").propose(str(version), "the best of twelve")
    own = _refused(context, "alice", version)
    moved = context.api("erin").promote(PRODUCT, str(version), "champion", "agreed: the best of twelve")
    release = training_watch.releases(context).live(None)["live"]
    context.found["two_persons"] = {
        "version": version,
        "unproposed": unproposed,
        "own_proposal": own,
        "promoted_by": moved["principal"],
        "release": release["number"],
        "proposed_by": release["proposed_by"],
    }
    named = (
        str(own["statement"]).endswith("TwoPersonsPromote")
        and str(unproposed["statement"]).endswith("NothingIsPromotedUnproposed")
        and (release["proposed_by"], release["principal"]) == ("user/alice", "user/erin")
    )
    context.promise(
        "nobody promotes their own proposal; a second person does",
        named,
        f"HTTP {own['status']} by {own['statement']}, then {moved['principal']}",
    )
    return f"alice: HTTP {own['status']} by {own['statement']}; erin promotes version {version}"


def rollback(context: DemoContext) -> str:
    """Back by one person's word, and what was live before, during and after."""
    client = training_watch.releases(context, "alice")
    second = client.live(None)["live"]
    context.sleep(PAUSE)
    before = _now()
    context.sleep(PAUSE)
    with _looking(context.api("erin")) as seen:
        _more(context, seen)
        back = client.rollback("complaints from the gates", from_version=second["closure"]["version"])
        _more(context, seen)
    context.sleep(PAUSE)
    after = _now()
    answers = [
        _answer("before", before, client),
        _answer("during", back["moved_at"], client),
        _answer("after", after, client),
    ]
    context.found["live_at"] = {
        "answers": answers,
        "first": _answer("before version 2", _first_move(context), client),
        "looked": len(seen),
        "seen": sorted({release["number"] for release in seen}),
    }
    _promise_moments(context, answers, seen, (second, back))
    return (
        f"release {back['number']}, version {back['closure']['version']} again; {len(seen)} looks meanwhile"
    )


def _promise_moments(
    context: DemoContext, answers: list[Found], seen: list[Found], moved: tuple[Found, Found]
) -> None:
    """``moved`` are the releases before and after."""
    before, after = (release["number"] for release in moved)
    told = ", ".join(f"{a['when']}: release {a['release']} (version {a['version']})" for a in answers)
    right = [answer["release"] for answer in answers] == [before, after, after]
    whole = all(all(answer["closure"].values()) for answer in answers)
    context.promise("live-at tells what was live before, during and after a rollback", right and whole, told)
    both = {release["number"] for release in seen} == {before, after}
    half = [each for each in seen if each["closure"] not in [release["closure"] for release in moved]]
    looks = f"{len(seen)} looks while it moved, each a whole one"
    context.promise("nobody sees half a release", both and not half, looks)


def _more(context: DemoContext, seen: list[Found]) -> None:
    """Until there were some further looks."""
    before = len(seen)
    context.wait("looks at what is live", lambda: True if len(seen) > before + 1 else None, 20.0, every=0.02)


def _answer(when: str, at: str, client: ReleasesClient) -> Found:
    """What was live at an instant, asked for afterwards."""
    live = client.live(at)["live"]
    closure = live["closure"]
    return {
        "when": when,
        "at": at,
        "release": live["number"],
        "kind": live["kind"],
        "version": closure["version"],
        "closure": closure,
        "told": _told(closure),
    }


def _told(closure: Found) -> str:
    datasets = ", ".join(f"{name} v{each['ordinal']}" for name, each in sorted(closure["datasets"].items()))
    return (
        f"{closure['model']} v{closure['version']}, run {closure['run'][:DIGITS]}, features "
        f"{closure['feature_version'][:DIGITS]}, config {closure['config_digest'][:DIGITS]}, code "
        f"{closure['code_digest'][:DIGITS]}; {datasets}"
    )


def _first_move(context: DemoContext) -> str:
    """The instant of the first release: what was live before anybody was asked."""
    listed = training_watch.releases(context).releases()["releases"]
    return str(listed[-1]["moved_at"])


@contextmanager
def _looking(api: ApiClient) -> Iterator[list[Found]]:
    """Asks what is live, over and over, from another thread."""
    seen: list[Found] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.append(ReleasesClient(api, PRODUCT).live(None)["live"])

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _refused(context: DemoContext, person: str, version: int) -> Found:
    try:
        context.api(person).promote(PRODUCT, str(version), "champion", "it is better")
    except ApiRefused as refused:
        return {
            "principal": person,
            "status": refused.code,
            "statement": refused.statement,
            "error": str(refused),
        }
    raise DemoFailed(f"{person} promoted version {version} alone, which the product's policy denies")


def _newest(context: DemoContext) -> int:
    return int(context.api().models(PRODUCT)["models"][0]["version"])


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
