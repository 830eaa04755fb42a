"""Refused drops: kept with the reason, replayed under the present contract, closed when the data came in."""

import json
from collections.abc import Callable

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash, MemoryQueue
from headgate.domain.dataset import Drop, QuarantineRecord
from headgate.domain.errors import AccessDenied, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.notification import drops_of
from headgate.services.ingestion.ingest_report import IngestReport
from headgate.services.ingestion.review_quarantine import Filter, FixedObject, ReviewQuarantine

from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle, visits_contract, visits_csv

BAD = b"visit_id,visited_at,shop,size,bought\nv1,2024-01-01 10:00:00,west,1,true\n"
MALLORY = Principal("user/mallory")


class Desk:
    """A platform with the review service beside it, and the queue between them."""

    def __init__(self, platform: MemoryPlatform) -> None:
        self.platform = platform
        self.queue = MemoryQueue("ingest", platform.faults)
        self.review = ReviewQuarantine(
            platform.products, platform.catalog, self.queue, platform.guard, platform.bus, platform.clock
        )

    def refused(self, key: str = "shops/visits/bad.csv", body: bytes = BAD) -> QuarantineRecord:
        (record,) = self.platform.ingest_now(self.platform.drop(key, body)).quarantined
        return record

    def allow_west(self) -> None:
        """The contract is fixed: the shop in BAD is one of the shops."""
        contract = visits_contract()
        contract["columns"][2]["allowed"].append("west")
        datasets = {**bundle()["datasets"], "visits": contract}
        self.platform.apply_product(bundle(datasets=datasets))

    def work(self) -> IngestReport:
        """Ingest takes what is in the queue, as its function does."""
        drops: list[Drop] = []
        for number, message in enumerate(self.queue.receive()):
            drops += drops_of(f"m{number}", json.dumps(message))
        return self.platform.ingest_now(*drops)

    def record(self, of: QuarantineRecord) -> QuarantineRecord:
        return self.platform.catalog.quarantined("shops", of.dataset, of.id)


@pytest.fixture
def desk(platform: MemoryPlatform) -> Desk:
    return Desk(platform)


def test_a_replay_under_a_fixed_contract_closes_the_record_with_the_version(desk: Desk) -> None:
    # Given a refused drop whose contract was fixed meanwhile
    refused = desk.refused("shops/visits/a file+é %.csv")
    desk.allow_west()
    # When someone replays it and ingest takes the message
    desk.review.replay(ALICE, "shops", "visits", refused.id)
    report = desk.work()
    # Then the same object version is in a version, and the record says which
    assert [s.version_id for s in report.committed[0].sources] == [refused.version_id]
    closed = desk.record(refused)
    assert (closed.state, closed.closed_by, closed.closed_because) == ("replayed", "user/alice", "v1")
    (event,) = desk.platform.bus.of_type("DropReplayed")
    assert (event.detail["quarantine_id"], event.detail["version"]) == (refused.id, "v1")


def test_a_replay_that_fails_again_stays_open_with_the_new_reason(desk: Desk) -> None:
    refused = desk.refused()
    contract = visits_contract()
    contract["columns"].append({"name": "till", "type": "VARCHAR", "required": True})
    contract["version"] = "2.0.0"
    desk.platform.apply_product(bundle(datasets={**bundle()["datasets"], "visits": contract}))
    desk.review.replay(ALICE, "shops", "visits", refused.id)
    report = desk.work()
    assert not report.committed
    again = desk.record(refused)
    assert (again.state, again.rule) == ("open", "missing_column")
    assert refused.rule != again.rule
    assert len(desk.platform.catalog.quarantine("shops")) == 1


def test_a_mere_redelivery_under_a_fixed_contract_closes_the_record_too(desk: Desk) -> None:
    refused = desk.refused()
    desk.allow_west()
    drop = Drop(refused.bucket, refused.key, refused.version_id, refused.bytes, "again")
    desk.platform.ingest_now(drop)
    closed = desk.record(refused)
    assert (closed.state, closed.closed_by) == ("replayed", "service/ingest")


