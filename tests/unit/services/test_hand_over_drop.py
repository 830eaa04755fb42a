"""Large drops: by measured size to a Batch job, the same result as in the function, and failures kept."""

import gzip
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.memory import ANY_EFFECT, Crash, MemoryBatchCompute
from headgate.domain.dataset import Drop
from headgate.domain.errors import ConfigurationError, InvalidRequest, Throttled, TooLargeHere
from headgate.domain.source_limits import SourceLimits
from headgate.jobs import ingest as job
from headgate.ports import Converted, IngestEngine
from headgate.services.ingestion.hand_over_drop import HandOverDrop, handed_drop, weight
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.ingestion.ingest_report import IngestReport

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import visits_csv

LIMIT = 2000


class Plant:
    """A platform whose function takes ``LIMIT`` bytes, and the Batch side that runs what it is handed."""

    def __init__(self, platform: MemoryPlatform, deployed: tuple[str, ...] = ("ingest",)) -> None:
        self.platform = platform
        self.compute = MemoryBatchCompute(deployed, platform.faults)
        self.said: list[dict[str, Any]] = []

    @property
    def function(self) -> IngestDrops:
        here = self.platform.ingest
        large = HandOverDrop(self.compute, here.catalog, here.versions, here.refusals, LIMIT)
        return replace(here, large=large)

    def run_job(self, number: int = -1) -> int:
        parameter = self.compute.submissions[number].parameters["drop"]
        return job.run([parameter], lambda: self.platform.ingest, self.said.append)

    def outcome(self) -> tuple[list[tuple[int, int, str]], list[tuple[str, str]], list[str]]:
        """(versions, refusals, kinds of events): what people see."""
        catalog = self.platform.catalog
        versions = [
            (v.ordinal, v.rows, v.sources[0].key) for v in catalog.dataset_versions("shops", "visits")
        ]
        refused = [(q.key, q.rule) for q in catalog.quarantine("shops")]
        kinds = [
            e.type for e in self.platform.bus.events if e.type not in ("ProductApplied", "AccessDecided")
        ]
        return versions, refused, kinds


@pytest.fixture
def plant(platform: MemoryPlatform) -> Plant:
    return Plant(platform)


@pytest.mark.parametrize(
    ("key", "size", "weighs"),
    [
        ("p/d/a.csv", 1000, 1000),
        ("p/d/a.csv.gz", 1000, 4000),
        ("p/d/A.JSONL.ZST", 1000, 4000),
        ("p/d/gz", 7, 7),
    ],
)
def test_compressed_bytes_count_for_what_they_unpack_to(key: str, size: int, weighs: int) -> None:
    assert weight(Drop("b", key, "v", size, "m")) == weighs


def test_a_large_drop_ends_as_it_would_have_in_the_function(plant: Plant) -> None:
    # Given a platform where one good and one bad drop were taken in by the function alone
    good, bad = visits_csv(1), visits_csv(2).replace(b"north", b"west")
    assert min(len(good), len(bad)) > LIMIT
    other = Plant(plant.platform.fork())
    other.platform.ingest_now(other.platform.drop("shops/visits/good.csv", good))
    other.platform.ingest_now(other.platform.drop("shops/visits/bad.csv", bad))
    # When the same drops are too large for it, and jobs take them in
    for name, body in (("good", good), ("bad", bad)):
        report = plant.function.ingest([plant.platform.drop(f"shops/visits/{name}.csv", body)])
        assert (report.committed, report.quarantined, report.failed) == ([], [], {})
        assert list(report.handed_over.values()) == [plant.compute.submissions[-1].job_id]
        assert plant.run_job() == job.DONE
    # Then versions, refusals and events are the same
    assert plant.outcome() == other.outcome()
    assert [line["message"] for line in plant.said] == ["version committed", "drop quarantined"]


def packed(plant: Plant) -> Drop:
    """Few bytes that unpack to more than the function's limit."""
    body = gzip.compress(visits_csv(1))
    assert len(body) * 4 < LIMIT * 4 < len(visits_csv(1)) * 4
    return plant.platform.drop("shops/visits/packed.csv", body)


