"""Collecting the garbage of a feature set: what goes, what stays and why; nothing that is needed goes."""

import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from headgate.adapters.memory import MemoryQueue
from headgate.domain.errors import AccessDenied, Collected, HeadgateError, NotFound
from headgate.domain.feature_version import FeatureManifest
from headgate.domain.garbage import CollectionRecord, CollectionRequest, Retention
from headgate.domain.identity import Principal
from headgate.domain.run import RunRecord
from headgate.services.features.build_features import BuildFeatures
from headgate.services.features.feature_manifests import load_features, load_statistics
from headgate.services.features.feature_sets import FeatureSets
from headgate.services.features.online_notes import OnlineNotes
from headgate.services.features.under_way import FUNCTION_SECONDS, LATER, SOON, UnderWay
from headgate.services.file_digest import file_sha256
from headgate.services.retention.collect_features import CollectFeatures
from headgate.services.retention.collection_run import CollectionRun
from headgate.services.retention.request_feature_collection import RequestFeatureCollection
from headgate.services.retention.version_uses import VersionUses
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.crash_points import after_every_crash
from tests.support.feature_desk import Desk, contents, contents_of
from tests.support.interposed import Interposed
from tests.support.memory_platform import ALICE
from tests.unit.services.test_incremental_features import online_is_newest
from tests.unit.services.test_large_features import batch

PRODUCT, SET = "shops", "visit"
BOB = Principal("user/bob", ("data-scientists",))
HOUR, DAY = 3600.0, 86_400.0
REPLACED = "the newest until 2030-01-01"
NEWEST_ALONE = Retention(keep_last=1, keep_days=0, grace_seconds=HOUR)


def nothing() -> None:
    """Nobody else is there."""


@dataclass
class Collector(Desk):
    """Features whose history goes on, with their collector."""

    @property
    def queue(self) -> MemoryQueue:
        return self.platform.prediction_queue  # any queue that is copied with the platform will do

    def collector(self, before: Callable[[], None] = nothing) -> CollectFeatures:
        p = self.platform
        catalog: Any = Interposed(p.catalog, before)
        lake: Any = Interposed(p.lake, before)
        return CollectFeatures(
            VersionUses(p.products, catalog, catalog, catalog, catalog, catalog),
            catalog,
            UnderWay(lake, p.clock),
            CollectionRun(catalog, lake, self.queue, p.bus, p.clock, least_grace=0.0),
        )

    @property
    def asking(self) -> RequestFeatureCollection:
        p = self.platform
        sets = FeatureSets(p.products, p.catalog, p.lake, p.guard, p.clock)
        return RequestFeatureCollection(sets, p.catalog, self.queue, p.new_id)

    def collect(
        self,
        retention: Retention = NEWEST_ALONE,
        dry_run: bool = False,
        before: Callable[[], None] = nothing,
    ) -> CollectionRecord:
        """Asks, and does what was asked, until it is done."""
        asked = self.asking.ask(ALICE, PRODUCT, SET, retention, dry_run)
        record = asked
        while record.state not in ("done", "failed"):
            if any(self.queue.delays):
                self.platform.clock.advance(max(self.queue.delays))
            for message in self.queue.receive():
                record = self.collector(before).collect(CollectionRequest.from_message(message))
        assert record.id == asked.id
        return record

    def wait(self, seconds: float = 2 * DAY) -> "Collector":
        self.platform.clock.advance(seconds)
        return self

    def folders(self) -> dict[str, int]:
        """How many objects lie in each folder of the set."""
        found: dict[str, int] = {}
        for key in self.platform.lake.keys(f"{PRODUCT}/features/{SET}/"):
            found[key.split("/")[3]] = found.get(key.split("/")[3], 0) + 1
        return found

    def versions(self) -> list[FeatureManifest]:
        """Every version that was not given up, newest first; each is whole."""
        lake = self.platform.lake
        found = []
        for record in self.platform.catalog.feature_versions(PRODUCT, SET, 1000):
            if record.collected_at:
                continue
            manifest = load_features(lake, PRODUCT, SET, record.digest)
            for partition in manifest.stored:
                assert file_sha256(Path(lake.uri(partition.key))) == partition.sha256, record.ordinal
            assert load_statistics(lake, manifest)["columns"].keys() or not manifest.rows
            found.append(manifest)
        return found

    def trained(self, digest: str, trigger: str = "manual") -> None:
        self.platform.catalog.add_run(
            RunRecord(
                product=PRODUCT,
                model="buys",
                digest=f"{len(self.platform.catalog.runs(PRODUCT)):064d}",
                state="SUBMITTED",
                spec_uri="s3://models/shops/runs/x/spec.json",
                feature_set=SET,
                feature_version=digest,
                compute_class="cpu",
                estimated_cost_usd=0.1,
                submitted_by="service/train",
                created_at=self.asking.sets.now(),
                trigger=trigger,
            )
        )

    def beside(self, before: Callable[[], None]) -> BuildFeatures:
        """A builder before each of whose calls something else happens."""
        p = self.platform
        catalog: Any = Interposed(p.catalog, before)
        lake: Any = Interposed(p.lake, before)
        return replace(p.build, datasets=catalog, features=catalog, lake=lake)

    def copy(self) -> "Collector":
        return Collector(self.platform.fork(), self.folder, self.drops)


