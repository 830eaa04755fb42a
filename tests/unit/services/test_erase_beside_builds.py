"""An erasure beside a build of features: nothing that was read before it brings the rows back after it."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from headgate.domain.errors import HeadgateError
from headgate.services.features.build_features import BuildFeatures
from headgate.services.features.under_way import JOB_SECONDS, LATER, SOON, UnderWay

from tests.support.erasure_desk import ErasureDesk
from tests.support.interposed import Interposed
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle

VISITOR = "v-erased"
CSV = (
    "visit_id,visited_at,shop,size,bought\n"
    "{},2024-01-05 10:00:00,north,3,True\n"
    "v-other,2024-01-06 10:00:00,north,4,False\n"
)
READINGS = "shop,known_at,warmth\nnorth,2024-01-05 09:00:00,7\n"


@pytest.fixture
def fed(platform: MemoryPlatform) -> MemoryPlatform:
    """One drop of each input, nothing built."""
    platform.apply_product(bundle())
    platform.ingest_now(platform.drop("shops/visits/1.csv", CSV.format(VISITOR).encode()))
    platform.ingest_now(platform.drop("shops/sensor/1.csv", READINGS.encode()))
    return platform


def beside(world: MemoryPlatform, before: Callable[[], None]) -> BuildFeatures:
    """A builder before each of whose calls something else happens."""
    catalog: Any = Interposed(world.catalog, before)
    lake: Any = Interposed(world.lake, before)
    online: Any = Interposed(world.online, before)
    return replace(world.build, datasets=catalog, features=catalog, lake=lake, online=online)


def test_an_erasure_between_any_two_calls_of_a_build_leaves_nothing(fed: MemoryPlatform) -> None:
    waited = 0
    for nth in itertools.count(0, 3):
        world, calls = fed.fork(), itertools.count()
        desk = ErasureDesk(world)

        def erase(desk: ErasureDesk = desk, calls: Any = calls, nth: int = nth) -> None:
            if next(calls) == nth:
                desk.erase(VISITOR)

        with suppress(HeadgateError):  # what it read is gone: the queue delivers again
            beside(world, erase).on_dataset_version("shops", "visits")
        if next(calls) <= nth:
            break
        while desk.queue.messages:
            waited += 1
            world.clock.advance(desk.queue.delays[0])
            record = desk.work()
        else:
            (record,) = world.catalog.erasures("shops")
        assert record.state == "erased", nth
        assert desk.traces(VISITOR) == [], nth
        world.build.on_dataset_version("shops", "visits")
        assert desk.traces(VISITOR) == [], nth
    assert nth > 20
    assert waited > 8


def test_an_erasure_says_that_it_is_done_only_when_what_was_under_way_has_ended(fed: MemoryPlatform) -> None:
    desk, under_way = ErasureDesk(fed), UnderWay(fed.lake, fed.clock)
    with under_way.noted("shops", "visit"):
        record = desk.erase(VISITOR)
        assert (record.state, desk.queue.delays) == ("running", (SOON,))
        # what begins after the rows were taken away holds nothing up
        fed.clock.advance(120)
        with under_way.noted("shops", "other"):
            pass
    with under_way.noted("shops", "visit"):
        assert desk.work().state == "erased"
    assert desk.queue.messages == ()


def test_a_worker_that_died_holds_an_erasure_up_no_longer_than_it_may_run(fed: MemoryPlatform) -> None:
    desk, under_way = ErasureDesk(fed), UnderWay(fed.lake, fed.clock)

    class Died(BaseException):
        pass

    with pytest.raises(Died), under_way.noted("shops", "visit", JOB_SECONDS):
        raise Died
    desk.erase(VISITOR)
    fed.clock.advance(JOB_SECONDS - 60)
    assert (desk.work().state, desk.queue.delays) == ("running", (LATER,))
    fed.clock.advance(61)
    assert desk.work().state == "erased"


def test_what_failed_is_not_under_way_any_more(fed: MemoryPlatform) -> None:
    under_way = UnderWay(fed.lake, fed.clock)
    with pytest.raises(ValueError, match="no"), under_way.noted("shops", "visit"):
        assert under_way.since("shops", "visit") == fed.clock.now().replace(microsecond=0)
        raise ValueError("no")
    assert under_way.since("shops", "visit") is None
