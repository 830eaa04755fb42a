"""Every route with real REST proxy events: what it answers, what it refuses, and that it says why."""

from collections.abc import Callable
from typing import Any

import pytest
from headgate.services.models.promote_model import Promotion

from tests.unit.control_plane.http import CASES, Door, event
from tests.unit.control_plane.world import (
    ALICE,
    DATASET_DIGEST,
    EXPERIMENT,
    RUN,
    SOURCE,
    TRIAL,
    World,
    model_version,
)

Body = dict[str, Any]

# case -> what must be true of the answer. Its status is 200 unless the case is in OTHER_STATUS.
ANSWERS: dict[str, Callable[[Body], bool]] = {
    "list-products": lambda b: [p["name"] for p in b["products"]] == ["flights"],
    "list-products-of-a-stranger": lambda b: b == {"products": []},
    "get-product": lambda b: b["stage"] == "poc" and b["bundle"]["title"] == "Late arrivals",
    "path-that-carries-its-stage": lambda b: b["name"] == "flights",
    "apply-product": lambda b: b["changed"] and not b["created"] and b["title"] == "Late arrivals, again",
    "list-dataset-versions": lambda b: (
        [v["ordinal"] for v in b["versions"]] == [3]
        and b["versions"][0]["names"] == ["pending"]
        and b["before"] == 3
    ),
    "list-branch-versions": lambda b: (
        [(v["ordinal"], v["names"]) for v in b["versions"]] == [(1, ["work", "tag first"])]
    ),
    "get-dataset-version": lambda b: (
        b["digest"] == DATASET_DIGEST
        and b["sources"][0]["key"] == SOURCE.key
        and b["file_list"][0]["source_rows"] == [0, 1]
        and b["schema"][0]["name"] == "flight"
        and b["checks"][0]["passed"]
    ),
    "get-dataset-version-at-a-time": lambda b: b["ordinal"] == 2 and len(b["file_list"]) == 1,
    "list-names": lambda b: (
        [n["name"] for n in b["branches"]] == ["main", "pending", "work"]
        and b["tags"][0]["ordinal"] == 1
        and b["holds"][0]["reason"] == "asked for"
    ),
    "tag-version": lambda b: (b["name"], b["ordinal"], b["author"]) == ("q1", 1, "user/alice"),
    "create-branch": lambda b: (b["name"], b["head_ordinal"]) == ("trial", 1),
    "delete-branch": lambda b: b["name"] == "work",
    "hold-version": lambda b: (b["ordinal"], b["reason"]) == (1, "asked for by the auditor"),
    "release-hold": lambda b: b["name"] == "case-7",
    "rollback-dataset": lambda b: (
        b["changed"]
        and (b["version"]["operation"], b["target"]["ordinal"]) == ("rollback", 1)
        and b["version"]["message"] == "v2 was wrong"
    ),
    "merge-branch": lambda b: (b["version"]["operation"], b["version"]["branch"]) == ("merge", "work"),
    "publish-version": lambda b: (
        (b["changed"], b["version"]["branch"], b["version"]["rows"])
        == (
            True,
            "main",
            300,
        )
    ),
    "reject-version": lambda b: b["version"]["message"] == "the tower's clock was off",
    "request-collection": lambda b: (
        (b["state"], b["dry_run"], b["retention"]["keep_last"])
        == (
            "asked",
            True,
            5,
        )
    ),
    "list-collections": lambda b: (
        [(c["id"], c["given_up"]) for c in b["collections"]] == [("c-1", 1)]
        and "listed" not in b["collections"][0]
    ),
    "get-collection": lambda b: b["listed"][0]["reason"] == "v1" and b["kept"][0]["ordinal"] == 2,
    "request-feature-collection": lambda b: (
        (b["state"], b["dry_run"], b["feature_set"]) == ("asked", True, "late") and "dataset" not in b
    ),
    "list-feature-collections": lambda b: (
        [(c["id"], c["feature_set"], c["given_up"]) for c in b["collections"]] == [("f-1", "late", 1)]
    ),
    "get-feature-collection": lambda b: (b["feature_set"], b["kept"][0]["ordinal"]) == ("late", 2),
    "request-diff": lambda b: (
        (b["state"], b["from"]["ordinal"], b["to"]["ordinal"], b["key"], b["rows"])
        == ("asked", 1, 2, ["flight"], None)
        and (b["files"]["shared"], b["files"]["removed"], b["files"]["added_rows"]) == (1, 0, 100)
        and (b["schema"], b["different"]) == ([], None)
    ),
    "diff-of-a-version-with-itself": lambda b: (
        (b["state"], b["different"], b["unchanged"], b["rows"]["changed"]) == ("done", False, 200, 0)
        and b["note"] == "flights has no primary key: whole rows are compared"
    ),
    "get-diff": lambda b: (
        (b["state"], b["different"], b["rows"]["added"], b["unchanged"]) == ("done", True, 100, 100)
        and b["rows"]["samples"]["added"] == [{"values": {"flight": "UA1"}, "copies": 1}]
    ),
    "list-pending": lambda b: (
        [(p["dataset"], p["published"], p["total"]) for p in b["pending"]] == [("flights", 2, 1)]
        and b["pending"][0]["versions"][0]["checks"][0]["name"] == "required"
    ),
    "list-quarantine": lambda b: b["quarantine"][0]["rule"] == "ragged_rows" and "sample" not in str(b),
    "list-open-quarantine": lambda b: [q["id"] for q in b["quarantine"]] == ["q-1"],
    "get-quarantined": lambda b: b["sample"] == [{"line": 7}] and b["state"] == "open",
    "replay-quarantined": lambda b: b == {"quarantine": ["q-1"], "remaining": 0},
    "replay-with-a-fixed-object": lambda b: b["quarantine"] == ["q-1"],
    "replay-rule": lambda b: b == {"quarantine": ["q-1"], "remaining": 0},
    "discard-quarantined": lambda b: (
        (b["state"], b["closed_by"], b["closed_because"]) == ("discarded", "user/alice", "a test file")
    ),
    "import-objects": lambda b: (
        (b["dataset"], b["uri"]) == ("flights", "s3://archive/flights/2012 and before/")
    ),
    "rebuild-table": lambda b: (b["generation"], b["principal"]) == ("generation-1", "user/alice"),
    "request-erasure": lambda b: (
        (b["state"], b["subjects"], b["columns"], b["dry_run"]) == ("asked", 2, ["flight"], False)
        and "UA1545" not in str(b)
    ),
    "find-subject": lambda b: b["dry_run"] and b["state"] == "asked",
    "list-erasures": lambda b: [(e["id"], e["findings"]["rows"]) for e in b["erasures"]] == [("e-1", 2)],
    "get-erasure": lambda b: b["state"] == "erased" and b["findings"]["models"] == ["model/late_arrival/2"],
    "list-features": lambda b: b["features"][0]["inputs"] == {"flights": DATASET_DIGEST},
    "get-feature-version": lambda b: (
        (b["ordinal"], b["current"], b["built"], b["steps"]) == (1, False, 2, 2)
        and b["columns"][0]["statistics"]["values"] == {"UA": 150}
        and [(v["name"], v["incremental"], v["tests"][0]["name"]) for v in b["views"]]
        == [("departures", False, "window")]
    ),
    "get-feature-files": lambda b: (
        (b["version"], b["rows"], b["event_time"]) == (1, 200, "time_hour")
        and b["partitions"][0]["url"].startswith("file:")
        and "views" not in b
    ),
    "get-feature-plan": lambda b: (
        (b["inputs"], b["waiting"], b["unchanged"]) == ({"flights": 2}, [], None)
        and [v["view"] for v in b["views"]] == ["departures", "carrier_now"]
        and b["total"]["to_build"] == 3
    ),
    "request-build": lambda b: (b["kind"], b["state"], b["requested_by"]) == ("build", "asked", "user/alice"),
    "get-build": lambda b: (b["state"], b["result"]["outcome"]) == ("done", "unchanged"),
    "request-parity": lambda b: (b["kind"], b["state"]) == ("parity", "asked"),
    "get-parity": lambda b: b["result"]["views"][0]["examples"][0]["offline"] == {"flights_now": 3},
    "get-online-row": lambda b: (
        (b["entity"], b["values"], b["usable"], b["age_seconds"])
        == ({"carrier": "UA"}, {"flights_now": 3}, True, 3600)
    ),
    "list-gates": lambda b: b == {"gates": []},
    "check-gate": lambda b: b["passed"] and b["checked_by"] == "user/alice",
    "change-stage-back-to-itself": lambda b: b["changed"] is False,
    "list-runs": lambda b: [r["digest"] for r in b["runs"]] == [RUN, TRIAL],
    "start-run": lambda b: b == {"product": "flights", "reason": "manual", "principal": "user/alice"},
    "list-experiments": lambda b: (
        [(e["id"], e["state"]) for e in b["experiments"]] == [(EXPERIMENT, "SUBMITTED")]
    ),
    "start-experiment": lambda b: (
        (b["reason"], b["purpose"], b["trials"]) == ("experiment", "which depth", 2)
        and b["estimated_cost_usd"] == 0.23304
    ),
    "get-experiment": lambda b: (
        [(t["run"], t["state"], t["computed_here"]) for t in b["trials"]]
        == [(RUN, "REGISTERED", False), (TRIAL, "SUBMITTED", True)]
        and b["trials"][1]["job_id"] == "job-0002"
    ),
    "stop-experiment": lambda b: (b["experiment"], b["job_id"]) == (EXPERIMENT, "job-0002"),
    "stop-run": lambda b: (b["run"], b["job_id"], b["principal"]) == (TRIAL, "job-0002", "user/alice"),
    "get-budget": lambda b: (
        b
        == {
            "product": "flights",
            "month": "2030-01",
            "limit": 5.0,
            "reserved": 0.2,
            "spent": 0.0,
            "left": 4.8,
        }
    ),
    "get-run": lambda b: b["state"] == "REGISTERED",
    "get-run-log": lambda b: (
        (b["job"], b["ended"], b["after"]) == ("SUCCEEDED", False, "trainer/default/1|2")
        and [line["message"] for line in b["lines"]] == ['{"event": "run_started"}', "done"]
    ),
    "list-models": lambda b: (
        b["aliases"] == {"champion": 1, "challenger": None}
        and [(m["version"], m["contains_erased"]) for m in b["models"]] == [(2, ["e-1"]), (1, [])]
    ),
    "get-model": lambda b: b["gates"][0]["name"] == "min_auc" and b["contains_erased"] == ["e-1"],
    "promote-model": lambda b: (b["from_version"], b["to_version"], b["principal"]) == (1, 2, "user/alice"),
    "reproduce-model": lambda b: (
        (b["state"], b["against"], b["version"], b["requested_by"]) == ("asked", "declared", 2, "user/alice")
        and b["id"].startswith("v2-")
    ),
    "list-reproductions": lambda b: [r["id"] for r in b["reproductions"]] == ["v2-20300101000000-r1"],
    "get-reproduction": lambda b: (
        (b["state"], b["verdict"]["state"]) == ("judged", "differs")
        and b["verdict"]["reasons"] == [{"kind": "seed", "what": "training", "recorded": 7, "found": 8}]
    ),
    "list-releases": lambda b: b == {"releases": []},
    "live-now": lambda b: (b["live"], b["before"], b["after"]) == (None, None, None),
    "live-at": lambda b: b["at"] == "2030-01-01T00:00:00.000Z",
    "rollback-release": lambda b: (
        (b["number"], b["kind"], b["from_version"], b["closure"]["version"]) == (2, "rollback", 2, 1)
    ),
    "list-proposals": lambda b: b == {"proposals": []},
    "propose-model": lambda b: (b["state"], b["principal"], b["version"]) == ("open", "user/alice", 2),
    "withdraw-proposal": lambda b: (b["state"], b["closed_by"]) == ("withdrawn", "user/alice"),
    "get-model-card": lambda b: b["card"]["version"] == 2 and b["markdown"].startswith("# late_arrival"),
    "get-model-bom": lambda b: b["bomFormat"] == "CycloneDX",
    "verify-model": lambda b: b["valid"] and b["checks"][-1]["name"] == "artifact",
    "verify-what-was-never-signed": lambda b: not b["valid"] and b["signature"] is None,
    "compare-models": lambda b: (
        (b["a"]["version"], b["b"]["version"]) == (1, 2)
        and b["same_window"]
        and b["auc_difference"] is None
        and ["digest" in b["a"], b["changed"]] == [True, []]
    ),
    "body-in-base64": lambda b: b["reason"] == "ja é" and b["alias"] == "champion",
    "trace-prediction": lambda b: b["sources"][0]["sha256"] == SOURCE.sha256 and not b["truncated"],
    "explain-access": lambda b: (
        b["decision"] == "explicit_deny" and b["statement"] == "flights#OnlyEngineersPromote"
    ),
    "list-decisions": lambda b: b["decisions"][-1]["action"] == "headgate:ApplyProduct",
    "list-costs": lambda b: b["usd"] == 0.25 and b["costs"][0]["run"] == RUN,
    "list-reports": lambda b: b["reports"][0]["psi"] == 0.3,
}
# case -> what has to happen first.
GIVEN: dict[str, Callable[[World], object]] = {
    "rollback-release": lambda world: world.plane.promote_model.promote(ALICE, "flights", Promotion(2)),
    "withdraw-proposal": lambda world: world.plane.propose_model.propose(ALICE, "flights", 2, "why not"),
    "verify-what-was-never-signed": lambda world: world.unsign(model_version(1)),
    "promote-what-was-never-signed": lambda world: world.unsign(model_version(2)),
    "card-of-an-unsigned-version": lambda world: world.unsign(model_version(1)),
}
OTHER_STATUS = dict.fromkeys(
    (
        *(
            "start-run",
            "start-experiment",
            "stop-experiment",
            "stop-run",
            "replay-quarantined",
            "replay-with-a-fixed-object",
            "replay-rule",
            "request-collection",
            "request-feature-collection",
            "request-diff",
            "diff-of-a-version-with-itself",
            "request-erasure",
            "find-subject",
        ),
        *("reproduce-model", "import-objects", "rebuild-table", "request-build", "request-parity"),
    ),
    202,
)

