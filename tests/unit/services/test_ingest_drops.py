"""Ingest: folding, routing, quarantine, idempotence, recovery from a crash between any two side effects."""

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash
from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile, Drop
from headgate.domain.errors import StateUnknown, Throttled
from headgate.domain.lineage import edges_of
from headgate.ports import Converted, IngestEngine
from headgate.services.versions.manifests import Manifests

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle, sensor_csv, visits_csv


def files_of(platform: MemoryPlatform, digest: str) -> tuple[DataFile, ...]:
    manifests = Manifests(platform.lake, "shops", "visits")
    return manifests.files(manifests.load(digest))


def versions(platform: MemoryPlatform, dataset: str = "visits") -> list[tuple[int, int, str | None]]:
    found = platform.catalog.dataset_versions("shops", dataset)
    return [(v.ordinal, v.rows, v.parent) for v in reversed(found)]


def test_a_burst_is_folded_into_one_version(platform: MemoryPlatform) -> None:
    drops = [platform.drop(f"shops/visits/{m}.csv", visits_csv(m)) for m in (1, 2, 3)]
    report = platform.ingest_now(*drops)
    assert [(v.ordinal, v.rows, v.files) for v in report.committed] == [(1, 336, 3)]
    assert not report.failed
    assert {s.key for s in report.committed[0].sources} == {d.key for d in drops}


def test_versions_share_segments_and_name_their_parent(platform: MemoryPlatform) -> None:
    first = platform.ingest_now(platform.drop("shops/visits/1.csv", visits_csv(1))).committed[0]
    second = platform.ingest_now(platform.drop("shops/visits/2.csv", visits_csv(2))).committed[0]
    one = Manifests(platform.lake, "shops", "visits").load(first.digest)
    two = Manifests(platform.lake, "shops", "visits").load(second.digest)
    assert two.parent == one.digest
    assert two.table.recent[0] == one.table.recent[0]
    assert [f.rows for f in files_of(platform, second.digest)] == [112, 112]


def test_every_file_names_the_bytes_it_came_from(platform: MemoryPlatform) -> None:
    drop = platform.drop("shops/visits/a file+with%20é.csv", visits_csv(1))
    version = platform.ingest_now(drop).committed[0]
    (file,) = files_of(platform, version.digest)
    assert (file.source.key, file.source.version_id) == (drop.key, drop.version_id)
    assert file.source.bytes == drop.size


def test_the_same_object_twice_makes_one_version(platform: MemoryPlatform) -> None:
    drop = platform.drop("shops/visits/1.csv", visits_csv(1))
    platform.ingest_now(drop)
    again = platform.ingest_now(
        drop, Drop(drop.bucket, drop.key, drop.version_id, drop.size, "another-message")
    )
    assert not again.committed
    assert not again.failed
    assert versions(platform) == [(1, 112, None)]


def test_the_same_bytes_twice_in_one_batch_make_one_version(platform: MemoryPlatform) -> None:
    body = visits_csv(1)
    report = platform.ingest_now(
        platform.drop("shops/visits/a.csv", body), platform.drop("shops/visits/b.csv", body)
    )
    assert [v.rows for v in report.committed] == [112]


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("unknown/visits/1.csv", "unknown_product"),
        ("shops/nowhere/1.csv", "unknown_dataset"),
        ("stray.csv", "unknown_prefix"),
        ("shops/stray.csv", "unknown_prefix"),
    ],
)
def test_a_drop_that_belongs_nowhere_is_quarantined(platform: MemoryPlatform, key: str, rule: str) -> None:
    report = platform.ingest_now(platform.drop(key, b"x"))
    assert [q.rule for q in report.quarantined] == [rule]
    assert not report.failed


@dataclass(frozen=True)
class ChokingEngine:
    """Reads everything but what is called ``large``: that is more than its memory holds."""

    engine: IngestEngine

    def convert(
        self,
        source: Path,
        source_name: str,
        contract: Contract,
        target: Path,
        context: CheckContext | None = None,
    ) -> Converted:
        if "large" in source_name:
            raise MemoryError("more than the function has")
        return self.engine.convert(source, source_name, contract, target, context)


def test_a_drop_that_cannot_be_taken_in_costs_its_own_message_alone(platform: MemoryPlatform) -> None:
    choking = replace(platform.ingest, engine=ChokingEngine(platform.ingest.engine))
    large = platform.drop("shops/visits/large.csv", visits_csv(3))

    report = choking.ingest(
        [
            platform.drop("shops/visits/1.csv", visits_csv(1)),
            large,
            platform.drop("shops/visits/2.csv", visits_csv(2)),
        ]
    )

    assert list(report.failed) == [large.message_id]
    assert [v.rows for v in report.committed] == [224]


def test_a_bad_drop_does_not_harm_its_neighbours(platform: MemoryPlatform) -> None:
    bad = platform.drop(
        "shops/visits/bad.csv", b"visit_id,visited_at,shop,size,bought\nv,not a time,north,1,true\n"
    )
    report = platform.ingest_now(
        platform.drop("shops/visits/1.csv", visits_csv(1)),
        bad,
        platform.drop("shops/sensor/1.csv", sensor_csv(1)),
        platform.drop("shops/visits/2.csv", visits_csv(2)),
    )
    assert sorted((v.dataset, v.rows) for v in report.committed) == [("sensor", 112), ("visits", 224)]
    (record,) = report.quarantined
    assert (record.rule, record.rows, record.key) == ("wrong_type", 1, bad.key)
    assert platform.landing.get(bad.key, bad.version_id).startswith(b"visit_id")
    (event,) = [e for e in platform.bus.events if e.type == "DropQuarantined"]
    assert event.detail["quarantine_id"] == record.id
    assert platform.catalog.quarantine("shops")[0].id == record.id