def opened(folder: Path) -> Collector:
    desk = Desk.open(folder)
    found = Collector(desk.platform, desk.folder)
    found.visits([0, 700])
    found.sensor([0, 690])
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Collector:
    """A version of two months."""
    found = opened(tmp_path)
    found.build()
    return found


@pytest.fixture
def aged(desk: Collector) -> Collector:
    """Three versions; what only the second needs was rolled back, long ago."""
    desk.sensor([5, 600])
    desk.build()
    desk.roll_back("sensor", 0)
    desk.build()
    return desk.wait()


@pytest.mark.parametrize("kind", ["kept", "version"])
def test_what_online_rows_are_of_stays(aged: Collector, kind: str) -> None:
    """A live model is answered from the rows of a recipe of before; they follow its last manifest."""
    second = aged.versions()[1]
    notes = OnlineNotes(aged.platform.lake, aged.platform.clock, PRODUCT, SET)
    if kind == "kept":
        notes.keep("a recipe of before", second.digest)
    else:
        notes.begin(second.digest)
    aged.wait()

    done = aged.collect()

    assert done.collected == ((1, 2),)
    assert load_features(aged.platform.lake, PRODUCT, SET, second.digest) == second
    for partition in second.stored:
        assert file_sha256(Path(aged.platform.lake.uri(partition.key))) == partition.sha256
    notes.end(versions={second.digest}, kept={"a recipe of before"})
    aged.collect()
    with pytest.raises(NotFound):
        load_features(aged.platform.lake, PRODUCT, SET, second.digest)


def test_what_online_rows_were_of_when_it_settled_stays_though_they_moved_on(aged: Collector) -> None:
    second = aged.versions()[1]
    notes = OnlineNotes(aged.platform.lake, aged.platform.clock, PRODUCT, SET)
    notes.keep("a recipe of before", second.digest)
    aged.wait()
    aged.asking.ask(ALICE, PRODUCT, SET, NEWEST_ALONE, dry_run=False)
    (message,) = aged.queue.receive()
    request = CollectionRequest.from_message(message)
    with UnderWay(aged.platform.lake, aged.platform.clock).noted(PRODUCT, SET):
        assert aged.collector().collect(request).state == "running"
    # a build that began since may have read the note, and takes over what the version names
    notes.end(kept={"a recipe of before"})

    assert aged.collector().collect(request).state == "done"

    for partition in second.stored:
        assert file_sha256(Path(aged.platform.lake.uri(partition.key))) == partition.sha256


def test_what_no_kept_version_needs_goes_and_the_record_says_so(aged: Collector) -> None:
    before = aged.folders()

    done = aged.collect()

    assert (done.state, done.versions, done.of) == ("done", 3, "features")
    assert {k.ordinal: k.reason for k in done.kept} == {3: "the newest"}
    assert done.collected == ((1, 2),)
    (newest,) = aged.versions()
    assert aged.folders()["data"] == len({p.key for p in newest.stored}) < before["data"]
    assert aged.folders()["manifests"] == aged.folders()["statistics"] == 1
    assert "building" not in aged.folders()
    assert done.objects == done.deleted > 0
    assert done.bytes == done.deleted_bytes > 0
    (event,) = aged.platform.bus.of_type("GarbageCollected")
    assert (event.detail["feature_set"], event.detail["objects"]) == (SET, done.deleted)
    report = json.loads(aged.platform.lake.get(done.report))
    assert "v2 is given up" in {g["reason"] for g in report["garbage"]}