def test_a_fixed_file_stands_for_the_refused_one(desk: Desk) -> None:
    # Given a refused drop, and a corrected file that was dropped beside it and came in by itself
    refused = desk.refused()
    fixed = desk.platform.drop("shops/visits/bad-fixed.csv", BAD.replace(b"west", b"north"))
    desk.platform.ingest_now(fixed)
    assert desk.record(refused).state == "open"
    # When the refused one is replayed with it
    desk.review.replay(
        ALICE, "shops", "visits", refused.id, FixedObject(fixed.key, fixed.version_id, fixed.size)
    )
    report = desk.work()
    # Then nothing comes in twice, and the record is closed with the version that holds the fix
    assert not report.committed
    assert desk.record(refused).closed_because == "v1"


def test_the_fixed_file_and_its_own_notification_in_one_batch(desk: Desk) -> None:
    refused = desk.refused()
    fixed = desk.platform.drop("shops/visits/fixed.csv", BAD.replace(b"west", b"north"))
    replay = Drop(fixed.bucket, fixed.key, fixed.version_id, fixed.size, "replay", refused.id, "user/alice")
    report = desk.platform.ingest_now(fixed, replay)
    assert [v.rows for v in report.committed] == [1]
    assert (desk.record(refused).state, desk.record(refused).closed_by) == ("replayed", "user/alice")


def test_equal_bytes_under_two_keys_are_refused_each_by_itself(desk: Desk) -> None:
    drops = [desk.platform.drop(f"shops/visits/{n}.csv", BAD) for n in "ab"]
    report = desk.platform.ingest_now(*drops)
    assert sorted(q.key for q in report.quarantined) == ["shops/visits/a.csv", "shops/visits/b.csv"]
    assert len(desk.platform.catalog.quarantine("shops")) == 2


@pytest.mark.parametrize("key", ["shops/sensor/x.csv", "other/visits/x.csv", "x.csv"])
def test_a_fixed_object_of_something_else_is_refused(desk: Desk, key: str) -> None:
    refused = desk.refused()
    with pytest.raises(InvalidRequest, match="no drop of shops/visits"):
        desk.review.replay(ALICE, "shops", "visits", refused.id, FixedObject(key, "v1", 1))
    assert desk.queue.messages == ()


def test_a_discarded_drop_keeps_who_and_why_and_cannot_be_replayed(desk: Desk) -> None:
    refused = desk.refused()
    closed = desk.review.discard(ALICE, "shops", "visits", refused.id, " sent by mistake ")
    assert (closed.state, closed.closed_by, closed.closed_because) == (
        "discarded",
        "user/alice",
        "sent by mistake",
    )
    assert desk.record(refused) == closed
    (event,) = desk.platform.bus.of_type("DropDiscarded")
    assert event.detail["reason"] == "sent by mistake"
    with pytest.raises(PreconditionFailed, match="discarded"):
        desk.review.replay(ALICE, "shops", "visits", refused.id)
    assert desk.platform.landing.get(refused.key, refused.version_id) == BAD


def test_a_discard_stays_when_the_object_is_told_of_again(desk: Desk) -> None:
    refused = desk.refused()
    closed = desk.review.discard(ALICE, "shops", "visits", refused.id, "a test file")
    desk.platform.ingest_now(Drop(refused.bucket, refused.key, refused.version_id, 1, "again"))
    assert desk.record(refused) == closed


def test_the_same_discard_twice_is_one(desk: Desk) -> None:
    refused = desk.refused()
    first = desk.review.discard(ALICE, "shops", "visits", refused.id, "a test file")
    assert desk.review.discard(ALICE, "shops", "visits", refused.id, "a test file") == first
    with pytest.raises(PreconditionFailed):
        desk.review.discard(ALICE, "shops", "visits", refused.id, "another reason")


def test_a_discard_needs_a_reason(desk: Desk) -> None:
    refused = desk.refused()
    with pytest.raises(InvalidRequest, match="reason"):
        desk.review.discard(ALICE, "shops", "visits", refused.id, "  ")
    assert desk.record(refused).state == "open"


def test_all_drops_of_a_rule_are_replayed_together(desk: Desk) -> None:
    # Given three drops refused for one rule and one for another
    wrong = [desk.refused(f"shops/visits/{n}.csv", BAD.replace(b"v1", f"w{n}".encode())) for n in range(3)]
    other = desk.refused("shops/visits/other.csv", b"nonsense")
    desk.allow_west()
    # When the rule is replayed
    done = desk.review.replay_all(ALICE, "shops", wrong[0].rule)
    # Then they come in as one commit, and the other stays
    assert (sorted(done.replayed), done.remaining) == (sorted(r.id for r in wrong), 0)
    assert [(v.ordinal, v.rows) for v in desk.work().committed] == [(1, 3)]
    assert {desk.record(r).state for r in wrong} == {"replayed"}
    assert desk.record(other).state == "open"
    assert desk.review.replay_all(ALICE, "shops", wrong[0].rule).replayed == ()