# case -> status, type, and what the sentence must hold.
REFUSALS: dict[str, tuple[int, str, str]] = {
    "no-principal": (401, "Unauthenticated", "principal"),
    "principal-with-broken-tags": (401, "Unauthenticated", "principal"),
    "principal-in-the-body": (400, "InvalidRequest", "body: unknown field 'principal'"),
    "scientist-promotes": (403, "AccessDenied", "flights#OnlyEngineersPromote"),
    "scientist-erases": (403, "AccessDenied", "no statement allows headgate:EraseSubject"),
    "erasure-without-reason": (400, "InvalidRequest", "a reason is needed"),
    "erasure-of-an-unknown-column": (400, "InvalidRequest", "no column passenger"),
    "unknown-erasure": (404, "NotFound", "e-404"),
    "scientist-replays": (403, "AccessDenied", "no statement allows headgate:ReplayDrop"),
    "replay-with-an-object-of-another-dataset": (400, "InvalidRequest", "no drop of flights/flights"),
    "discard-without-reason": (400, "InvalidRequest", "body.reason: missing"),
    "unknown-quarantine-state": (400, "InvalidRequest", "query.state: one of open, replayed, discarded"),
    "import-from-no-place": (400, "InvalidRequest", "s3://<bucket>/<prefix> is needed"),
    "scientist-rebuilds": (403, "AccessDenied", "no statement allows headgate:PublishTable"),
    "scientist-imports": (403, "AccessDenied", "no statement allows headgate:ImportObjects"),
    "unknown-quarantined": (404, "NotFound", "flights/q-404"),
    "stranger-reads": (403, "AccessDenied", "no statement allows headgate:ReadProduct"),
    "scientist-reads-decisions": (403, "AccessDenied", "flights#AuditIsForEngineers"),
    "unknown-product": (404, "NotFound", "'nothing'"),
    "unknown-dataset": (404, "NotFound", "it has flights"),
    "unknown-version": (404, "NotFound", "99"),
    "unknown-feature-set": (404, "NotFound", "no feature set 'early'; it has late"),
    "unknown-feature-version": (404, "NotFound", "no v9; the newest is v1"),
    "feature-version-that-is-no-name": (400, "InvalidRequest", "latest, v3, or at least 6 digits"),
    "feature-files-of-no-time": (400, "InvalidRequest", "from 2013-02-01 on and before 2013-01-01"),
    "feature-files-with-a-flag-that-is-none": (400, "InvalidRequest", "query.views: true or false"),
    "scientist-builds": (403, "AccessDenied", "no statement allows headgate:BuildFeatures"),
    "unknown-build": (404, "NotFound", "no build b-404"),
    "unknown-comparison": (404, "NotFound", "no comparison c-404"),
    "online-row-with-too-many-keys": (400, "InvalidRequest", "is by carrier: 1 key(s) are needed"),
    "online-row-without-a-key": (400, "InvalidRequest", "query.key: missing"),
    "online-row-of-a-view-that-is-none": (404, "NotFound", "online are carrier_now"),
    "online-row-at-no-instant": (400, "InvalidRequest", "'noon' is no instant"),
    "unknown-collection": (404, "NotFound", "c-404"),
    "unknown-diff": (404, "NotFound", "ask for it again"),
    "diff-of-an-unknown-version": (404, "NotFound", "v99"),
    "diff-without-a-version": (400, "InvalidRequest", "body.from: missing"),
    "diff-by-an-unknown-column": (400, "InvalidRequest", "passenger is no column of both v1 and v2"),
    "diff-that-shows-too-many-rows": (400, "InvalidRequest", "body.limit: a whole number between 0 and 100"),
    "scientist-diffs": (403, "AccessDenied", "no statement allows headgate:DiffVersions"),
    "scientist-collects": (403, "AccessDenied", "no statement allows headgate:CollectGarbage"),
    "scientist-collects-features": (403, "AccessDenied", "no statement allows headgate:CollectGarbage"),
    "collection-of-an-unknown-set": (404, "NotFound", "no feature set 'early'; it has late"),
    "collection-that-keeps-nothing": (400, "InvalidRequest", "body.keep_last: a whole number"),
    "collection-without-a-word-on-deleting": (400, "InvalidRequest", "body.dry_run: missing"),
    "unknown-hold": (404, "NotFound", "no hold 'nothing'"),
    "version-name-that-is-none": (400, "InvalidRequest", "path.reference"),
    "scientist-publishes": (403, "AccessDenied", "no statement allows headgate:PublishVersion"),
    "scientist-rolls-back": (403, "AccessDenied", "no statement allows headgate:RollbackDataset"),
    "tag-that-reads-as-a-version": (400, "InvalidRequest", "'v7' names no tag or branch"),
    "tag-that-would-move": (409, "Conflict", "the tag first means v1; tags do not move"),
    "branch-that-is-there": (409, "Conflict", "work is there already, at v1"),
    "rejection-without-a-reason": (400, "InvalidRequest", "body.reason: missing"),
    "publish-what-does-not-wait": (400, "InvalidRequest", "v1 does not wait"),
    "rollback-to-no-time": (400, "InvalidRequest", "'yesterday' is no time"),
    "scientist-reproduces": (403, "AccessDenied", "no statement allows headgate:ReproduceModel"),
    "reproduce-with-something-else": (400, "InvalidRequest", "body.with: one of"),
    "reproduce-unknown-model": (404, "NotFound", "version 9"),
    "unknown-reproduction": (404, "NotFound", "v2-none"),
    "unknown-experiment": (404, "NotFound", "product flights has no experiment 000000000000"),
    "stop-without-a-reason": (400, "InvalidRequest", "body.reason: missing"),
    "stop-what-has-ended": (409, "PreconditionFailed", "run aaaaaaaaaaaa has ended: it is REGISTERED"),
    "scientist-stops": (403, "AccessDenied", "no statement allows headgate:StopTraining"),
    "budget-of-no-month": (400, "InvalidRequest", "query.month: a month such as 2013-09"),
    "unknown-prediction": (404, "NotFound", "p-404"),
    "unknown-route": (404, "NotFound", "/nothing"),
    "wrong-method": (405, "MethodNotAllowed", "GET, PUT"),
    "version-that-is-no-number": (400, "InvalidRequest", "path.version"),
    "product-name-with-a-slash": (400, "InvalidRequest", "path.product"),
    "malformed-json": (400, "InvalidRequest", "body: not JSON"),
    "key-that-stands-twice": (400, "InvalidRequest", "'to_stage' stands twice"),
    "body-that-is-a-list": (400, "InvalidRequest", "body: an object is needed, found a list"),
    "unknown-field": (400, "InvalidRequest", "body: unknown field 'force'"),
    "missing-field": (400, "InvalidRequest", "body.to_stage: missing"),
    "field-of-a-wrong-type": (400, "InvalidRequest", "body.from_version: a whole number"),
    "unknown-stage": (400, "InvalidRequest", "stages are poc, prototype, mvp"),
    "form-instead-of-json": (415, "UnsupportedMediaType", "application/json"),
    "body-where-none-is-taken": (400, "InvalidRequest", "takes none"),
    "unknown-parameter": (400, "InvalidRequest", "query.page: unknown parameter; known: limit"),
    "parameter-twice": (400, "InvalidRequest", "query.limit: stands 2 times"),
    "limit-too-high": (400, "InvalidRequest", "query.limit: a whole number between 1 and 1000"),
    "month-that-is-none": (400, "InvalidRequest", "query.month"),
    "explain-without-resource": (400, "InvalidRequest", "query.resource: missing"),
    "explain-unknown-action": (400, "InvalidRequest", 'did you mean "headgate:PromoteModel"'),
    "explain-resource-of-another-product": (400, "InvalidRequest", "not of flights"),
    "live-at-no-instant": (400, "InvalidRequest", "query.at: a date or an instant"),
    "rollback-where-nothing-was-before": (409, "PreconditionFailed", "nothing was live before"),
    "rollback-to-two-targets": (400, "InvalidRequest", "not both"),
    "scientist-rolls-a-model-back": (403, "AccessDenied", "no statement allows headgate:RollbackModel"),
    "proposal-without-a-reason": (400, "InvalidRequest", "body.reason: missing"),
    "proposal-of-the-champion": (409, "PreconditionFailed", "version 1 is champion already"),
    "withdrawal-of-no-proposal": (404, "NotFound", "no proposal of version 2 is open"),
    "card-of-an-unsigned-version": (404, "NotFound", "late_arrival version 1 has no card.json"),
    "comparison-with-an-unknown-version": (404, "NotFound", "no version 9"),
    "stage-without-evidence": (409, "PreconditionFailed", "the poc gate was never checked"),
    "promote-what-was-never-signed": (409, "PreconditionFailed", "version 2 is not what registration signed"),
    "promote-from-another-version": (409, "Conflict", "is at version 1, not at version 7"),
    "bundle-of-another-product": (400, "InvalidRequest", "the request is for 'weather'"),
    "bundle-with-wrong-fields": (400, "InvalidRequest", "bundle: unknown field 'colour'"),
    "bundle-with-a-broken-policy": (400, "PolicyError", "Effect"),
}


