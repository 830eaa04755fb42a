"""Planned faults: the crash points a service is tried at."""

from __future__ import annotations

from pathlib import Path

import pytest
from headgate.adapters.memory import (
    ANY_EFFECT,
    Crash,
    Faults,
    MemoryBatchCompute,
    MemoryCatalog,
    MemoryEventBus,
    MemoryLedger,
    MemoryObjectStore,
    MemoryOnlineStore,
    MemoryQueue,
)
from headgate.domain.errors import StateUnknown, Throttled

from tests.unit.adapters import records


def test_before_leaves_nothing_done(tmp_path: Path) -> None:
    faults = Faults()
    lake = MemoryObjectStore("lake", tmp_path, faults)
    faults.fail_at("lake.put")

    with pytest.raises(Crash):
        lake.put("key", b"body")

    assert not lake.exists("key")
    lake.put("key", b"second try")
    assert lake.get("key") == b"second try"


def test_after_leaves_all_done_as_a_lost_answer_does() -> None:
    faults = Faults()
    catalog = MemoryCatalog(faults)
    faults.fail_at("catalog.commit_version", when="after", error=StateUnknown("lost"))

    with pytest.raises(StateUnknown, match="lost"):
        records.committed(catalog, records.version(1))

    assert catalog.dataset_head("shop", "orders") == records.version(1)


def test_the_nth_call_fails_and_no_other() -> None:
    faults = Faults()
    queue = MemoryQueue("train", faults)
    faults.fail_at("train.send", nth=2, error=Throttled("slower"))

    queue.send({"n": 1})
    with pytest.raises(Throttled):
        queue.send({"n": 2})
    queue.send({"n": 3})

    assert queue.messages == ({"n": 1}, {"n": 3})


def test_a_crash_is_no_exception_that_a_service_could_handle() -> None:
    assert not issubclass(Crash, Exception)


def test_reads_fail_by_name_and_are_no_side_effects() -> None:
    faults = Faults()
    catalog = MemoryCatalog(faults)
    faults.fail_at(ANY_EFFECT)
    faults.fail_at("catalog.dataset_head", error=Throttled("slower"))

    with pytest.raises(Throttled):
        catalog.dataset_head("shop", "orders")

    assert catalog.dataset_head("shop", "orders") is None
    assert faults.effects == ()


def test_clear_forgets_plans_and_counts() -> None:
    faults = Faults()
    queue = MemoryQueue("train", faults)
    queue.send({})
    faults.fail_at("train.send", nth=2)
    faults.clear()

    queue.send({})
    queue.send({})

    assert faults.effects == ("train.send", "train.send")


def test_calls_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="nth=0"):
        Faults().fail_at("bus.publish", nth=0)


def test_every_crash_point_of_a_sequence_can_be_reached(tmp_path: Path) -> None:
    # Given a sequence of side effects over several adapters
    def work(faults: Faults, directory: Path) -> None:
        MemoryObjectStore("lake", directory, faults).put("key", b"")
        MemoryCatalog(faults).put_product(records.product())
        MemoryLedger(faults).add_cost(records.cost("c"))
        MemoryOnlineStore(faults).write([records.online_row("1")])
        MemoryBatchCompute(faults=faults).submit(
            name="n", compute_class="cpu", parameters={}, timeout_seconds=60
        )
        MemoryEventBus(faults).publish([records.event("e")])

    clean = Faults()
    work(clean, tmp_path / "clean")
    assert clean.effects == (
        "lake.put",
        "catalog.put_product",
        "ledger.add_cost",
        "online.write",
        "batch.submit",
        "bus.publish",
    )

    # When it crashes before or after each of them, exactly what came before has begun
    for nth in range(1, len(clean.effects) + 1):
        for when in ("before", "after"):
            faults = Faults()
            faults.fail_at(ANY_EFFECT, nth, when)
            with pytest.raises(Crash):
                work(faults, tmp_path / f"{when}-{nth}")
            assert faults.effects == clean.effects[:nth]