def test_a_dry_run_deletes_nothing_and_says_what_would_go(aged: Collector) -> None:
    aged.platform.faults.clear()
    would = aged.collect(dry_run=True)
    assert not {"lake.delete", "catalog.give_up_features"} & set(aged.platform.faults.effects)
    assert (would.collected, would.deleted) == (((1, 2),), 0)
    assert len(aged.versions()) == 3

    done = aged.collect()

    assert (done.objects, done.bytes) == (would.objects, would.bytes)


def test_a_version_that_was_given_up_says_so_and_the_newest_is_built_on(aged: Collector) -> None:
    aged.collect()

    sets = aged.asking.sets
    with pytest.raises(Collected, match="v2 of shops/visit was collected as garbage at"):
        sets.version(sets.allow(ALICE, "headgate:ReadFeatures", PRODUCT, SET), "v2")
    aged.visits([1400])
    manifest = aged.build()
    assert contents(manifest) == contents_of(aged.from_nothing(), manifest)
    assert online_is_newest(aged, manifest)


def test_what_was_given_up_is_made_again_when_it_is_wanted_again(aged: Collector) -> None:
    wanted = contents(aged.versions()[1])
    aged.collect()
    aged.roll_back("sensor", 1)
    manifest = aged.build()
    assert contents(manifest)["recent"] == wanted["recent"]
    assert contents(manifest) == contents_of(aged.from_nothing(), manifest)
    aged.versions()


@pytest.mark.parametrize(
    ("retention", "why"),
    [
        (Retention(3, 0, HOUR), {1: "one of the newest 3", 2: "one of the newest 3", 3: "the newest"}),
        (
            Retention(1, 30, HOUR),
            {1: REPLACED, 2: REPLACED, 3: "the newest"},
        ),
        (
            Retention(1, 0, 3 * DAY),
            {1: REPLACED, 2: REPLACED, 3: "the newest"},
        ),
    ],
)
def test_versions_are_kept_by_number_and_for_as_long_as_they_were_just_replaced(
    aged: Collector, retention: Retention, why: dict[int, str]
) -> None:
    assert {k.ordinal: k.reason for k in aged.collect(retention).kept} == why
    assert len(aged.versions()) == 3


def test_what_a_run_was_trained_on_stays_whatever_became_of_the_run(aged: Collector) -> None:
    second = aged.versions()[1]
    aged.trained(second.digest)

    done = aged.collect()

    assert {k.ordinal for k in done.kept} == {2, 3}
    assert done.kept[0].reason.startswith("run 0000")
    assert [m.digest for m in aged.versions()][1] == second.digest


def test_the_partitions_of_a_reproduction_stay_until_it_is_over(aged: Collector) -> None:
    lake = aged.platform.lake
    lake.put(f"{PRODUCT}/features/{SET}/data/{'a' * 64}.parquet", b"made again, and different")
    aged.trained(aged.versions()[0].digest, trigger="reproduction")
    aged.wait(6 * HOUR)
    aged.collect()
    assert not lake.exists(f"{PRODUCT}/features/{SET}/data/{'b' * 64}.parquet")
    assert lake.exists(f"{PRODUCT}/features/{SET}/data/{'a' * 64}.parquet")

    (run,) = aged.platform.catalog.runs(PRODUCT)
    aged.platform.catalog.update_run(replace(run, state="SUCCEEDED", finished_at=aged.asking.sets.now()))
    aged.wait().collect()

    assert not lake.exists(f"{PRODUCT}/features/{SET}/data/{'a' * 64}.parquet")


def test_what_is_young_and_what_nobody_knows_is_left_alone(aged: Collector) -> None:
    prefix = f"{PRODUCT}/features/{SET}"
    for key in (f"{prefix}/else/x.json", f"{PRODUCT}/features/other/data/x.parquet"):
        aged.platform.lake.put(key, b"x")
    aged.wait()
    aged.platform.lake.put(f"{prefix}/data/young.parquet", b"of a build at work")

    aged.collect()

    assert aged.platform.lake.exists(f"{prefix}/data/young.parquet")
    assert aged.platform.lake.exists(f"{prefix}/else/x.json")
    assert aged.platform.lake.exists(f"{PRODUCT}/features/other/data/x.parquet")