def test_an_overwriting_dataset_keeps_only_the_last_drop_in_its_newest_version(
    platform: MemoryPlatform,
) -> None:
    report = platform.ingest_now(
        platform.drop("shops/prices/1.csv", b"item\na\nb\n"),
        platform.drop("shops/prices/2.csv", b"item\nc\n"),
    )
    assert [(v.ordinal, v.rows) for v in report.committed] == [(1, 2), (2, 1)]


def test_policy_may_refuse_the_commit(tmp_path: Path) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Headgate": ["group/ml-engineers"]},
                "Action": "headgate:*",
                "Resource": "hrn:shops:*",
            }
        ],
    }
    platform = MemoryPlatform(tmp_path)
    platform.apply_product(bundle(policy=policy))
    report = platform.ingest_now(platform.drop("shops/visits/1.csv", visits_csv(1)))
    assert [q.rule for q in report.quarantined] == ["access_denied"]
    assert versions(platform) == []


def test_the_version_is_published_with_its_lineage(platform: MemoryPlatform) -> None:
    drop = platform.drop("shops/visits/1.csv", visits_csv(1))
    version = platform.ingest_now(drop).committed[0]
    (lineage,) = [e for e in platform.bus.events if e.type == "LineageRecorded"]
    (edge,) = edges_of(lineage.detail["event"])
    assert edge.node == f"dataset/shops/visits/{version.digest}"
    assert edge.upstream == f"object/landing/{drop.key}?versionId={drop.version_id}"
    assert edge.facts["sha256"] == version.sources[0].sha256
    (event,) = [e for e in platform.bus.events if e.type == "DatasetVersionCommitted"]
    assert (event.detail["ordinal"], event.detail["rows"]) == (1, 112)


def test_a_crash_between_any_two_side_effects_is_healed_by_redelivery(tmp_path: Path) -> None:
    # Given the side effects of a run in which nothing fails
    def world(name: str) -> tuple[MemoryPlatform, list[Drop]]:
        made = MemoryPlatform(tmp_path / name)
        made.apply_product(bundle())
        drops = [
            made.drop("shops/visits/1.csv", visits_csv(1)),
            made.drop("shops/visits/bad.csv", b"nonsense"),
            made.drop("shops/sensor/1.csv", sensor_csv(1)),
        ]
        made.faults.clear()
        return made, drops

    clean, drops = world("clean")
    clean.ingest_now(*drops)
    effects = clean.faults.effects
    assert len(effects) >= 12
    for nth in range(1, len(effects) + 1):
        for when in ("before", "after"):
            # When the worker dies at one of them and the queue delivers the batch again
            platform, drops = world(f"{nth}-{when}")
            platform.faults.fail_at(ANY_EFFECT, nth, when)
            with pytest.raises(Crash):
                platform.ingest_now(*drops)
            platform.faults.clear()
            platform.restart()
            report = platform.ingest_now(*drops)
            # Then nothing is lost, nothing is doubled, and every fact was published
            assert not report.failed, (nth, when, effects[nth - 1])
            assert versions(platform) == [(1, 112, None)], (nth, when, effects[nth - 1])
            assert versions(platform, "sensor") == [(1, 112, None)]
            assert [q.rule for q in platform.catalog.quarantine("shops")] == ["missing_column"]
            kinds = {(e.type, e.detail.get("dataset")) for e in platform.bus.events}
            assert {
                ("DatasetVersionCommitted", "visits"),
                ("DatasetVersionCommitted", "sensor"),
                ("DropQuarantined", "visits"),
            } <= kinds, (nth, when, effects[nth - 1])


def test_a_lost_answer_of_the_commit_is_looked_up_not_repeated(platform: MemoryPlatform) -> None:
    platform.faults.fail_at("catalog.commit_version", 1, "after", StateUnknown("the answer was lost"))
    report = platform.ingest_now(platform.drop("shops/visits/1.csv", visits_csv(1)))
    assert [v.ordinal for v in report.committed] == [1]
    assert versions(platform) == [(1, 112, None)]


def test_a_throttled_store_sends_back_only_what_it_concerns(platform: MemoryPlatform) -> None:
    platform.faults.fail_at("lake.upload", 1, "before", Throttled("slow down"))
    first, second = (platform.drop(f"shops/visits/{m}.csv", visits_csv(m)) for m in (1, 2))
    report = platform.ingest_now(first, second)
    assert list(report.failed) == [first.message_id]
    assert [v.rows for v in report.committed] == [112]


def test_many_committers_lose_and_double_nothing(platform: MemoryPlatform) -> None:
    drops = [platform.drop(f"shops/visits/{m}.csv", visits_csv(m, days=2)) for m in range(1, 9)]
    failed: list[str] = []

    def work(drop: Drop) -> None:
        report = platform.ingest_now(drop)
        failed.extend(report.failed)

    threads = [Thread(target=work, args=(d,)) for d in drops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    remaining = [d for d in drops if d.message_id in failed]
    for drop in remaining:
        platform.ingest_now(drop)
    head = platform.catalog.dataset_head("shops", "visits")
    assert head is not None
    files = files_of(platform, head.digest)
    assert sorted(f.source.key for f in files) == sorted(d.key for d in drops)
    assert head.rows == 8 * 8