@pytest.fixture
def door(lived: World) -> Door:
    return Door(lived)


def test_every_payload_has_its_expectation() -> None:
    assert {*ANSWERS, *REFUSALS} == set(CASES)


def test_every_route_has_a_payload_that_succeeds(door: Door) -> None:
    called = set()
    for case in ANSWERS:
        payload = event(case)
        called.add((payload["httpMethod"], payload["requestContext"]["resourcePath"]))

    assert {(each.method, each.path) for each in door.endpoints} <= called


@pytest.mark.parametrize("case", ANSWERS)
def test_a_good_request_is_answered(case: str, door: Door) -> None:
    GIVEN.get(case, lambda _: None)(door.world)

    status, body = door.call(event(case))

    assert status == OTHER_STATUS.get(case, 200)
    assert ANSWERS[case](body), body


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_request_is_refused_with_its_reason(case: str, door: Door) -> None:
    status, kind, sentence = REFUSALS[case]

    GIVEN.get(case, lambda _: None)(door.world)

    found_status, body = door.call(event(case))

    assert (found_status, body["type"]) == (status, kind)
    assert sentence in body["error"]
    assert ("statement" in body) == (kind == "AccessDenied")


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_request_changes_nothing(case: str, door: Door) -> None:
    world = door.world
    GIVEN.get(case, lambda _: None)(world)
    world.faults.clear()

    door.call(event(case))

    # The answer of the policy is all that may be published.
    assert set(world.faults.effects) <= {"bus.publish"}
    assert {each.type for each in world.bus.events} <= {"AccessDecided", "ProductApplied"}