def test_what_is_too_large_once_unpacked_is_handed_over_too(plant: Plant) -> None:
    # Given a function that may unpack so many bytes, and a job that may unpack more
    engine = DuckDbIngestEngine(plant.platform.limits, SourceLimits(max_bytes=LIMIT))
    drop, small = packed(plant), plant.platform.drop("shops/visits/small.csv", visits_csv(3, days=2))
    # When a drop turns out to be larger
    report = replace(plant.function, engine=engine).ingest([drop, small])
    # Then the job takes it in, and the small one beside it never left the function
    assert (report.quarantined, report.failed) == ([], {})
    assert list(report.handed_over) == [drop.message_id]
    assert [v.sources[0].key for v in report.committed] == [small.key]
    assert plant.run_job() == job.DONE
    assert [v[2] for v in plant.outcome()[0]] == [drop.key, small.key]


@dataclass(frozen=True)
class Narrow:
    """An engine whose memory holds no packed drop."""

    engine: IngestEngine

    def convert(self, source: Path, source_name: str, *arguments: Any) -> Converted:
        if "packed" in source_name:
            raise TooLargeHere("more memory than there is")
        return self.engine.convert(source, source_name, *arguments)


def test_what_takes_more_memory_than_the_function_has_is_handed_over_too(plant: Plant) -> None:
    narrow = Narrow(plant.platform.ingest.engine)
    drop = packed(plant)

    # Where there is nobody to hand it to, its message comes again
    alone = replace(plant.platform.ingest, engine=narrow).ingest([drop])
    report = replace(plant.function, engine=narrow).ingest([drop])

    assert [type(e) for e in alone.failed.values()] == [TooLargeHere]
    assert list(report.handed_over) == [drop.message_id]
    assert plant.run_job() == job.DONE
    assert [v[2] for v in plant.outcome()[0]] == [drop.key]


def test_small_drops_of_the_same_batch_stay_in_the_function(plant: Plant) -> None:
    small = plant.platform.drop("shops/visits/small.csv", visits_csv(3, days=2))
    large = plant.platform.drop("shops/visits/large.csv", visits_csv(1))
    report = plant.function.ingest([large, small])
    assert [s.key for v in report.committed for s in v.sources] == [small.key]
    assert list(report.handed_over) == [large.message_id]


