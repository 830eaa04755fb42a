"""What the in-memory adapters offer beyond their ports."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from headgate.adapters.memory import (
    ManualClock,
    MemoryBatchCompute,
    MemoryEventBus,
    MemoryObjectStore,
    MemoryQueue,
)
from headgate.domain.events import DomainEvent

from tests.unit.adapters import records


@pytest.mark.parametrize("key", ["shop/a b+c%/x=1/[1-9]*?.parquet", "shop/Zürich/日本.parquet", "plain"])
def test_duckdb_reads_an_object_by_its_uri(tmp_path: Path, key: str) -> None:
    store = MemoryObjectStore("lake", tmp_path / "objects")
    duckdb.sql("SELECT 42 AS answer").write_parquet(str(tmp_path / "rows.parquet"))
    store.upload(tmp_path / "rows.parquet", key)

    assert duckdb.execute("SELECT answer FROM read_parquet(?)", [store.uri(key)]).fetchall() == [(42,)]


def test_a_uri_stays_that_of_its_version(tmp_path: Path) -> None:
    store = MemoryObjectStore("lake", tmp_path)
    store.put("key", b"first", "text/plain")
    first = store.uri("key")

    store.put("key", b"second", "text/csv")

    assert Path(first).read_bytes() == b"first"
    assert Path(store.uri("key")).read_bytes() == b"second"
    assert store.content_type("key") == "text/csv"
    assert not Path(store.uri("missing")).exists()


def test_a_bucket_lists_what_it_holds(tmp_path: Path) -> None:
    store = MemoryObjectStore("lake", tmp_path)
    for key in ("b/1", "a/2", "a/1"):
        store.put(key, b"")

    assert store.keys() == ("a/1", "a/2", "b/1")
    assert store.keys("a/") == ("a/1", "a/2")


def test_subscribers_get_their_types_when_the_bus_delivers() -> None:
    bus, seen = MemoryEventBus(), list[str]()
    bus.subscribe(lambda event: seen.append(event.id), "ProductApplied")
    bus.publish([records.event("e1"), records.event("e2", kind="StageChanged"), records.event("e3")])
    assert seen == []

    assert bus.deliver() == 3

    assert seen == ["e1", "e3"]
    assert bus.deliver() == 0
    assert [event.id for event in bus.of_type("StageChanged")] == ["e2"]


def test_what_a_subscriber_publishes_is_delivered_too() -> None:
    bus, seen = MemoryEventBus(), list[str]()

    def follow(event: DomainEvent) -> None:
        seen.append(event.type)
        if event.type == "ProductApplied":
            bus.publish([records.event("e2", kind="StageChanged")])

    bus.subscribe(follow)
    bus.publish([records.event("e1")])

    assert bus.deliver() == 2
    assert seen == ["ProductApplied", "StageChanged"]


def test_events_can_be_delivered_more_than_once() -> None:
    bus, seen = MemoryEventBus(), list[str]()
    bus.subscribe(lambda event: seen.append(event.id))
    bus.publish([records.event("e1")])

    bus.deliver(times=2)

    assert seen == ["e1", "e1"]


def test_a_queue_is_emptied_by_receiving() -> None:
    queue = MemoryQueue()
    for n in range(3):
        queue.send({"n": n})

    assert queue.receive(2) == [{"n": 0}, {"n": 1}]
    assert queue.messages == ({"n": 2},)


def test_a_job_becomes_what_the_test_says() -> None:
    batch = MemoryBatchCompute()
    job_id = batch.submit(
        name="n", compute_class="gpu", parameters={"run_spec": "s3://b/k"}, timeout_seconds=60
    )

    settled = batch.settle(
        job_id, "FAILED", exit_code=70, reason="refused", started_at=1_000, stopped_at=4_000
    )

    assert batch.describe(job_id) == settled
    assert (settled.state, settled.exit_code, settled.stopped_at) == ("FAILED", 70, 4_000)
    assert [(s.job_id, s.parameters["run_spec"], s.compute_class) for s in batch.submissions] == [
        (job_id, "s3://b/k", "gpu")
    ]


def test_the_manual_clock_moves_only_when_told() -> None:
    start = datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    clock = ManualClock(start)

    clock.sleep(1.5)
    clock.advance(60)

    assert clock.now() == start + timedelta(seconds=61.5)
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() == 61.5
    assert clock.slept == (1.5,)


def test_the_manual_clock_refuses_what_no_clock_does() -> None:
    with pytest.raises(ValueError, match="timezone"):
        ManualClock(datetime(2030, 1, 1))
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)
