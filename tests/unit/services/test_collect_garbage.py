"""Collecting garbage: what goes, what stays and why, and that nothing a version needs is ever deleted."""

import itertools
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from headgate.adapters.memory import MemoryQueue
from headgate.domain.errors import AccessDenied, Collected, Conflict, HeadgateError, InvalidRequest
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.garbage import CollectionRecord, CollectionRequest, Retention
from headgate.domain.identity import Principal
from headgate.domain.run import RunRecord
from headgate.domain.version import MAIN
from headgate.services.retention.collect_garbage import CollectGarbage
from headgate.services.retention.request_collection import RequestCollection
from headgate.services.retention.version_uses import VersionUses
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.commit_version import Authorship, Line
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.diff_reports import reports_prefix
from headgate.services.versions.take_in import take_in
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.crash_points import after_every_crash
from tests.support.history_desk import DATASET, PRODUCT, HistoryDesk
from tests.support.interposed import Interposed
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle

BOB = Principal("user/bob", ("data-scientists",))
HOUR, DAY = 3600.0, 86_400.0
NEWEST_ALONE = Retention(keep_last=1, keep_days=0, grace_seconds=HOUR)


class Collector(HistoryDesk):
    """History with its collector."""

    @property
    def queue(self) -> MemoryQueue:
        return self.platform.prediction_queue  # any queue that is copied with the platform will do

    def collector(
        self, before: Callable[[], None] = lambda: None, least_grace: float = 0.0
    ) -> CollectGarbage:
        p = self.platform
        catalog: Any = Interposed(p.catalog, before)
        lake: Any = Interposed(p.lake, before)
        uses = VersionUses(p.products, catalog, catalog, catalog, catalog, catalog)
        return CollectGarbage(uses, catalog, catalog, catalog, lake, self.queue, p.bus, p.clock, least_grace)

    @property
    def asking(self) -> RequestCollection:
        return RequestCollection(self.datasets, self.platform.catalog, self.queue, self.platform.new_id)

    def collect(
        self,
        retention: Retention = NEWEST_ALONE,
        dry_run: bool = False,
        before: Callable[[], None] = lambda: None,
    ) -> CollectionRecord:
        """Asks, and does what was asked."""
        self.asking.ask(ALICE, PRODUCT, DATASET, retention, dry_run)
        (message,) = self.queue.receive()
        return self.collector(before).collect(CollectionRequest.from_message(message))

    def wait(self, seconds: float = 2 * DAY) -> "Collector":
        self.platform.clock.advance(seconds)
        return self

    def stored(self) -> list[str]:
        """The pieces whose bytes are in the lake, by name."""
        lake = self.platform.lake
        return sorted(lake.get(key).decode() for key in lake.keys(f"{PRODUCT}/datasets/{DATASET}/data/"))

    def check_readable(self) -> None:
        """Every version that was not given up shows every byte of its files, every head among them."""
        for record in newest_first(self.platform.catalog, PRODUCT, DATASET):
            if not record.collected_at:
                self.shown(f"v{record.ordinal}")
        for branch in self.platform.catalog.branches(PRODUCT, DATASET):
            self.shown(branch.name)
        for named in (
            *self.platform.catalog.tags(PRODUCT, DATASET),
            *self.platform.catalog.holds(PRODUCT, DATASET),
        ):
            self.shown(f"v{named.ordinal}")


@pytest.fixture
def desk(platform: MemoryPlatform) -> Collector:
    return Collector(platform)


def overwrite(desk: HistoryDesk, *pieces: str) -> None:
    for piece in pieces:
        desk.add(piece, contract=desk.overwriting())


def test_what_no_kept_version_reaches_goes(desk: Collector) -> None:
    # Given three versions that each replace the one before, long ago
    overwrite(desk, "a", "b", "c")
    desk.wait()

    # When only the newest is kept
    done = desk.collect()

    # Then the bytes of the others are gone, and the record tells it
    assert desk.stored() == ["c"]
    assert desk.shown() == ["c"]
    assert (done.state, done.collected, done.versions) == ("done", ((1, 2),), 3)
    assert done.deleted == done.objects == 4
    assert done.deleted_bytes == done.bytes > 0
    (event,) = desk.platform.bus.of_type("GarbageCollected")
    assert (event.id, event.detail["versions"], event.detail["objects"]) == (done.id, 2, 4)
    assert event.detail["principal"] == "user/alice"


