"""Online rows follow the newest version and nothing else, whatever is declared, rolled back or cut off."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash
from headgate.domain.online_space import online_spaces
from headgate.domain.product import Product
from headgate.ports import OnlineRow
from headgate.services.features.online_notes import DEAD_AFTER, OnlineNotes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.crash_points import side_effects
from tests.support.erasure_desk import ErasureDesk
from tests.support.feature_desk import HistoryDesk
from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import SPINE, bundle, sensor_csv, space, visits_csv

FAHRENHEIT = "SELECT shop, known_at, warmth * 1.8 + 32 AS warmth FROM sensor"
EARLIER = "SELECT shop, known_at - INTERVAL 1 HOUR AS known_at, warmth FROM sensor"
NORTH_ONLY = "SELECT shop, known_at, warmth FROM sensor WHERE shop = 'north'"
LAST_VISIT = "SELECT shop, visited_at AS known_at, visit_id, size AS last_size FROM visits"


def declared(sql: str) -> dict[str, Any]:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = sql
    return document


@pytest.fixture
def fed(platform: MemoryPlatform) -> MemoryPlatform:
    """January is built."""
    take_in(platform, 1)
    build(platform)
    return platform


def take_in(platform: MemoryPlatform, month: int) -> None:
    for dataset, body in (("visits", visits_csv(month)), ("sensor", sensor_csv(month))):
        platform.ingest_now(platform.drop(f"shops/{dataset}/{month}.csv", body))


def reading(platform: MemoryPlatform, *lines: str) -> None:
    body = "\n".join(["shop,known_at,warmth", *lines, ""]).encode()
    platform.ingest_now(platform.drop(f"shops/sensor/{platform.new_id()}.csv", body))


def roll_back(platform: MemoryPlatform) -> None:
    for dataset in ("visits", "sensor"):
        HistoryDesk(platform).rolling.rollback(ALICE, "shops", dataset, "v1", "main", "a test")


def build(platform: MemoryPlatform) -> str:
    (outcome,) = platform.build.on_dataset_version("shops", "visits")
    return outcome.state


def rows(platform: MemoryPlatform) -> dict[str, tuple[str, float]]:
    return {row.key: (row.event_time, row.values["warmth"]) for row in platform.online.rows("shops")}


def require_newest(platform: MemoryPlatform) -> None:
    """The store holds the rows of the newest version, all of them, and none besides."""
    result = FeatureDesk(platform).asked_and_answered("parity")["result"]
    assert all(view["equal"] == view["checked"] for view in result["views"]), result
    assert len(list(platform.online.rows("shops"))) == result["checked"]
    assert not OnlineNotes(platform.lake, platform.clock, "shops", "visit").read()


# --- what is declared changes


def test_an_entity_that_the_new_sql_does_not_yield_is_gone(fed: MemoryPlatform) -> None:
    fed.apply_product(declared(NORTH_ONLY))
    assert build(fed) == "built"
    assert set(rows(fed)) == {"north"}
    require_newest(fed)


def test_the_new_sql_may_say_that_things_happened_earlier(fed: MemoryPlatform) -> None:
    fed.apply_product(declared(EARLIER))
    assert build(fed) == "built"
    assert rows(fed)["north"] == ("2024-01-28T11:00:00.000Z", 28.12)
    require_newest(fed)


def test_what_is_declared_again_is_the_newest_again_with_its_rows(fed: MemoryPlatform) -> None:
    first = fed.catalog.feature_head("shops", "visit")
    fed.apply_product(declared(FAHRENHEIT))
    build(fed)
    fed.apply_product(bundle())
    assert build(fed) == "built"
    again = fed.catalog.feature_head("shops", "visit")
    assert first is not None
    assert again is not None
    assert (again.ordinal, again.build_id, again.built) == (3, first.build_id, 0)
    assert again.digest == first.digest
    assert FeatureDesk(fed).show(first.digest[:12])["ordinal"] == 3
    assert rows(fed)["north"] == ("2024-01-28T12:00:00.000Z", 28.12)
    require_newest(fed)


def test_rows_of_a_view_that_is_online_no_more_are_gone(fed: MemoryPlatform) -> None:
    document = bundle()
    document["views"]["sensor_now"]["online"] = False
    fed.apply_product(document)
    build(fed)
    assert rows(fed) == {}


def test_what_changes_no_value_keeps_the_rows_where_they_are(fed: MemoryPlatform) -> None:
    document = bundle()
    document["views"]["sensor_now"] |= {"tests": ["warmth IS NOT NULL"], "max_age_seconds": 7200}
    fed.apply_product(document)
    fed.faults.clear()
    assert build(fed) == "built"
    assert {row.space for row in fed.online.rows("shops")} == {space()}
    assert "online.take_back" not in fed.faults.effects


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({"sql": FAHRENHEIT}, True),
        ({"entity": ["shop", "day"]}, True),
        ({"known_at": "told_at"}, True),
        ({"tests": ["warmth > 0"]}, False),
        ({"max_age_seconds": None}, False),
        ({"partition": "day"}, False),
    ],
)
def test_a_space_is_of_what_makes_a_value(change: dict[str, Any], moves: bool) -> None:
    document = bundle()
    document["views"]["sensor_now"] |= change
    assert (space(document=document) != space()) is moves


def test_a_view_that_is_read_and_the_seed_make_values_too() -> None:
    document = bundle()
    document["views"]["raw"] = {**document["views"]["sensor_now"], "name": "raw", "online": False}
    document["views"]["sensor_now"] |= {"inputs": ["raw"], "sql": "SELECT * FROM raw"}
    before = space(document=document)
    document["views"]["raw"]["sql"] = FAHRENHEIT
    assert space(document=document) != before
    seeded = bundle()
    seeded["feature_sets"]["visit"]["seed"] = 7
    assert space(document=seeded) != space()


def test_two_sets_of_one_view_have_rows_of_their_own(platform: MemoryPlatform) -> None:
    document = declared("SELECT shop, known_at, warmth + seed() AS warmth FROM sensor")
    document["feature_sets"]["other"] = {**document["feature_sets"]["visit"], "name": "other", "seed": 7}
    platform.apply_product(document)
    take_in(platform, 1)
    platform.build.on_dataset_version("shops", "visits")
    product = Product.from_document(document)
    for name, warmth in (("visit", 28.12), ("other", 35.12)):
        place = online_spaces(product.feature_sets[name])["sensor_now"]
        (row,) = platform.online.read("shops", [(place, "north")]).values()
        head = platform.catalog.feature_head("shops", name)
        assert head is not None
        assert (row.values["warmth"], row.feature_version) == (pytest.approx(warmth), head.digest)


# --- what was cut off, or came too late


def test_rows_of_a_version_that_never_was_are_taken_back(fed: MemoryPlatform) -> None:
    # Given a worker that dies at any point of February's build, and February is rolled back
    take_in(fed, 2)
    fed.faults.clear()
    effects = side_effects(fed, build)
    for nth in range(1, len(effects) + 1):
        for when, wait in (("before", DEAD_AFTER.total_seconds() + 1), ("after", 0.0)):
            copy = fed.fork()
            copy.faults.fail_at(ANY_EFFECT, nth, when)  # type: ignore[arg-type]
            with suppress(Crash):
                build(copy)
            copy.faults.clear()
            copy.restart()
            copy.clock.advance(wait)
            roll_back(copy)
            # When the next build comes
            build(copy)
            # Then January's rows are there again, and no others
            assert rows(copy)["north"] == ("2024-01-28T12:00:00.000Z", 28.12), (nth, when, effects[nth - 1])
            copy.clock.advance(DEAD_AFTER.total_seconds() + 1)
            build(copy)
            require_newest(copy)


def test_a_note_that_was_left_heals_by_the_same_event_again(fed: MemoryPlatform) -> None:
    take_in(fed, 2)
    fed.faults.clear()
    # Given a worker that dies when its version is the newest, and a row that it should have taken away
    commit = side_effects(fed, build).index("catalog.commit_features") + 1
    fed.faults.fail_at(ANY_EFFECT, commit, "after")
    with pytest.raises(Crash):
        build(fed)
    fed.faults.clear()
    fed.restart()
    fed.online.write([OnlineRow("shops", space(), "west", "2024-03-01T00:00:00.000Z", {"warmth": 1.0}, "f")])
    # When the message is delivered again
    assert build(fed) == "unchanged"
    # Then only the version's rows are there
    require_newest(fed)


def test_rows_of_a_first_version_that_never_was_are_taken_back(platform: MemoryPlatform) -> None:
    take_in(platform, 1)
    reading(platform, "north,2024-01-28 13:00:00,1.5", "west,2024-01-28 13:00:00,1.5")
    platform.faults.clear()
    commit = side_effects(platform, build).index("catalog.commit_features") + 1
    platform.faults.fail_at(ANY_EFFECT, commit)
    with pytest.raises(Crash):
        build(platform)
    platform.faults.clear()
    platform.restart()
    assert rows(platform)["north"] == ("2024-01-28T13:00:00.000Z", 1.5)
    roll_back(platform)
    build(platform)
    assert rows(platform) == dict.fromkeys(("north", "south"), ("2024-01-28T12:00:00.000Z", 28.12))


def overtaking(fed: MemoryPlatform, meanwhile: Callable[[], None]) -> None:
    """``meanwhile`` happens before the first rows of the next build are written."""
    write = fed.online.write

    def late(given: Any) -> int:
        fed.online.write = write  # type: ignore[method-assign]
        meanwhile()
        return write(given)

    fed.online.write = late  # type: ignore[method-assign]


def test_a_slow_build_gives_way_to_the_newer_one_that_overtook_it(fed: MemoryPlatform) -> None:
    # Given a slow build of a reading, while the reading is corrected and another worker builds
    reading(fed, "north,2024-01-28 13:00:00,1.5")

    def correct() -> None:
        reading(fed, "north,2024-01-28 13:00:00,0.5")
        assert build(fed) == "built"

    overtaking(fed, correct)
    # When the slow one ends
    assert build(fed) == "superseded"
    # Then the rows are the newer one's, though the times are the same
    assert rows(fed)["north"] == ("2024-01-28T13:00:00.000Z", 0.5)
    require_newest(fed)


def test_a_slow_build_of_what_was_rolled_back_gives_way(fed: MemoryPlatform) -> None:
    take_in(fed, 2)

    def back() -> None:
        roll_back(fed)
        assert build(fed) == "built"

    overtaking(fed, back)
    assert build(fed) == "superseded"
    assert rows(fed)["north"] == ("2024-01-28T12:00:00.000Z", 28.12)
    require_newest(fed)


# --- erasure


def of_visits(online: bool = True) -> dict[str, Any]:
    """A view by shop that tells the last visit's id."""
    document = bundle()
    last = {**document["views"]["sensor_now"], "name": "last", "inputs": ["visits"], "sql": LAST_VISIT}
    document["views"]["last"] = {**last, "max_age_seconds": None, "online": online}
    document["feature_sets"]["visit"] |= {"views": ["sensor_now", "last"], "on_demand": None}
    document["feature_sets"]["visit"]["request"][0]["name"] = "vid"
    document["views"]["visit"] |= {
        "sql": SPINE.replace("visit_id", "visit_id AS vid"),
        "entity": ["vid"],
    }
    return {**document, "training": None}


