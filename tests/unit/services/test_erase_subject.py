"""Erasure: what holds a subject is found and taken away, old versions stay readable without it, and
what is kept names no value.
"""

import json
from dataclasses import asdict

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash
from headgate.domain.dataset import Drop
from headgate.domain.entity_key import entity_key, entity_parts
from headgate.domain.erasure import ErasureRequest, Findings, Subject
from headgate.domain.errors import AccessDenied, Conflict, InvalidRequest
from headgate.domain.identity import Principal
from headgate.domain.lineage import edges_of
from headgate.services.erasure.erase_subject import erasure_key
from headgate.services.features.feature_manifests import load_features
from headgate.services.versions.branches import open_branch
from headgate.services.versions.commit_version import Line

from tests.support.crash_points import REDELIVERY_SECONDS, side_effects
from tests.support.erasure_desk import ErasureDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.serving import ASKER, by_entity, train_champion
from tests.support.small_product import bundle, visits_contract, visits_csv

GONE = "v2-5-1"
STAYS = "v2-5-2"


@pytest.fixture(scope="module")
def prepared(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    """A champion was asked about the subject; the bytes that hold it were dropped twice; a broken file, too;
    a branch began while it was there, and March came later.
    """
    platform = prepared_platform.fork()
    train_champion(platform)
    platform.infer.predict(ASKER, "buys", None, by_entity({"visit_id": GONE}, {"visit_id": STAYS}))
    for message in platform.prediction_queue.messages:
        platform.record.record_prediction(message)
    for event in platform.bus.events:
        platform.record.record(event)
    platform.landing.put("shops/visits/copy.csv", visits_csv(2, 29))
    broken = b"visit_id,visited_at,shop,size,bought\n" + GONE.encode() + b",2024-02-05 11:30:00,west,1,true\n"
    platform.ingest_now(platform.drop("shops/visits/broken.csv", broken))
    refs = platform.catalog
    open_branch(refs, refs, Line("shops", "visits", "trial"), "user/alice", "2030-01-01T00:00:00.000Z")
    platform.ingest_now(platform.drop("shops/visits/3.csv", visits_csv(3, 2)))
    platform.faults.clear()
    return platform


@pytest.fixture
def desk(prepared: MemoryPlatform) -> ErasureDesk:
    return ErasureDesk(prepared.fork())


def test_everything_that_holds_a_subject_is_found(desk: ErasureDesk) -> None:
    found = desk.find(GONE).findings
    assert found.rows == 1
    assert found.versions == (2, 3)
    assert [s.split("?")[0] for s in found.sources] == [
        "object/landing/shops/visits/2.csv",
        "object/landing/shops/visits/broken.csv",
        "object/landing/shops/visits/copy.csv",
    ]
    assert len(found.feature_versions) == 1
    assert found.models == ("model/buys/1",)
    assert found.prediction_rows == 1
    assert len(found.quarantined) == 1
    assert any(f.endswith("holdout_scores.parquet") for f in found.files)


def test_finding_changes_nothing_and_is_kept(desk: ErasureDesk) -> None:
    before = desk.traces(GONE)
    desk.platform.faults.clear()
    desk.ask(GONE, dry_run=True)
    record = desk.work()
    assert (record.state, record.findings.versions) == ("found", (2, 3))
    assert desk.traces(GONE) == before
    assert set(desk.platform.faults.effects) <= {
        "lake.put",
        "catalog.put_erasure",
        "bus.publish",
        "maintain.send",
    }


def test_nothing_readable_holds_an_erased_subject(desk: ErasureDesk) -> None:
    assert len(desk.traces(GONE)) == 10
    record = desk.erase(GONE)
    assert record.state == "erased"
    assert desk.traces(GONE) == []
    assert not desk.find(GONE).findings.holds


def test_old_versions_and_branches_read_on_without_it(desk: ErasureDesk) -> None:
    before = {name: desk.ids(name) for name in ("v1", "v2", "v3", "trial", "main")}
    record = desk.erase(GONE)
    for name, ids in before.items():
        assert desk.ids(name) == [i for i in ids if i != GONE], name
    assert STAYS in desk.ids("v2")
    assert GONE in before["v2"]
    head = desk.platform.catalog.dataset_head("shops", "visits")
    assert head is not None
    assert (head.operation, head.ordinal) == ("delete", record.committed[0])
    assert head.rows == 123 + 116 + 8


def test_statistics_of_old_versions_tell_nothing_either(desk: ErasureDesk) -> None:
    # Given a subject whose key is the least of its file, and so stands in manifests
    first = min(i for i in desk.ids("v2") if i.startswith("v2-"))
    assert [p for p in desk.traces(first) if "/manifests/" in p]
    desk.erase(first)
    assert desk.traces(first) == []


def test_feature_versions_stay_readable_under_their_names(desk: ErasureDesk) -> None:
    head = desk.platform.catalog.feature_head("shops", "visit")
    assert head is not None
    before = load_features(desk.platform.lake, "shops", "visit", head.digest)
    desk.erase(GONE)
    after = load_features(desk.platform.lake, "shops", "visit", head.digest)
    assert [p.rows for p in after.partitions] == [before.partitions[0].rows, before.partitions[1].rows - 1]
    # visit v2-5-1 was of size 48, and whoever has more than 25 buys
    assert [p.positives for p in after.partitions] == [
        before.partitions[0].positives,
        (before.partitions[1].positives or 0) - 1,
    ]


def test_the_next_build_knows_nothing_of_it(desk: ErasureDesk) -> None:
    desk.erase(GONE)
    desk.platform.build.on_dataset_version("shops", "visits")
    assert desk.traces(GONE) == []


def test_dropping_the_erased_bytes_again_is_refused(desk: ErasureDesk) -> None:
    desk.erase(GONE)
    rows = len(desk.ids("main"))
    report = desk.platform.ingest_now(desk.platform.drop("shops/visits/again.csv", visits_csv(2, 29)))
    assert [q.rule for q in report.quarantined] == ["erased"]
    assert len(desk.ids("main")) == rows
    # And the next look finds the new object, which holds what was erased
    assert [s.split("?")[0] for s in desk.find(GONE).findings.sources] == [
        "object/landing/shops/visits/again.csv"
    ]


def test_other_drops_come_in_as_ever(desk: ErasureDesk) -> None:
    desk.erase(GONE)
    report = desk.platform.ingest_now(desk.platform.drop("shops/visits/4.csv", visits_csv(4, 1)))
    assert [v.rows for v in report.committed] == [len(desk.ids("main"))]


def test_what_is_kept_names_what_was_done_and_no_value(desk: ErasureDesk) -> None:
    record = desk.erase(GONE, "v1-1-0")
    assert (record.subjects, record.columns, record.reason) == (2, ("visit_id",), "asked by the visitor")
    subject = Subject.of(["visit_id"], [["v1-1-0"], [GONE]])
    assert record.subject_digest == subject.digest(record.salt)
    kept = json.loads(desk.platform.lake.get(erasure_key("shops", record.id)))
    assert kept == json.loads(json.dumps(asdict(record)))
    replaced = {r["key"].split("/")[2 if "/runs/" not in r["key"] else 1] for r in kept["rewritten"]}
    assert {"visits", "visit", "runs"} <= replaced
    assert all(r["old"] != r["new"] for r in kept["rewritten"])


def test_the_fact_is_told_with_a_digest_of_the_report(desk: ErasureDesk) -> None:
    record = desk.erase(GONE)
    (event,) = desk.platform.bus.of_type("SubjectErased")
    assert (event.id, event.detail["principal"]) == (record.id, "user/alice")
    assert event.detail["models"] == ["model/buys/1"]
    assert (event.detail["rows"], event.detail["committed"]) == (1, list(record.committed))


def test_the_lineage_of_a_prediction_says_which_source_is_gone(desk: ErasureDesk) -> None:
    record = desk.erase(GONE)
    for event in desk.platform.bus.events:
        desk.platform.record.record(event)
    second = desk.platform.catalog.dataset_version("shops", "visits", 2)
    edges = desk.platform.ledger.upstream(f"dataset/shops/visits/{second.digest}")
    sources = {e.upstream: e.facts.get("erased") for e in edges if e.upstream.startswith("object/")}
    assert set(sources.values()) == {record.id}
    first = desk.platform.catalog.dataset_version("shops", "visits", 1)
    untouched = desk.platform.ledger.upstream(f"dataset/shops/visits/{first.digest}")
    assert {e.facts.get("erased") for e in untouched} == {None}
    told = [e for e in desk.platform.bus.of_type("LineageRecorded") if "erase/" in str(e.detail)]
    assert {x.node for e in told for x in edges_of(e.detail["event"])} >= {
        f"dataset/shops/visits/{second.digest}"
    }


def test_models_that_learned_from_it_are_flagged_and_stay(desk: ErasureDesk) -> None:
    record = desk.erase(GONE)
    assert desk.asking.erased_in("shops") == {"model/buys/1": [record.id]}
    assert desk.platform.infer.predict(ASKER, "buys", None, by_entity())["outputs"]


def test_what_waits_for_publication_is_rewritten_and_nothing_new_waits(prepared: MemoryPlatform) -> None:
    # Given a dataset whose versions wait, and one that waits with the subject
    desk = ErasureDesk(prepared.fork())
    contract = {**visits_contract(), "publish": "manual"}
    desk.platform.apply_product(bundle(datasets={**bundle()["datasets"], "visits": contract}))
    late = visits_csv(5, 1).replace(b"v5-1-0", GONE.encode())
    desk.platform.ingest_now(desk.platform.drop("shops/visits/5.csv", late))
    # When it is erased
    record = desk.erase(GONE)
    # Then it is gone from main and from what waits
    assert record.state == "erased"
    assert desk.traces(GONE) == []
    assert "v5-1-1" in desk.ids("pending")
    assert "v5-1-1" not in desk.ids("main")


def test_a_pending_branch_that_waits_for_nothing_waits_for_nothing_after(prepared: MemoryPlatform) -> None:
    desk = ErasureDesk(prepared.fork())
    refs = desk.platform.catalog
    open_branch(refs, refs, Line("shops", "visits", "pending"), "service/ingest", "2030-01-01T00:00:00.000Z")
    desk.erase(GONE)
    assert desk.ids("pending") == desk.ids("main")
    head = refs.dataset_head("shops", "visits", "pending")
    assert head is not None
    assert head.operation == "rollback"


def test_a_file_that_is_all_the_subjects_leaves_the_head_and_stays_empty_in_history(
    desk: ErasureDesk,
) -> None:
    header = b"visit_id,visited_at,shop,size,bought\n"
    only = header + b"only-one,2024-04-01 10:30:00,north,1,false\n"
    desk.platform.ingest_now(desk.platform.drop("shops/visits/only.csv", only))
    files = len(desk.files("main"))
    desk.erase("only-one")
    assert len(desk.files("main")) == files - 1
    assert [f.rows for f in desk.files("v4")][-1] == 0
    assert desk.traces("only-one") == []


def test_two_erasures_of_one_file_stand_beside_each_other(desk: ErasureDesk) -> None:
    desk.erase(GONE)
    desk.erase(STAYS)
    assert [desk.traces(v) for v in (GONE, STAYS)] == [[], []]
    assert not {GONE, STAYS} & set(desk.ids("v2"))
    assert len(desk.ids("v2")) == 124 + 116 - 2


def test_nothing_to_erase_is_said_and_commits_nothing(desk: ErasureDesk) -> None:
    record = desk.erase("nobody")
    assert (record.state, record.committed, record.findings) == ("erased", (), Findings())
    assert [v.ordinal for v in desk.platform.catalog.dataset_versions("shops", "visits")] == [3, 2, 1]


def test_a_message_delivered_twice_erases_once(desk: ErasureDesk) -> None:
    desk.ask(GONE)
    (message,) = desk.queue.receive(1)
    request = ErasureRequest.from_message(message)
    first, again = desk.erasing.handle(request), desk.erasing.handle(request)
    assert first == again
    assert len(desk.platform.catalog.dataset_versions("shops", "visits")) == 3 + len(first.committed)


def test_a_file_of_a_commit_that_may_still_run_is_waited_for(desk: ErasureDesk) -> None:
    # Given a data file that holds the subject and that no version names, just written
    (file,) = [f for f in desk.files("v2") if f.source.key.endswith("/2.csv")]
    path = desk.platform.root / "stray.parquet"
    desk.platform.lake.download(file.key, path)
    path.write_bytes(path.read_bytes())
    desk.platform.lake.upload(path, f"shops/datasets/visits/data/{'e' * 64}.parquet")
    # When the subject is erased, it is asked to come back later, and comes to its end then
    desk.ask(GONE)
    (message,) = desk.queue.receive(1)
    request = ErasureRequest.from_message(message)
    with pytest.raises(Conflict, match="may still run"):
        desk.erasing.handle(request)
    desk.platform.clock.advance(6 * 3600)
    assert desk.erasing.handle(request).state == "erased"
    assert desk.traces(GONE) == []


def test_a_dropped_file_that_cannot_be_read_is_told_and_left(desk: ErasureDesk) -> None:
    desk.platform.landing.put("shops/visits/notes.txt", f"about {GONE}, by hand".encode())
    record = desk.erase(GONE)
    assert [u.split("?")[0] for u in record.findings.unsearched] == ["object/landing/shops/visits/notes.txt"]
    assert [t.split("@")[0] for t in desk.traces(GONE)] == ["landing/shops/visits/notes.txt"]


def test_a_crash_after_any_side_effect_is_healed_by_redelivery(prepared: MemoryPlatform) -> None:
    asked = ErasureDesk(prepared.fork())
    asked.ask(GONE)
    (message,) = asked.queue.receive(1)
    request = ErasureRequest.from_message(message)
    expected = [i for i in asked.ids("v2") if i != GONE]

    def act(platform: MemoryPlatform) -> ErasureDesk:
        desk = ErasureDesk(platform)
        desk.erasing.handle(request)
        return desk

    asked.platform.faults.clear()
    effects = side_effects(asked.platform, act)
    assert len(effects) > 30
    for nth, effect in enumerate(effects, start=1):
        platform = asked.platform.fork()
        platform.faults.fail_at(ANY_EFFECT, nth, "after")
        with pytest.raises(Crash):
            act(platform)
        platform.faults.clear()
        platform.restart()
        platform.clock.advance(REDELIVERY_SECONDS)
        desk, crash = act(platform), f"after side effect {nth}, {effect}"
        record = platform.catalog.erasure("shops", request.id)
        assert record.state == "erased", crash
        assert desk.traces(GONE) == [], crash
        assert desk.ids("v2") == expected, crash
        assert record.findings.models == ("model/buys/1",), crash
        assert len(record.findings.sources) == 3, crash
        assert platform.bus.of_type("SubjectErased"), crash


def test_only_who_may_erase_asks_for_it(desk: ErasureDesk) -> None:
    subject = Subject.of(["visit_id"], [[GONE]])
    stranger = Principal("user/mallory")
    for dry_run in (True, False):
        with pytest.raises(AccessDenied):
            desk.asking.request(stranger, "shops", "visits", subject, "because", dry_run)
    with pytest.raises(AccessDenied):
        desk.asking.erasures(stranger, "shops", 10)
    assert desk.queue.messages == ()


def test_policy_is_asked_again_where_the_work_is_done(desk: ErasureDesk) -> None:
    desk.ask(GONE)
    policy = {"Version": "2012-10-17", "Statement": bundle()["policy"]["Statement"][:1]}
    refusal = {
        "Sid": "NoErasure",
        "Effect": "Deny",
        "Principal": {"Headgate": ["group/ml-engineers"]},
        "Action": "headgate:EraseSubject",
        "Resource": "hrn:shops:*",
    }
    desk.platform.apply_product(bundle(policy={**policy, "Statement": [*policy["Statement"], refusal]}))
    record = desk.work()
    assert record.state == "failed"
    assert "NoErasure" in record.problem
    assert GONE in desk.ids("main")


def test_an_erasure_needs_a_reason_and_columns_that_are_there(desk: ErasureDesk) -> None:
    subject = Subject.of(["visit_id"], [[GONE]])
    with pytest.raises(InvalidRequest, match="reason"):
        desk.asking.request(ALICE, "shops", "visits", subject, " ", False)
    with pytest.raises(InvalidRequest, match="no column colour"):
        desk.asking.request(ALICE, "shops", "visits", Subject.of(["colour"], [["red"]]), "r", False)
    for columns, values in (
        ([], [[]]),
        (["a", "a"], [["1", "2"]]),
        (["a"], []),
        (["a"], [["1", "2"]]),
        (["a"], [[""]]),
    ):
        with pytest.raises(InvalidRequest):
            Subject.of(columns, values)


def test_the_newest_are_listed_first(desk: ErasureDesk) -> None:
    first = desk.ask(GONE)
    desk.platform.clock.advance(60)
    second = desk.ask(STAYS)
    assert [r.id for r in desk.asking.erasures(ALICE, "shops", 10)] == [second.id, first.id]
    assert desk.asking.erasure(ALICE, "shops", first.id).state == "asked"


@pytest.mark.parametrize(
    "parts", [["a"], ["a|b", "c\\d"], [None, "x"], ["", "y"], [5.0, "1|2\\|3"], ["é", ""]]
)
def test_an_entity_key_comes_apart_as_it_was_put_together(parts: list[object]) -> None:
    expected = tuple("\\N" if p is None else "5" if p == 5.0 else str(p) for p in parts)
    assert entity_parts(entity_key(parts)) == expected


def test_a_redelivered_drop_of_a_deleted_object_brings_nothing_back(desk: ErasureDesk) -> None:
    (source,) = [f.source for f in desk.files("v2") if f.source.key.endswith("/2.csv")]
    desk.erase(GONE)
    report = desk.platform.ingest_now(Drop("landing", source.key, source.version_id, source.bytes, "late"))
    assert [q.rule for q in report.quarantined] == ["object_missing"]
    assert desk.traces(GONE) == []