def test_reports_go_with_the_days_and_what_an_erasure_left_with_its_version(aged: Collector) -> None:
    prefix = f"{PRODUCT}/features/{SET}"
    for key in ("builds/b.json", "parity/p.json", f"erased/{'e' * 64}.json"):
        aged.platform.lake.put(f"{prefix}/{key}", b"{}")
    aged.wait()

    aged.collect(Retention(1, 30, HOUR))
    kept = aged.folders()
    aged.collect(Retention(1, 1, HOUR))

    assert (kept["builds"], kept["parity"]) == (1, 1)
    assert not {"builds", "parity", "erased"} & aged.folders().keys()


def test_a_manifest_that_cannot_be_read_ends_it_before_any_data_is_deleted(aged: Collector) -> None:
    data = aged.folders()["data"]
    head = aged.platform.catalog.feature_head(PRODUCT, SET)
    assert head is not None
    aged.platform.lake.put(f"{PRODUCT}/features/{SET}/manifests/{head.digest}.json", b"{}")

    done = aged.wait().collect()

    assert done.state == "failed"
    assert "does not have the digest" in done.problem
    assert aged.folders()["data"] == data


def test_it_waits_for_builds_that_began_before(aged: Collector) -> None:
    asked = aged.asking.ask(ALICE, PRODUCT, SET, NEWEST_ALONE, dry_run=False)
    (message,) = aged.queue.receive()
    request = CollectionRequest.from_message(message)
    with UnderWay(aged.platform.lake, aged.platform.clock).noted(PRODUCT, SET):
        record = aged.collector().collect(request)
        assert (record.state, aged.queue.delays) == ("running", (SOON,))
        assert aged.folders()["data"] > 4
    assert aged.queue.receive() == [message]
    record = aged.collector().collect(request)
    assert (record.id, record.state) == (asked.id, "done")


def test_it_waits_for_a_build_that_was_handed_over(aged: Collector) -> None:
    aged.visits([1400])
    service, _ = batch(aged)
    service.on_dataset_version(PRODUCT, "visits")
    aged.wait(2 * HOUR)
    aged.asking.ask(ALICE, PRODUCT, SET, NEWEST_ALONE, dry_run=False)
    (message,) = aged.queue.receive()

    record = aged.collector().collect(CollectionRequest.from_message(message))

    assert (record.state, record.deleted, aged.queue.delays) == ("running", 0, (LATER,))


def test_a_set_that_is_declared_no_more_is_collected_too(aged: Collector) -> None:
    document = dict(aged.platform.products.get(PRODUCT).product.document)
    document["feature_sets"] = {"other": {**document["feature_sets"][SET], "name": "other"}}
    aged.platform.apply_product(document)
    assert aged.collect().collected == ((1, 2),)
    with pytest.raises(NotFound, match="no feature set 'nothing'; it has other"):
        aged.asking.ask(ALICE, PRODUCT, "nothing", NEWEST_ALONE, dry_run=True)


def test_who_may_not_collect_is_refused(aged: Collector) -> None:
    with pytest.raises(AccessDenied, match="CollectGarbage"):
        aged.asking.ask(BOB, PRODUCT, SET, Retention(), dry_run=True)
    assert aged.queue.messages == ()


def test_a_crash_anywhere_is_healed_by_redelivery(aged: Collector) -> None:
    aged.asking.ask(ALICE, PRODUCT, SET, NEWEST_ALONE, dry_run=False)
    (message,) = aged.queue.receive()
    aged.platform.faults.clear()
    request = CollectionRequest.from_message(message)
    clean = aged.copy()
    clean.collector().collect(request)

    for platform, crash in after_every_crash(
        aged.platform, lambda p: Collector(p, aged.folder).collector().collect(request)
    ):
        after = Collector(platform, aged.folder)
        assert len(after.versions()) == 1, crash
        assert after.folders() == clean.folders(), crash
        record = platform.catalog.collection(PRODUCT, SET, request.id, "features")
        assert (record.state, record.collected) == ("done", ((1, 2),)), crash


def settled(desk: Collector) -> None:
    """Every version is whole, and the next build makes what one from nothing makes."""
    desk.versions()
    manifest = desk.build()
    assert contents(manifest) == contents_of(desk.from_nothing(), manifest)
    assert desk.versions()[0].digest == manifest.digest


