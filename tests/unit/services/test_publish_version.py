"""Write, audit, publish: nothing of a manual dataset is seen before an approver publishes it."""

import pytest
from headgate.domain.errors import AccessDenied, InvalidRequest, PreconditionFailed
from headgate.domain.identity import Principal

from tests.support.crash_points import after_every_crash
from tests.support.history_desk import CHECK, DATASET, PRODUCT, HistoryDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import visits_csv

BOB = Principal("user/bob", ("data-scientists",))


@pytest.fixture
def desk(platform: MemoryPlatform) -> HistoryDesk:
    return HistoryDesk(platform).manual()


def waiting(desk: HistoryDesk) -> list[int]:
    (pending,) = desk.publishing.pending(ALICE, PRODUCT)
    return [w.record.ordinal for w in pending.versions]


def publish(desk: HistoryDesk, version: str | None = None) -> int:
    return desk.publishing.publish(ALICE, PRODUCT, DATASET, version).record.ordinal


def reject(desk: HistoryDesk, version: str | None = None) -> int:
    return desk.publishing.reject(ALICE, PRODUCT, DATASET, "not this one", version).record.ordinal


def test_a_drop_waits_and_is_seen_by_nobody(desk: HistoryDesk) -> None:
    # Given a drop that ingest takes in
    report = desk.platform.ingest_now(desk.platform.drop("shops/visits/jan.csv", visits_csv(1)))

    # Then it waits with its checks, and main has nothing
    (pending,) = desk.publishing.pending(ALICE, PRODUCT)
    (version,) = pending.versions
    assert version.record.digest == report.committed[0].digest
    assert version.checks
    assert all(c["passed"] for c in version.checks)
    assert pending.published is None
    assert desk.platform.catalog.dataset_head(PRODUCT, DATASET) is None
    assert desk.platform.bus.of_type("DatasetVersionCommitted") == ()
    assert len(desk.platform.bus.of_type("BranchVersionCommitted")) == 1