def test_nobody_replays_discards_or_sees_samples_without_a_grant(desk: Desk) -> None:
    refused = desk.refused()
    acts: tuple[Callable[[], object], ...] = (
        lambda: desk.review.list(MALLORY, "shops", Filter(), 10),
        lambda: desk.review.show(MALLORY, "shops", "visits", refused.id),
        lambda: desk.review.replay(MALLORY, "shops", "visits", refused.id),
        lambda: desk.review.replay_all(MALLORY, "shops", refused.rule),
        lambda: desk.review.replay_all(MALLORY, "shops", "no_such_rule"),
        lambda: desk.review.discard(MALLORY, "shops", "visits", refused.id, "because"),
    )
    for act in acts:
        with pytest.raises(AccessDenied):
            act()
    denied = [e.detail["action"] for e in desk.platform.bus.of_type("AccessDecided")][-6:]
    assert denied == [
        "headgate:ReadProduct",
        "headgate:ReadQuarantine",
        "headgate:ReplayDrop",
        "headgate:ReplayDrop",
        "headgate:ReadProduct",
        "headgate:DiscardDrop",
    ]
    assert desk.queue.messages == ()


def test_the_list_is_filtered_and_shows_no_rows(desk: Desk) -> None:
    first = desk.refused()
    second = desk.refused("shops/prices/x.csv", b"thing\n1\n")
    desk.review.discard(ALICE, "shops", "prices", second.id, "no")
    assert desk.review.show(ALICE, "shops", "visits", first.id).sample
    listed = desk.review.list(ALICE, "shops", Filter(state="open"), 10)
    assert [(r.id, r.sample) for r in listed] == [(first.id, ())]
    assert [r.id for r in desk.review.list(ALICE, "shops", Filter(dataset="prices"), 10)] == [second.id]
    assert [r.id for r in desk.review.list(ALICE, "shops", Filter(rule=first.rule), 10)] == [first.id]
    assert len(desk.review.list(ALICE, "shops", Filter(), 1)) == 1


def test_an_unknown_id_is_said_so(desk: Desk) -> None:
    with pytest.raises(NotFound, match="visits/abc"):
        desk.review.show(ALICE, "shops", "visits", "abc")


def test_a_crash_anywhere_in_a_replay_is_healed_by_redelivery(desk: Desk) -> None:
    # Given a replay in which nothing fails
    def world() -> tuple[MemoryPlatform, QuarantineRecord, Drop]:
        made = Desk(desk.platform.fork())
        record = made.refused()
        made.allow_west()
        made.platform.faults.clear()
        replay = Drop(
            record.bucket, record.key, record.version_id, record.bytes, "m", record.id, "user/alice"
        )
        return made.platform, record, replay

    clean, _, drop = world()
    clean.ingest_now(drop)
    effects = clean.faults.effects
    assert "catalog.close_quarantine" in effects
    for nth in range(1, len(effects) + 1):
        for when in ("before", "after"):
            # When the worker dies at one of its side effects and the message is delivered again
            platform, record, drop = world()
            platform.faults.fail_at(ANY_EFFECT, nth, when)
            with pytest.raises(Crash):
                platform.ingest_now(drop)
            platform.faults.clear()
            platform.restart()
            platform.ingest_now(drop)
            # Then there is one version, and the record is closed with it
            assert [v.ordinal for v in platform.catalog.dataset_versions("shops", "visits")] == [1]
            found = platform.catalog.quarantined("shops", "visits", record.id)
            assert (found.state, found.closed_because) == ("replayed", "v1"), (nth, when, effects[nth - 1])
            assert platform.bus.of_type("DropReplayed"), (nth, when, effects[nth - 1])


def test_good_drops_ask_nothing_of_the_quarantine(desk: Desk) -> None:
    desk.platform.faults.clear()
    desk.platform.ingest_now(desk.platform.drop("shops/visits/1.csv", visits_csv(1)))
    assert not [e for e in desk.platform.faults.effects if "quarantine" in e]