def test_a_whole_collection_between_any_two_calls_of_a_build_harms_neither(aged: Collector) -> None:
    # what the build wants is in the second version, which is given up, and in records of what was made
    aged.roll_back("sensor", 1)
    for nth in itertools.count(2, 9):
        world, calls = aged.copy(), itertools.count()

        def collect(world: Collector = world, calls: Any = calls, nth: int = nth) -> None:
            if next(calls) == nth:
                world.asking.ask(ALICE, PRODUCT, SET, NEWEST_ALONE, dry_run=False)
                for message in world.queue.receive():
                    world.collector().collect(CollectionRequest.from_message(message))

        world.beside(collect).on_dataset_version(PRODUCT, "visits")
        if next(calls) <= nth:
            break
        while messages := world.queue.receive():
            for message in messages:
                world.collector().collect(CollectionRequest.from_message(message))
        settled(world)
    assert nth > 20


def test_a_whole_build_between_any_two_calls_of_a_collection_harms_neither(aged: Collector) -> None:
    aged.roll_back("sensor", 1)
    for nth in itertools.count(1, 7):
        world, calls = aged.copy(), itertools.count()

        def build(world: Collector = world, calls: Any = calls, nth: int = nth) -> None:
            if next(calls) == nth:
                world.build()

        world.collect(before=build)
        if next(calls) <= nth:
            break
        settled(world)
    assert nth > 10


ACTS = ("visits", "sensor", "back", "build", "collect", "train", "die", "declare")


@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 5)), min_size=2, max_size=6),
    during=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(ACTS), st.integers(0, 5)), max_size=5),
    keep=st.integers(1, 2),
)
def test_nothing_that_is_needed_goes_whatever_happens_meanwhile(
    before: list[tuple[str, int]], during: list[tuple[int, str, int]], keep: int
) -> None:
    """Drops, rollbacks, builds, builds that die, runs, declarations and other collections come between any
    two calls of a collection: every version that is not given up and every one that a run needs stays whole.
    """
    with TemporaryDirectory() as scratch:
        desk = opened(Path(scratch))
        others = Others(desk)
        desk.build()
        for act, which in before:
            others.do(act, which)
            desk.wait(HOUR)
        desk.wait()
        calls = itertools.count()

        def meanwhile() -> None:
            now = next(calls)
            for at, act, which in during:
                if at == now:
                    others.do(act, which)

        desk.collect(Retention(keep, 0, HOUR), before=meanwhile)
        others.check()
        settled(desk)
        desk.wait().collect(Retention(keep, 0, HOUR))
        others.check()
        settled(desk)


class Died(BaseException):
    """The process is gone."""


class Others:
    """People and workers beside the collector."""

    def __init__(self, desk: Collector) -> None:
        self._desk = desk

    def do(self, act: str, which: int) -> None:
        with suppress(HeadgateError):
            getattr(self, f"_{act}")(which)

    def check(self) -> None:
        kept = {manifest.digest for manifest in self._desk.versions()}
        assert {run.feature_version for run in self._desk.platform.catalog.runs(PRODUCT)} <= kept

    def _visits(self, which: int) -> None:
        self._desk.visits([which * 300 + self._desk.drops])

    def _sensor(self, which: int) -> None:
        self._desk.sensor([which * 300, which * 300 + 40 + self._desk.drops])

    def _back(self, which: int) -> None:
        self._desk.roll_back("sensor", which)

    def _build(self, _: int) -> None:
        self._desk.build()

    def _collect(self, which: int) -> None:
        """Another collection, as far as it comes without waiting."""
        desk = self._desk
        desk.asking.ask(ALICE, PRODUCT, SET, Retention(1 + which % 2, 0, HOUR), dry_run=False)
        for message in desk.queue.receive():
            desk.collector().collect(CollectionRequest.from_message(message))

    def _train(self, _: int) -> None:
        """On the newest version, as every run is."""
        head = self._desk.platform.catalog.feature_head(PRODUCT, SET)
        assert head is not None
        self._desk.trained(head.digest)

    def _die(self, which: int) -> None:
        """A build that is gone in the middle; its note stays open."""
        calls = itertools.count()

        def gone() -> None:
            if next(calls) == 10 + 7 * which:
                raise Died

        self._desk.visits([which * 200 + self._desk.drops])
        with suppress(Died):
            self._desk.beside(gone).on_dataset_version(PRODUCT, "visits")
        self._desk.wait(FUNCTION_SECONDS / 4)

    def _declare(self, which: int) -> None:
        document = dict(self._desk.platform.products.get(PRODUCT).product.document)
        document["feature_sets"] = {SET: {**document["feature_sets"][SET], "seed": which % 2}}
        self._desk.platform.apply_product(document)
        self._desk.build()
