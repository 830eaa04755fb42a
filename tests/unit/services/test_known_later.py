"""A row that is not known yet does not hide the one before: online as offline, the newest known is used."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headgate.domain.inference import parse_request
from headgate.ports import EarlierValue
from headgate.services.clock import iso
from headgate.services.features.entity_rows import EntityRows
from headgate.services.features.row_times import MOST_EARLIER, clipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.erasure_desk import ErasureDesk
from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import by_entity
from tests.support.small_product import SPINE, bundle, space, visits_csv

AFTER, CAP = 30, 60
TOLD = "SELECT shop, known_at - INTERVAL 30 MINUTE AS at, known_at AS told_at, warmth FROM sensor"


def declared(**changes: Any) -> dict[str, Any]:
    document = bundle(training=None)
    document["views"]["sensor_now"] |= {"available_after": 60 * AFTER, "max_age_seconds": 60 * CAP, **changes}
    return document


def fed(platform: MemoryPlatform, readings: list[tuple[int, float]]) -> None:
    """Readings of north, each so many minutes from now, come in one drop each."""
    platform.ingest_now(platform.drop("shops/visits/1.csv", visits_csv(1)))
    for number, (minutes, warmth) in enumerate(readings):
        at = (platform.clock.now() + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")
        body = f"shop,known_at,warmth\nnorth,{at},{warmth}\n".encode()
        platform.ingest_now(platform.drop(f"shops/sensor/{number}.csv", body))
        platform.build.on_dataset_version("shops", "visits")


def warmth(platform: MemoryPlatform, minutes: float) -> float | None:
    """What a prediction so many minutes from now is given."""
    at = iso(platform.clock.now() + timedelta(minutes=minutes))
    feature_set = platform.products.get("shops").product.feature_sets["visit"]
    rows = EntityRows(platform.online, platform.build.engine, platform.clock)
    request = parse_request(by_entity({"visited_at": at}))
    found: float | None = rows.assemble("shops", feature_set, request).rows[0].get("warmth")
    return found


def test_until_a_row_is_known_the_one_before_is_used(platform: MemoryPlatform) -> None:
    # Given readings on both sides of the year's end, where a partition begins
    platform.apply_product(declared())
    platform.clock.advance(60 * 10)
    fed(platform, [(-40, 1.0), (-5, 2.0)])
    assert [warmth(platform, minutes) for minutes in (0, 19, 24.9, 25, 55, 55.1)] == [
        *(1.0, 1.0, None),  # the first is too old by then, the second is not known
        *(2.0, 2.0, None),
    ]
    (row,) = platform.online.rows("shops")
    assert [each.values for each in row.earlier] == [{"warmth": 1.0}]
    result = FeatureDesk(platform).asked_and_answered("parity")["result"]
    assert (result["checked"], result["different"]) == (1, 0)


def test_a_row_may_say_itself_when_it_is_known(platform: MemoryPlatform) -> None:
    platform.apply_product(declared(sql=TOLD, event_time="at", known_at="told_at", available_after=0))
    fed(platform, [(-10, 1.0), (10, 2.0)])
    assert [warmth(platform, minutes) for minutes in (0, 9.9, 10)] == [1.0, 1.0, 2.0]
    told = FeatureDesk(platform).row("north")
    assert (told["usable"], told["values"]) == (True, {"warmth": 1.0})


def test_where_nothing_is_known_yet_that_is_told(platform: MemoryPlatform) -> None:
    platform.apply_product(declared())
    fed(platform, [(-5, 2.0)])
    assert warmth(platform, 0) is None
    assert FeatureDesk(platform).row("north")["why"] == "it is not known yet"


def test_of_very_many_the_one_that_is_known_stays() -> None:
    many = [EarlierValue(f"{n:03d}", "", {}) for n in range(200, 0, -1)]
    kept = clipped(many)
    assert len(kept) == MOST_EARLIER
    assert (kept[0], kept[-1]) == (many[0], many[-1])


def test_a_person_in_a_value_of_before_is_erased(platform: MemoryPlatform) -> None:
    document = declared(
        inputs=["visits"],
        sql="SELECT shop, visited_at AS known_at, visit_id, size AS warmth FROM visits",
        entity=["shop"],
    )
    document["feature_sets"]["visit"]["on_demand"] = None
    document["views"]["visit"] |= {"sql": SPINE.replace("visit_id", "visit_id AS vid"), "entity": ["vid"]}
    document["feature_sets"]["visit"]["request"][0]["name"] = "vid"
    platform.apply_product(document)
    lines = ["visit_id,visited_at,shop,size,bought"]
    for minutes, name in ((-40, "known"), (-5, "later")):
        at = (platform.clock.now() + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")
        lines.append(f"{name},{at},north,5,True")
    platform.ingest_now(platform.drop("shops/visits/1.csv", ("\n".join(lines) + "\n").encode()))
    platform.ingest_now(platform.drop("shops/sensor/1.csv", b"shop,known_at,warmth\nnorth,2024-01-01,1\n"))
    platform.build.on_dataset_version("shops", "visits")
    place = (space(document=document), "north")
    assert platform.online.read("shops", [place])[place].earlier[0].values["visit_id"] == "known"

    ErasureDesk(platform).erase("known")

    assert not any("'known'" in str(row) for row in platform.online.rows("shops"))


READINGS = st.lists(st.tuples(st.integers(-120, 30), st.integers(0, 9)), min_size=1, max_size=5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings=READINGS, asked=st.lists(st.integers(0, 120), min_size=1, max_size=6))
def test_what_is_used_is_what_a_plain_search_finds(
    tmp_path: Path, readings: list[tuple[int, int]], asked: list[int]
) -> None:
    latest = dict(sorted(readings))
    with TemporaryDirectory(dir=tmp_path) as folder:
        platform = MemoryPlatform(Path(folder))
        platform.apply_product(declared())
        fed(platform, [(minutes, float(value)) for minutes, value in latest.items()])
        for at in asked:
            known = [(minutes, value) for minutes, value in latest.items() if minutes + AFTER <= at]
            expected = max(known, default=None)
            fresh = expected is not None and at - expected[0] <= CAP
            assert warmth(platform, at) == (float(expected[1]) if expected and fresh else None), (at, known)