def test_publishing_brings_all_that_waits_to_main_with_its_checks(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    desk.add("b", branch="pending")

    done = desk.publishing.publish(ALICE, PRODUCT, DATASET, message="looks right")

    assert desk.shown() == ["a", "b"]
    assert waiting(desk) == []
    assert (done.record.operation, done.record.message) == ("merge", "looks right")
    (event,) = desk.platform.bus.of_type("DatasetVersionCommitted")
    assert event.detail["ordinal"] == done.record.ordinal
    assert desk.history.show(ALICE, PRODUCT, DATASET, "main").manifest.checks == (CHECK,)


def test_only_what_was_looked_at_is_published(desk: HistoryDesk) -> None:
    # Given an approver who looked at v1 while v2 came
    desk.add("a", branch="pending")
    desk.add("b", branch="pending")

    publish(desk, "v1")

    assert desk.shown() == ["a"]
    assert waiting(desk) == [2]


def test_publishing_goes_on_after_a_publication(desk: HistoryDesk) -> None:
    for piece in ("a", "b", "c"):
        desk.add(piece, branch="pending")
        publish(desk)

    assert desk.shown() == ["a", "b", "c"]


def test_a_publication_that_is_asked_for_twice_makes_one_version(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    first = desk.publishing.publish(ALICE, PRODUCT, DATASET)

    again = desk.publishing.publish(ALICE, PRODUCT, DATASET)

    assert (again.changed, again.record) == (False, first.record)


def test_nothing_is_published_when_nothing_waits(desk: HistoryDesk) -> None:
    with pytest.raises(PreconditionFailed, match="nothing waits"):
        publish(desk)


def test_a_version_that_does_not_wait_is_not_published(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    reject_first = desk.add("b", branch="pending")
    publish(desk, "v1")
    reject(desk)

    with pytest.raises(InvalidRequest, match=f"v{reject_first.ordinal} does not wait"):
        publish(desk, "v2")


def test_a_dataset_that_publishes_by_itself_needs_no_publication(desk: HistoryDesk) -> None:
    with pytest.raises(PreconditionFailed, match="publish: automatic"):
        desk.publishing.publish(ALICE, PRODUCT, "sensor")


def test_a_rejection_drops_what_waits_and_says_why(desk: HistoryDesk) -> None:
    # Given one published and two waiting versions
    desk.add("a", branch="pending")
    publish(desk)
    desk.add("b", branch="pending")
    desk.add("c", branch="pending")

    # When they are rejected
    done = desk.publishing.reject(ALICE, PRODUCT, DATASET, "the tills were off")

    # Then nothing waits, main is as it was, and the reason is kept
    assert waiting(desk) == []
    assert desk.shown() == desk.shown("pending") == ["a"]
    assert done.record.message == "the tills were off"
    (event,) = desk.platform.bus.of_type("VersionsRejected")
    assert event.detail["ordinals"] == [4, 3]
    assert (event.detail["reason"], event.detail["principal"]) == ("the tills were off", "user/alice")
    with pytest.raises(PreconditionFailed, match="nothing waits"):
        publish(desk)


def test_rejected_bytes_can_come_again(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    publish(desk)
    desk.add("b", branch="pending")
    reject(desk)

    desk.add("b", "c", branch="pending")
    publish(desk)

    assert desk.shown() == ["a", "b", "c"]


def test_the_very_first_version_can_be_rejected(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")

    reject(desk)
    desk.add("b", branch="pending")
    publish(desk)

    assert desk.shown() == ["b"]


def test_a_rejection_of_what_was_looked_at_does_not_take_what_came_since(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    desk.add("b", branch="pending")

    with pytest.raises(PreconditionFailed, match="pending is not at v1 any more"):
        reject(desk, "v1")
    assert waiting(desk) == [2, 1]


def test_a_rejection_needs_a_reason(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")

    with pytest.raises(InvalidRequest, match="reason"):
        desk.publishing.reject(ALICE, PRODUCT, DATASET, " ")


def test_there_is_nothing_to_reject_when_nothing_waits(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    publish(desk)

    with pytest.raises(PreconditionFailed, match="nothing waits"):
        reject(desk)


@pytest.mark.parametrize("act", [publish, reject])
def test_only_an_approver_publishes_or_rejects(desk: HistoryDesk, act: object) -> None:
    desk.add("a", branch="pending")
    desk.deny("headgate:PublishVersion")

    with pytest.raises(AccessDenied, match="PublishVersion"):
        act(desk)  # type: ignore[operator]
    assert desk.platform.catalog.dataset_head(PRODUCT, DATASET) is None
    assert waiting(desk) == [1]


def test_what_waits_is_seen_by_those_who_may_read_the_dataset(desk: HistoryDesk) -> None:
    with pytest.raises(AccessDenied, match="ReadDataset"):
        desk.publishing.pending(BOB, PRODUCT)


def test_a_merge_to_main_from_elsewhere_does_not_lose_what_waits(desk: HistoryDesk) -> None:
    desk.add("a", branch="pending")
    publish(desk)
    desk.add("waits", branch="pending")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work")
    desk.add("worked", branch="work")
    desk.merging.merge(ALICE, PRODUCT, DATASET, "work")

    publish(desk)

    assert desk.shown() == ["a", "waits", "worked"]


@pytest.mark.parametrize("what", ["publish", "reject"])
def test_a_crash_anywhere_is_healed_by_asking_again(desk: HistoryDesk, what: str) -> None:
    desk.add("a", branch="pending")
    publish(desk)
    desk.add("b", branch="pending")
    desk.platform.faults.clear()
    act = {"publish": publish, "reject": reject}[what]

    for platform, crash in after_every_crash(desk.platform, lambda p: act(HistoryDesk(p))):
        after = HistoryDesk(platform)
        assert after.shown() == (["a", "b"] if what == "publish" else ["a"]), crash
        assert waiting(after) == [], crash
        assert after.platform.catalog.dataset_versions(PRODUCT, DATASET)[0].ordinal == 4, crash
        told = platform.bus.of_type("DatasetVersionCommitted" if what == "publish" else "VersionsRejected")
        assert told, crash
        if what == "reject":
            assert {tuple(e.detail["ordinals"]) for e in told} == {(3,)}, crash