def test_the_job_is_named_by_the_object_and_given_the_whole_drop(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/a file+%é.csv", visits_csv(1))
    asked = replace(drop, quarantine_id="q", requested_by="user/alice")
    plant.function.ingest([asked])
    (submitted,) = plant.compute.submissions
    assert submitted.name == f"ingest-{drop.identity[:24]}"
    assert handed_drop(submitted.parameters["drop"]) == asked
    assert submitted.timeout_seconds >= 900


def test_a_drop_handed_over_twice_makes_one_version(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/1.csv", visits_csv(1))
    for _ in range(2):
        plant.function.ingest([drop])
    assert [plant.run_job(n) for n in (0, 1)] == [job.DONE, job.DONE]
    assert [v.ordinal for v in plant.platform.catalog.dataset_versions("shops", "visits")] == [1]
    assert plant.said[-1]["message"] == "known already"


def test_what_is_in_a_version_is_not_handed_over_again_but_told_again(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/1.csv", visits_csv(1))
    plant.function.ingest([drop])
    plant.run_job()
    told = len(plant.platform.bus.of_type("DatasetVersionCommitted"))
    report = plant.function.ingest([drop])
    assert (report.repeated, len(plant.compute.submissions)) == ([drop.message_id], 1)
    assert len(plant.platform.bus.of_type("DatasetVersionCommitted")) == told + 1


def test_a_large_drop_that_belongs_nowhere_starts_no_job(plant: Plant) -> None:
    report = plant.function.ingest([plant.platform.drop("shops/nowhere/x.csv", visits_csv(1))])
    assert [q.rule for q in report.quarantined] == ["unknown_dataset"]
    assert plant.compute.submissions == ()


def test_a_throttled_batch_and_a_missing_definition_send_the_message_back(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/1.csv", visits_csv(1))
    plant.platform.faults.fail_at("batch.submit", 1, "before", Throttled("slow down"))
    assert isinstance(plant.function.ingest([drop]).failed[drop.message_id], Throttled)
    bare = Plant(plant.platform, deployed=("cpu",))
    assert isinstance(bare.function.ingest([drop]).failed[drop.message_id], ConfigurationError)


def test_a_job_that_was_given_up_leaves_a_refusal_that_can_be_replayed(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/1.csv", visits_csv(1))
    plant.function.ingest([drop])
    report = IngestReport()
    plant.function.job_failed(drop, "OutOfMemoryError (exit code 137, job job-0001)", report)
    (record,) = report.quarantined
    assert (record.rule, record.key, record.version_id) == ("job_failed", drop.key, drop.version_id)
    assert "137" in record.reason
    # And the replay goes to a job again, whose success closes the record
    plant.function.ingest([replace(drop, quarantine_id=record.id, requested_by="user/alice")])
    assert plant.run_job() == job.DONE
    found = plant.platform.catalog.quarantined("shops", "visits", record.id)
    assert (found.state, found.closed_by) == ("replayed", "user/alice")


def test_a_job_that_failed_after_its_commit_is_no_refusal(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/1.csv", visits_csv(1))
    plant.function.ingest([drop])
    plant.run_job()
    report = IngestReport()
    plant.function.job_failed(drop, "Host EC2 terminated", report)
    assert (report.quarantined, report.repeated, report.failed) == ([], [], {})
    assert plant.platform.catalog.quarantine("shops") == []


def test_a_job_killed_anywhere_is_healed_by_its_retry(plant: Plant) -> None:
    def world() -> Plant:
        made = Plant(plant.platform.fork())
        made.function.ingest([made.platform.drop("shops/visits/1.csv", visits_csv(1, days=14))])
        made.platform.faults.clear()
        return made

    clean = world()
    clean.run_job()
    effects = clean.platform.faults.effects
    assert len(effects) >= 4
    for nth in range(1, len(effects) + 1):
        for when in ("before", "after"):
            made = world()
            made.platform.faults.fail_at(ANY_EFFECT, nth, when)
            with pytest.raises(Crash):
                made.run_job()
            made.platform.faults.clear()
            made.platform.restart()
            assert made.run_job() == job.DONE, (nth, when, effects[nth - 1])
            rows = [v.rows for v in made.platform.catalog.dataset_versions("shops", "visits")]
            assert rows == [56], (nth, when, effects[nth - 1])


def test_exit_codes_say_whether_a_retry_helps(plant: Plant) -> None:
    drop = plant.platform.drop("shops/visits/1.csv", visits_csv(1))
    parameter = json.dumps(asdict(drop))

    def code(*arguments: str) -> int:
        return job.run(arguments, lambda: plant.platform.ingest, plant.said.append)

    plant.platform.faults.fail_at("lake.upload", 1, "before", Throttled("slow down"))
    assert code(parameter) == job.AGAIN
    plant.platform.faults.clear()
    plant.platform.faults.fail_at("lake.upload", 1, "before", RuntimeError("a bug"))
    assert code(parameter) == job.FAILED
    assert plant.said[-1]["error_type"] == "RuntimeError"
    assert [code(), code("none"), code('{"bucket": "b"}'), code("1", "2")] == [job.BAD] * 4
    assert code(parameter) == job.DONE


def test_a_job_without_settings_is_not_tried_again(plant: Plant) -> None:
    def unset() -> IngestDrops:
        raise ConfigurationError("CATALOG_TABLE_NAME is missing")

    drop = Drop("landing", "shops/visits/1.csv", "v", 1, "m")
    assert job.run([json.dumps(asdict(drop))], unset, plant.said.append) == job.BAD
    assert plant.said == [{"level": "ERROR", "message": "CATALOG_TABLE_NAME is missing"}]


def test_a_parameter_that_is_no_drop_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no drop"):
        handed_drop("none")