def test_a_person_in_the_values_of_another_entity_is_erased_and_the_value_before_is_back(
    platform: MemoryPlatform,
) -> None:
    platform.apply_product(of_visits())
    take_in(platform, 1)
    build(platform)
    place = (space("last", of_visits()), "north")
    assert platform.online.read("shops", [place])[place].values["visit_id"] == "v1-28-3"

    ErasureDesk(platform).erase("v1-28-3")

    assert platform.online.read("shops", [place]) == {}
    build(platform)
    assert platform.online.read("shops", [place])[place].values["visit_id"] == "v1-28-1"
    require_newest(platform)


def test_a_person_in_rows_of_a_view_that_nobody_declares_is_erased(platform: MemoryPlatform) -> None:
    platform.apply_product(of_visits())
    take_in(platform, 1)
    build(platform)
    platform.apply_product(of_visits(online=False))
    assert any("v1-28-3" in str(row) for row in platform.online.rows("shops"))

    ErasureDesk(platform).erase("v1-28-3")

    assert not any("v1-28-3" in str(row) for row in platform.online.rows("shops"))


def test_a_build_at_work_during_an_erasure_does_not_bring_the_person_back(platform: MemoryPlatform) -> None:
    platform.apply_product(of_visits())
    take_in(platform, 1)
    overtaking(platform, lambda: ErasureDesk(platform).erase("v1-28-3"))
    build(platform)
    build(platform)
    assert not any("v1-28-3" in str(row) for row in platform.online.rows("shops"))
    require_newest(platform)