def test_a_dry_run_deletes_nothing_and_says_what_would_go_and_why(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    desk.wait()
    desk.platform.faults.clear()

    done = desk.collect(dry_run=True)

    assert desk.stored() == ["a", "b"]
    assert "lake.delete" not in desk.platform.faults.effects
    assert "catalog.mark_collected" not in desk.platform.faults.effects
    assert (done.collected, done.objects, done.deleted) == (((1, 1),), 2, 0)
    assert {g.reason for g in done.listed} == {"v1 is given up", "no kept version reaches it"}
    assert [(k.ordinal, k.reason) for k in done.kept] == [(2, "head of main")]
    report = json.loads(desk.platform.lake.get(done.report))
    assert len(report["garbage"]) == 2
    assert desk.platform.bus.of_type("GarbageCollected") == ()


def test_diffs_go_once_they_are_older_than_the_grace(desk: Collector) -> None:
    # Given a report in two versions of its object, one of them young, and another dataset's
    lake = desk.platform.lake
    key = f"{reports_prefix(PRODUCT, DATASET)}{'d' * 64}.json"
    overwrite(desk, "a")
    for name in (key, key.replace(DATASET, "sensor")):
        lake.put(name, b"{}")
    desk.wait()
    lake.put(key, b'{"state": "done"}')

    done = desk.collect()

    assert {g.key: g.reason for g in done.listed} == {key: "a diff, which is made again when it is asked for"}
    assert lake.get(key) == b'{"state": "done"}'
    assert (done.deleted, lake.exists(key.replace(DATASET, "sensor"))) == (1, True)


def test_bytes_that_a_kept_version_shares_stay(desk: Collector) -> None:
    for piece in ("a", "b", "c"):
        desk.add(piece)
    desk.wait()

    done = desk.collect()

    assert desk.shown() == ["a", "b", "c"]
    assert done.collected == ((1, 2),)
    assert desk.stored() == ["a", "b", "c"]


def test_a_long_history_keeps_the_segments_that_it_shares(desk: Collector) -> None:
    for n in range(80):
        desk.add(f"p{n:02}", at=1)
    desk.wait()

    desk.collect()

    assert len(desk.shown()) == 80
    segments = desk.platform.lake.keys(f"{PRODUCT}/datasets/{DATASET}/segments/")
    assert len(segments) == 1


def test_a_collected_version_says_so_and_takes_no_name(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    desk.wait().collect()

    with pytest.raises(Collected):
        desk.history.show(ALICE, PRODUCT, DATASET, "v1")
    with pytest.raises(Collected):
        desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v1")
    with pytest.raises(Collected):
        desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")
    assert desk.shown() == ["b"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (lambda d: d.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v1"), "tag q1"),
        (lambda d: d.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "audit"), "held by case-7: audit"),
        (lambda d: d.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v1"), "head of work"),
    ],
)
def test_a_name_keeps_its_version(desk: Collector, name: Callable[[Collector], Any], why: str) -> None:
    overwrite(desk, "a", "b", "c")
    name(desk)
    desk.wait()

    done = desk.collect()

    assert desk.stored() == ["a", "c"]
    assert {k.ordinal: k.reason for k in done.kept}[1] == why
    desk.check_readable()


def test_where_a_branch_began_stays_so_that_it_can_be_merged(desk: Collector) -> None:
    desk.add("a")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work")
    desk.add("b")
    desk.add("c", branch="work")
    desk.wait().collect()

    desk.merging.merge(ALICE, PRODUCT, DATASET, "work")

    assert desk.shown() == ["a", "b", "c"]


def test_a_released_version_goes(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    desk.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "audit")
    desk.wait().collect()
    desk.naming.release(ALICE, PRODUCT, DATASET, "case-7")

    desk.collect()

    assert desk.stored() == ["b"]


def test_versions_are_kept_by_number_and_by_age(desk: Collector) -> None:
    # Given versions a day apart, the last of them today
    for piece in "abcdef":
        desk.add(piece, contract=desk.overwriting(), at=DAY)

    by_number = desk.collect(Retention(keep_last=3, keep_days=0, grace_seconds=0), dry_run=True)
    by_age = desk.collect(Retention(keep_last=1, keep_days=3.5, grace_seconds=0), dry_run=True)

    assert by_number.collected == ((1, 3),)
    assert by_age.collected == ((1, 2),)
    assert {k.ordinal: k.reason for k in by_age.kept}[3].startswith("made on")


@pytest.mark.parametrize("used_by", ["head", "run"])
def test_data_that_features_and_models_were_made_of_stays(desk: Collector, used_by: str) -> None:
    # Given a feature version of the first data, long ago
    overwrite(desk, "a", "b")
    first = desk.history_of(1)
    give_features(desk, 1, first.digest, "f" * 64)
    if used_by != "head":
        give_features(desk, 2, desk.history_of(2).digest, "e" * 64)
        give_run(desk, "f" * 64)
    desk.wait()

    # When it is current, or something was trained on it
    done = desk.collect()

    # Then the first data stays
    assert desk.stored() == ["a", "b"]
    reason = {k.ordinal: k.reason for k in done.kept}[1]
    assert reason.startswith("features visit v1")
    assert ("trained on" in reason) == (used_by == "run")


def test_data_of_features_that_nothing_uses_goes(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    give_features(desk, 1, desk.history_of(1).digest, "f" * 64)
    give_features(desk, 2, desk.history_of(2).digest, "e" * 64)

    desk.wait().collect()

    assert desk.stored() == ["b"]


def test_features_that_were_given_up_hold_no_data(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    desk.wait()
    give_features(desk, 1, desk.history_of(1).digest, "f" * 64)
    give_features(desk, 2, desk.history_of(2).digest, "e" * 64)
    assert desk.collect(dry_run=True).objects == 0  # made today

    desk.platform.catalog.give_up_features(PRODUCT, "visit", [1], desk.datasets.now())

    desk.collect()
    assert desk.stored() == ["b"]


def test_what_a_crashed_commit_left_goes(desk: Collector) -> None:
    desk.add("a")
    desk.platform.lake.put(f"{PRODUCT}/datasets/{DATASET}/data/orphan.parquet", b"orphan")
    desk.wait()

    done = desk.collect()

    assert [(g.key.rsplit("/", 1)[1], g.reason) for g in done.listed] == [
        ("orphan.parquet", "no kept version reaches it")
    ]
    assert desk.stored() == ["a"]


def test_older_copies_of_the_same_bytes_go_and_the_newest_stays(desk: Collector) -> None:
    desk.add("a")
    desk.wait()
    desk.written("a")  # the queue delivers it again
    desk.wait()

    done = desk.collect()

    assert [g.reason for g in done.listed] == ["an older copy of the same bytes"]
    assert desk.shown() == ["a"]


def test_what_is_young_is_left_alone(desk: Collector) -> None:
    # Given a commit in flight: its bytes are in the lake, its version is not
    desk.add("a")
    desk.wait()
    desk.written("b")

    desk.collect(Retention(keep_last=1, keep_days=0, grace_seconds=HOUR))

    assert desk.stored() == ["a", "b"]


def test_no_request_goes_below_the_least_grace(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    desk.wait(60)
    desk.asking.ask(ALICE, PRODUCT, DATASET, Retention(1, 0, 0), dry_run=False)
    (message,) = desk.queue.receive()

    done = desk.collector(least_grace=HOUR).collect(CollectionRequest.from_message(message))

    assert done.retention.grace_seconds == HOUR
    assert done.deleted == 0
    assert desk.stored() == ["a", "b"]


def test_other_datasets_and_what_lies_beside_are_not_looked_at(desk: Collector) -> None:
    desk.add("a")
    for key in (f"{PRODUCT}/datasets/visits2/data/x", f"{PRODUCT}/features/f/data/x", f"{PRODUCT}/spec/x"):
        desk.platform.lake.put(key, b"other")
    desk.wait()

    assert desk.collect().objects == 0


def test_a_manifest_that_cannot_be_read_ends_the_collection_before_anything_is_deleted(
    desk: Collector,
) -> None:
    overwrite(desk, "a", "b")
    head = desk.head()
    desk.platform.lake.put(f"{PRODUCT}/datasets/{DATASET}/manifests/{head.digest}.json", b"{}")
    desk.wait()

    done = desk.collect()

    assert done.state == "failed"
    assert "does not have the digest" in done.problem
    assert desk.stored() == ["a", "b"]


def test_a_collection_that_runs_out_of_time_goes_on_by_message(desk: Collector) -> None:
    overwrite(desk, "a", "b", "c")
    desk.wait()
    desk.asking.ask(ALICE, PRODUCT, DATASET, NEWEST_ALONE, dry_run=False)
    (message,) = desk.queue.receive()
    asked = itertools.count()

    slow = replace(desk.collector(), saved_every=1)
    first = slow.collect(CollectionRequest.from_message(message), lambda: next(asked) == 2)
    (again,) = desk.queue.receive()
    second = desk.collector().collect(CollectionRequest.from_message(again))

    assert (first.state, first.deleted) == ("running", 2)
    assert again == message
    assert (second.state, second.deleted, second.objects, second.collected) == ("done", 4, 4, ((1, 2),))
    assert desk.stored() == ["c"]


def test_a_message_that_comes_again_collects_nothing_again(desk: Collector) -> None:
    overwrite(desk, "a", "b")
    desk.wait()
    desk.asking.ask(ALICE, PRODUCT, DATASET, NEWEST_ALONE, dry_run=False)
    (message,) = desk.queue.receive()
    first = desk.collector().collect(CollectionRequest.from_message(message))

    assert desk.collector().collect(CollectionRequest.from_message(message)) == first


def test_a_crash_anywhere_is_healed_by_redelivery(desk: Collector) -> None:
    overwrite(desk, "a", "b", "c")
    desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2")
    desk.wait()
    desk.asking.ask(ALICE, PRODUCT, DATASET, NEWEST_ALONE, dry_run=False)
    (message,) = desk.queue.receive()
    desk.platform.faults.clear()
    request = CollectionRequest.from_message(message)

    for platform, crash in after_every_crash(
        desk.platform, lambda p: Collector(p).collector().collect(request)
    ):
        after = Collector(platform)
        after.check_readable()
        assert after.stored() == ["b", "c"], crash
        record = platform.catalog.collection(PRODUCT, DATASET, request.id)
        assert (record.state, record.collected) == ("done", ((1, 1),)), crash
        assert len({e.id for e in platform.bus.of_type("GarbageCollected")}) == 1, crash


def test_who_may_collect_is_asked_for_by_what_is_asked(desk: Collector) -> None:
    with pytest.raises(AccessDenied, match="CollectGarbage"):
        desk.asking.ask(BOB, PRODUCT, DATASET, Retention(), dry_run=True)
    desk.deny("headgate:CollectGarbage", {"StringEquals": {"headgate:Operation": "delete"}})

    desk.asking.ask(ALICE, PRODUCT, DATASET, Retention(), dry_run=True)
    with pytest.raises(AccessDenied, match="CollectGarbage"):
        desk.asking.ask(ALICE, PRODUCT, DATASET, Retention(), dry_run=False)


@pytest.mark.parametrize("retention", [(0, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_a_retention_that_keeps_nothing_is_refused(retention: tuple[int, float, float]) -> None:
    with pytest.raises(InvalidRequest, match="at least one version"):
        Retention(*retention)


def test_a_broken_message_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no collection of garbage"):
        CollectionRequest.from_message({"kind": "collect_garbage", "id": "x"})


ACTS = (
    *("append", "again", "overwrite", "rollback", "tag", "branch", "unbranch", "hold", "release", "merge"),
    *("put", "commit"),
)


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 8)), min_size=2, max_size=12),
    during=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(ACTS), st.integers(1, 8)), max_size=10),
    keep=st.integers(1, 2),
)
def test_nothing_that_a_version_needs_is_deleted_whatever_happens_meanwhile(
    before: list[tuple[str, int]],
    during: list[tuple[int, str, int]],
    keep: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Acts of others come between any two calls of the collector; then every version that was not given up,
    every name and every head shows every byte of what it showed before.
    """
    platform = MemoryPlatform(tmp_path_factory.mktemp("gc"))
    platform.apply_product(bundle())
    desk = Collector(platform)
    others = Others(desk)
    desk.add("first")
    others.do(before, pause=HOUR)
    desk.wait()
    calls = itertools.count()

    def meanwhile() -> None:
        now = next(calls)
        others.do([(act, which) for at, act, which in during if at == now], pause=1.0)

    desk.collect(Retention(keep, 0, HOUR), before=meanwhile)

    desk.check_readable()
    desk.shown()
    assert others.shows == {n: desk.shown(f"v{n}") for n in others.live()}
    desk.collect(Retention(keep, 0, HOUR))
    desk.check_readable()


OLD_VERSION_ACTS: dict[str, Callable[[HistoryDesk], Any]] = {
    "roll back": lambda d: d.rolling.rollback(ALICE, PRODUCT, DATASET, "v1"),
    "tag": lambda d: d.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v1"),
    "branch": lambda d: d.naming.create_branch(ALICE, PRODUCT, DATASET, "trial", "v1"),
    "hold": lambda d: d.naming.hold(ALICE, PRODUCT, DATASET, "case", "v1", "audit"),
    "merge": lambda d: d.merging.merge(ALICE, PRODUCT, DATASET, "work"),
    "take a branch's place": lambda d: replace_branch(d),
    "drop again": lambda d: d.add("a", at=1),
}
"""What takes an old version over, names it, or brings its bytes again."""


@pytest.fixture
def aged(desk: Collector) -> Collector:
    """Three versions that each replaced the one before, and a branch, all long ago."""
    overwrite(desk, "a", "b", "c")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work")
    desk.add("d", branch="work")
    return desk.wait()


@pytest.mark.parametrize("name", OLD_VERSION_ACTS)
def test_a_whole_collection_between_any_two_calls_of_an_act_harms_neither(aged: Collector, name: str) -> None:
    for nth in itertools.count():
        world, calls = Collector(aged.platform.fork()), itertools.count()

        def collect(world: Collector = world, calls: Any = calls, nth: int = nth) -> None:
            if next(calls) == nth:
                world.collect()

        with suppress(Collected, Conflict):  # told so, and free to do something else
            OLD_VERSION_ACTS[name](Beside(world.platform, collect))
        world.check_readable()
        world.shown()
        if next(calls) <= nth:
            break
    assert nth > 2


@pytest.mark.parametrize("name", OLD_VERSION_ACTS)
def test_an_act_between_any_two_calls_of_a_collection_harms_neither(aged: Collector, name: str) -> None:
    for nth in itertools.count():
        world, calls = Collector(aged.platform.fork()), itertools.count()

        def act(world: Collector = world, calls: Any = calls, nth: int = nth) -> None:
            if next(calls) == nth:
                with suppress(Collected, Conflict):
                    OLD_VERSION_ACTS[name](world)

        done = world.collect(before=act)
        assert done.state == "done"
        world.check_readable()
        world.shown()
        if next(calls) <= nth:
            break
    assert nth > 10


def replace_branch(desk: HistoryDesk) -> None:
    """A branch that moves on while what it left goes."""
    desk.naming.delete_branch(ALICE, PRODUCT, DATASET, "work")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v1")
    desk.add("e", branch="work", at=1)


@dataclass(frozen=True)
class Beside(HistoryDesk):
    """Someone before each of whose calls something else happens."""

    before: Callable[[], None]

    @property
    def datasets(self) -> Datasets:
        p = self.platform
        catalog: Any = Interposed(p.catalog, self.before)
        lake: Any = Interposed(p.lake, self.before)
        return Datasets(p.products, catalog, catalog, lake, p.guard, p.bus, p.clock)


class Others:
    """People and workers beside the collector. What their acts run into is theirs to bear."""

    def __init__(self, desk: Collector) -> None:
        self._desk = desk
        self._names = (f"n{n}" for n in itertools.count())
        self._pieces = (f"p{n}" for n in itertools.count())
        self._written: list[Any] = []
        self._contents: dict[int, list[str]] = {}

    def live(self) -> Iterable[int]:
        catalog = self._desk.platform.catalog
        return [r.ordinal for r in newest_first(catalog, PRODUCT, DATASET) if not r.collected_at]

    @property
    def shows(self) -> dict[int, list[str]]:
        """What each live version showed when it was made."""
        live = set(self.live())
        known = {n: pieces for n, pieces in self._contents.items() if n in live}
        return known | {n: self._desk.shown(f"v{n}") for n in live - known.keys()}

    def do(self, acts: Iterable[tuple[str, int]], pause: float) -> None:
        for act, which in acts:
            try:
                getattr(self, f"_{act}")(f"v{which}", pause)
            except HeadgateError:
                continue
            finally:
                self._look()

    def _look(self) -> None:
        for ordinal in self.live():
            if ordinal not in self._contents:
                self._contents[ordinal] = self._desk.shown(f"v{ordinal}")

    def _append(self, _: str, pause: float) -> None:
        self._desk.add(next(self._pieces), at=pause)

    def _again(self, version: str, pause: float) -> None:
        """Bytes that some version held come again, as another object."""
        self._desk.add(f"p{version[1:]}", at=pause)

    def _overwrite(self, _: str, pause: float) -> None:
        self._desk.add(next(self._pieces), contract=self._desk.overwriting(), at=pause)

    def _rollback(self, version: str, _: float) -> None:
        self._desk.rolling.rollback(ALICE, PRODUCT, DATASET, version)

    def _tag(self, version: str, _: float) -> None:
        self._desk.naming.tag(ALICE, PRODUCT, DATASET, next(self._names), version)

    def _branch(self, version: str, _: float) -> None:
        self._desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", version)

    def _unbranch(self, _: str, __: float) -> None:
        self._desk.naming.delete_branch(ALICE, PRODUCT, DATASET, "work")

    def _hold(self, version: str, _: float) -> None:
        self._desk.naming.hold(ALICE, PRODUCT, DATASET, "case", version, "audit")

    def _release(self, _: str, __: float) -> None:
        self._desk.naming.release(ALICE, PRODUCT, DATASET, "case")

    def _merge(self, version: str, _: float) -> None:
        self._desk.add(next(self._pieces), branch="work", at=1.0)
        self._desk.merging.merge(ALICE, PRODUCT, DATASET, "work")
        self._desk.merging.merge(ALICE, PRODUCT, DATASET, version)

    def _put(self, _: str, __: float) -> None:
        """The first half of a commit: the bytes."""
        piece = next(self._pieces)
        self._written.append((piece, self._desk.written(piece), self._desk.platform.clock.monotonic()))

    def _commit(self, _: str, __: float) -> None:
        """The other half, within what a worker may take."""
        if not self._written:
            return
        _, accepted, at = self._written.pop()
        if self._desk.platform.clock.monotonic() - at >= HOUR:
            return
        contract = self._desk.platform.products.get(PRODUCT).product.contract(DATASET)
        line = Line(PRODUCT, DATASET, MAIN)
        by = Authorship("service/ingest")
        self._desk.datasets.commits.commit(line, take_in(contract, [accepted]), by, [accepted.source])


def give_features(desk: Collector, ordinal: int, made_of: str, digest: str) -> None:
    desk.platform.catalog.commit_features(
        FeatureVersionRecord(
            product=PRODUCT,
            feature_set="visit",
            ordinal=ordinal,
            digest=digest,
            build_id=digest,
            inputs={DATASET: made_of},
            rows=1,
            partitions=1,
            min_event_time="2024-01-01T00:00:00.000Z",
            max_event_time="2024-01-02T00:00:00.000Z",
            created_at=desk.datasets.now(),
            seconds=1.0,
        )
    )


def give_run(desk: Collector, features: str) -> None:
    desk.platform.catalog.add_run(
        RunRecord(
            product=PRODUCT,
            model="buys",
            digest="9" * 64,
            state="SUCCEEDED",
            spec_uri="s3://models/shops/runs/x/spec.json",
            feature_set="visit",
            feature_version=features,
            compute_class="cpu",
            estimated_cost_usd=0.1,
            submitted_by="service/train",
            created_at=desk.datasets.now(),
        )
    )
