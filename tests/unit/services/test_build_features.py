"""Feature builds: idempotence, order, online rows, and recovery from a crash at every side effect."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import Crash
from headgate.domain.column_lineage import ColumnLineage
from headgate.domain.errors import AccessDenied, Corrupted, InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_version import FeatureVersionRecord, features_node
from headgate.domain.lineage import edges_of
from headgate.ports import FeatureEngine, FeatureSession
from headgate.services.features.build_features import BuildOutcome
from headgate.services.features.feature_manifests import features_manifest_key, load_features

from tests.support.crash_points import after_every_crash, side_effects
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import POLICY, bundle, sensor_csv, space, visits_csv

NORTH, SOUTH = (space(), "north"), (space(), "south")


@pytest.fixture
def fed(platform: MemoryPlatform) -> MemoryPlatform:
    """January of both inputs is there, nothing is built."""
    take_in(platform, 1)
    platform.faults.clear()
    return platform


def take_in(platform: MemoryPlatform, month: int, *datasets: str) -> None:
    bodies = {"visits": visits_csv(month), "sensor": sensor_csv(month)}
    for dataset in datasets or bodies:
        platform.ingest_now(platform.drop(f"shops/{dataset}/{month}.csv", bodies[dataset]))


def build(platform: MemoryPlatform, dataset: str = "visits") -> BuildOutcome:
    (outcome,) = platform.build.on_dataset_version("shops", dataset)
    return outcome


def versions(platform: MemoryPlatform) -> list[FeatureVersionRecord]:
    return list(platform.catalog.feature_versions("shops", "visit"))


def told(platform: MemoryPlatform, digest: str) -> set[str]:
    """What the bus heard of a feature version."""
    node = features_node("shops", "visit", digest)
    edges = {
        edge.node for e in platform.bus.of_type("LineageRecorded") for edge in edges_of(e.detail["event"])
    }
    built = {e.detail["digest"] for e in platform.bus.of_type("FeatureVersionBuilt")}
    return {kind for kind, found in (("lineage", node in edges), ("built", digest in built)) if found}


def test_a_build_waits_until_every_input_has_a_version(platform: MemoryPlatform) -> None:
    take_in(platform, 1, "visits")
    outcome = build(platform)
    assert (outcome.state, outcome.detail) == ("waiting", "no version yet of sensor")
    assert versions(platform) == []


def test_a_version_names_what_it_was_built_of(fed: MemoryPlatform) -> None:
    record = build(fed).record
    assert record is not None
    manifest = load_features(fed.lake, "shops", "visit", record.digest)
    assert (record.ordinal, record.rows, manifest.rows, manifest.label_rows) == (1, 112, 112, 112)
    assert [(p.name, p.rows, p.positives) for p in manifest.partitions] == [
        ("2024-01", 112, visits_csv(1).count(b"True"))
    ]
    heads = {d: fed.catalog.dataset_head("shops", d) for d in ("visits", "sensor")}
    assert record.inputs == {d: head.digest for d, head in heads.items() if head}
    assert told(fed, record.digest) == {"lineage", "built"}
    edges = [edge for e in fed.bus.of_type("LineageRecorded") for edge in edges_of(e.detail["event"])]
    upstream = {
        edge.upstream for edge in edges if edge.node == features_node("shops", "visit", record.digest)
    }
    assert upstream == {f"dataset/shops/{d}/{digest}" for d, digest in record.inputs.items()}


def test_the_same_event_again_builds_nothing_and_tells_again(fed: MemoryPlatform) -> None:
    first = build(fed)
    effects = side_effects(fed, build)
    again = build(fed)
    assert (first.state, again.state) == ("built", "unchanged")
    assert first.record == again.record
    assert effects == ("bus.publish",)
    assert len(versions(fed)) == 1


def test_a_manifest_that_was_tampered_with_is_refused(fed: MemoryPlatform) -> None:
    record = build(fed).record
    assert record is not None
    key = features_manifest_key("shops", "visit", record.digest)
    fed.lake.put(key, fed.lake.get(key).replace(b"112", b"113"))
    with pytest.raises(Corrupted, match="digest that names it"):
        load_features(fed.lake, "shops", "visit", record.digest)


@dataclass
class SlowEngine:
    """An engine during whose first build something else happens."""

    inner: FeatureEngine
    meanwhile: list[Callable[[], Any]]

    @property
    def version(self) -> str:
        return self.inner.version

    @contextmanager
    def session(
        self, readable: Sequence[str], scratch: Path, seed: int = 0, repeatable: bool = False
    ) -> Iterator[FeatureSession]:
        with self.inner.session(readable, scratch, seed, repeatable) as session:
            yield session
        while self.meanwhile:
            self.meanwhile.pop()()

    def lineage(
        self, view: FeatureView, tables: Mapping[str, Sequence[str]], columns: Sequence[str]
    ) -> ColumnLineage:
        return self.inner.lineage(view, tables, columns)

    def on_demand(
        self,
        view: FeatureView,
        request: Sequence[Mapping[str, Any]],
        types: Mapping[str, str],
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        return self.inner.on_demand(view, request, types, seed)


def test_a_build_that_ends_after_a_newer_one_replaces_nothing(fed: MemoryPlatform) -> None:
    # Given a slow worker with January, while February arrives and another worker builds both
    def february() -> None:
        take_in(fed, 2)
        assert build(fed).state == "built"
        fed.faults.clear()

    slow = replace(fed.build, engine=SlowEngine(fed.build.engine, [february]))
    # When the slow one ends
    (outcome,) = slow.on_dataset_version("shops", "visits")
    # Then head and online rows stay those of the newer one
    assert outcome.state == "superseded"
    assert [v.rows for v in versions(fed)] == [224]
    assert "online.write" not in fed.faults.effects
    assert fed.online.read("shops", [NORTH])[NORTH].event_time.startswith("2024-02-28")


def test_two_workers_with_the_same_inputs_make_one_version(fed: MemoryPlatform) -> None:
    slow = replace(fed.build, engine=SlowEngine(fed.build.engine, [lambda: build(fed)]))
    (outcome,) = slow.on_dataset_version("shops", "visits")
    (record,) = versions(fed)
    assert outcome.record == record


def test_an_input_that_is_no_input_any_more_holds_nothing_up(fed: MemoryPlatform) -> None:
    # Given a version built of visits and sensor
    assert build(fed).state == "built"
    # When the product no longer reads the sensor
    document = bundle()
    document["views"]["sensor_now"] = {**document["views"]["sensor_now"], "inputs": ["visits"]}
    document["views"]["sensor_now"]["sql"] = "SELECT shop, visited_at AS known_at, size AS warmth FROM visits"
    fed.apply_product(document)
    # Then the new recipe is built
    outcome = build(fed)
    assert outcome.state == "built"
    assert outcome.record is not None
    assert set(outcome.record.inputs) == {"visits"}


def test_policy_may_refuse_the_build(tmp_path: Path) -> None:
    denied = {**POLICY, "Statement": [*POLICY["Statement"], _deny("headgate:BuildFeatures")]}
    platform = MemoryPlatform(tmp_path)
    platform.apply_product(bundle(policy=denied))
    take_in(platform, 1)
    with pytest.raises(AccessDenied, match="NotThis"):
        build(platform)
    assert versions(platform) == []


def _deny(action: str) -> dict[str, Any]:
    return {
        "Sid": "NotThis",
        "Effect": "Deny",
        "Principal": {"Headgate": ["service/build_features"]},
        "Action": action,
        "Resource": "hrn:shops:*",
    }


def test_a_set_that_fails_does_not_keep_another_from_being_built(platform: MemoryPlatform) -> None:
    # Given two sets over the same input, the first of which cannot be built
    document = bundle()
    document["views"]["broken"] = {**document["views"]["visit"], "name": "broken", "sql": "SELECT nothing"}
    broken = {**document["feature_sets"]["visit"], "name": "a_broken_one", "spine": "broken"}
    document["feature_sets"] = {"a_broken_one": broken, **document["feature_sets"]}
    platform.apply_product(document)
    take_in(platform, 1)
    # When its dataset has a new version
    with pytest.raises(InvalidRequest, match="view broken"):
        platform.build.on_dataset_version("shops", "visits")
    # Then the other one is there
    assert [v.rows for v in versions(platform)] == [112]


def test_online_rows_are_the_newest_known_and_expire_when_they_cannot_be_used(fed: MemoryPlatform) -> None:
    build(fed)
    rows = fed.online.read("shops", [NORTH, SOUTH])
    assert {key: (r.event_time, r.values) for key, r in rows.items()} == {
        NORTH: ("2024-01-28T12:00:00.000Z", {"warmth": 28.12}),
        SOUTH: ("2024-01-28T12:00:00.000Z", {"warmth": 28.12}),
    }
    now = int(fed.clock.now().timestamp())
    assert {r.expires_at for r in rows.values()} == {now + 3600}


def test_a_row_that_becomes_known_later_does_not_expire_before_it_can_be_used(
    platform: MemoryPlatform,
) -> None:
    take_in(platform, 1, "visits")
    tomorrow = b"shop,known_at,warmth\nnorth,2030-01-02 00:00:00,7.5\n"
    platform.ingest_now(platform.drop("shops/sensor/forecast.csv", tomorrow))
    build(platform)
    row = platform.online.read("shops", [NORTH])[NORTH]
    assert row.expires_at == int(platform.clock.now().timestamp()) + 24 * 3600 + 3600


def test_a_row_does_not_expire_within_the_last_second_that_it_can_be_used(platform: MemoryPlatform) -> None:
    take_in(platform, 1, "visits")
    body = b"shop,known_at,warmth\nnorth,2030-01-02 00:00:00.400,7.5\n"
    platform.ingest_now(platform.drop("shops/sensor/forecast.csv", body))
    build(platform)
    row = platform.online.read("shops", [NORTH])[NORTH]
    assert row.expires_at == int(platform.clock.now().timestamp()) + 24 * 3600 + 1 + 3600


def test_online_rows_of_an_unchanged_input_are_left_alone(fed: MemoryPlatform) -> None:
    first = build(fed).record
    take_in(fed, 2, "visits")
    fed.faults.clear()
    assert build(fed).state == "built"
    assert "online.write" not in fed.faults.effects
    assert first is not None
    assert fed.online.read("shops", [NORTH])[NORTH].feature_version == first.digest


def test_a_changed_recipe_writes_the_online_rows_again(fed: MemoryPlatform) -> None:
    # Given online rows in degrees
    build(fed)
    # When the view says Fahrenheit of the very same data
    fed.apply_product(in_fahrenheit())
    assert build(fed).state == "built"
    # Then the rows are in Fahrenheit, where nobody takes them for degrees
    place = (space(document=in_fahrenheit()), "north")
    assert place != NORTH
    assert fed.online.read("shops", [place])[place].values["warmth"] == pytest.approx(28.12 * 1.8 + 32)


def in_fahrenheit() -> dict[str, Any]:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = "SELECT shop, known_at, warmth * 1.8 + 32 AS warmth FROM sensor"
    return document


def test_a_recipe_that_is_declared_as_it_was_before_is_the_newest_version_again(fed: MemoryPlatform) -> None:
    # Given degrees, then Fahrenheit, of the very same data
    first = build(fed).record
    fed.apply_product(in_fahrenheit())
    build(fed)
    # When the view says degrees again
    fed.apply_product(bundle())
    outcome = build(fed)
    # Then the newest version and the online rows are in degrees, and nothing was made for it
    head = fed.catalog.feature_head("shops", "visit")
    assert first is not None and head is not None
    assert (outcome.state, outcome.record) == ("built", head)
    assert (head.ordinal, head.build_id, head.digest, head.built) == (3, first.build_id, first.digest, 0)
    assert fed.online.read("shops", [NORTH])[NORTH].values == {"warmth": 28.12}
    # and is not made the newest again and again
    assert build(fed).state == "unchanged"
    assert len(versions(fed)) == 3


def test_a_build_of_a_recipe_that_is_declared_no_more_replaces_nothing(fed: MemoryPlatform) -> None:
    # Given a slow worker with degrees, while the set is declared and built in Fahrenheit
    def meanwhile() -> None:
        fed.apply_product(in_fahrenheit())
        assert build(fed).state == "built"

    slow = replace(fed.build, engine=SlowEngine(fed.build.engine, [meanwhile]))
    (outcome,) = slow.on_dataset_version("shops", "visits")
    assert outcome.state == "superseded"
    (record,) = versions(fed)
    assert fed.online.read("shops", [NORTH]) == {}
    place = (space(document=in_fahrenheit()), "north")
    assert fed.online.read("shops", [place])[place].feature_version == record.digest


def test_a_crash_at_any_side_effect_is_healed_by_redelivery(fed: MemoryPlatform) -> None:
    clean = fed.fork()
    expected = build(clean).record
    assert expected is not None
    for platform, crash in after_every_crash(fed, build):
        (record,) = versions(platform)
        assert record.digest == expected.digest, crash
        assert told(platform, record.digest) == {"lineage", "built"}, crash
        assert {k: r.values for k, r in platform.online.read("shops", [NORTH, SOUTH]).items()} == {
            k: r.values for k, r in clean.online.read("shops", [NORTH, SOUTH]).items()
        }, crash
        load_features(platform.lake, "shops", "visit", record.digest)


def test_a_version_whose_worker_died_before_telling_is_told_by_the_next_build(fed: MemoryPlatform) -> None:
    # Given a worker that died between head and events
    publishes = side_effects(fed, build).count("bus.publish")
    fed.faults.fail_at("bus.publish", publishes)
    with pytest.raises(Crash):
        build(fed)
    fed.faults.clear()
    (orphan,) = versions(fed)
    assert told(fed, orphan.digest) == set()
    # When newer data arrives before the message is delivered again
    take_in(fed, 2)
    build(fed)
    build(fed)
    # Then where the older version came from is known too
    assert "lineage" in told(fed, orphan.digest)
    assert len(versions(fed)) == 2