# --- whatever comes

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reading"), st.integers(0, 5), st.integers(-20, 20)),
        st.tuples(st.just("back"), st.just(0), st.just(0)),
        st.tuples(st.just("declare"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("crash"), st.integers(1, 30), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.just(0), st.just(0)),
    ),
    max_size=8,
)
SQL = ("SELECT shop, known_at, warmth FROM sensor", FAHRENHEIT, EARLIER, NORTH_ONLY)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_comes_the_rows_are_those_of_the_newest_version(
    tmp_path: Path, steps: list[tuple[str, int, int]]
) -> None:
    with TemporaryDirectory(dir=tmp_path) as folder:
        platform = MemoryPlatform(Path(folder))
        platform.apply_product(bundle())
        take_in(platform, 1)
        for kind, one, two in steps:
            if kind == "reading":
                reading(platform, f"{'north' if one % 2 else 'south'},2024-01-28 1{one}:00:00,{two}")
            elif kind == "back":
                roll_back(platform)
            elif kind == "declare":
                platform.apply_product(declared(SQL[one]))
            elif kind == "wait":
                platform.clock.advance(DEAD_AFTER.total_seconds() + 1)
            if kind == "crash":
                platform.faults.fail_at(ANY_EFFECT, one, "after" if two else "before")
            try:
                build(platform)
            except Crash:
                platform.restart()
            platform.faults.clear()
        platform.clock.advance(DEAD_AFTER.total_seconds() + 1)
        build(platform)
        require_newest(platform)