def test_a_denial_names_its_statement_and_is_published(door: Door) -> None:
    # Given a scientist, who a statement forbids to promote
    # When she tries
    status, body = door.call(event("scientist-promotes"))

    # Then the answer and the published decision name that statement, and the alias has not moved
    assert (status, body["statement"]) == (403, "flights#OnlyEngineersPromote")
    decision = door.world.decisions()[-1]
    assert decision["decision"] == "explicit_deny"
    assert decision["statement"] == "flights#OnlyEngineersPromote"
    assert decision["resource"] == "hrn:flights:model/late_arrival/2"
    assert door.world.catalog.alias("late_arrival", "champion") == 1


def test_a_missing_grant_has_no_statement(door: Door) -> None:
    _, body = door.call(event("stranger-reads"))

    assert body["statement"] is None


READS = {"list-products", "list-products-of-a-stranger"}


@pytest.mark.parametrize("case", sorted(set(ANSWERS) - READS))
def test_every_act_and_read_publishes_one_decision(case: str, door: Door) -> None:
    GIVEN.get(case, lambda _: None)(door.world)
    before = len(door.world.decisions())

    door.call(event(case))

    (decision,) = door.world.decisions()[before:]
    assert decision["decision"] == "allow"
    assert decision["principal"] == f"user/{'bob' if case == 'explain-access' else 'alice'}"


def test_decisions_need_the_right_to_read_the_audit(door: Door) -> None:
    door.call(event("list-decisions"))

    decision = door.world.decisions()[-1]
    assert (decision["action"], decision["resource"]) == ("headgate:ReadAudit", "hrn:flights:audit/flights")


def test_header_names_are_read_in_any_case(door: Door) -> None:
    payload = event("promote-model")
    payload["headers"] = {name.upper(): value for name, value in payload["headers"].items()}

    assert door.call(payload)[0] == 200
