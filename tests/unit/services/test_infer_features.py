"""What entity rows are answered from: the recipe that the model learnt from, kept up to date, and told."""

from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash, LogisticModel
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature_version import features_node
from headgate.domain.inference import parse_request
from headgate.domain.lineage import edges_of
from headgate.domain.model import CHAMPION, AliasMove
from headgate.ports import OnlineRow
from headgate.services.features.entity_rows import EntityRows

from tests.support.crash_points import side_effects
from tests.support.erasure_desk import ErasureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import ASKER, VISIT, by_entity, tensor, train_champion
from tests.support.small_product import SPINE, bundle, sensor_csv, space, visits_csv

FAHRENHEIT = "SELECT shop, known_at, warmth * 1.8 + 32 AS warmth FROM sensor"


@pytest.fixture
def live(served_platform: MemoryPlatform) -> MemoryPlatform:
    """Version 1 of the model buys is champion; the sensors' newest values are of 29 February, 12:00."""
    return served_platform.fork()


def fahrenheit() -> dict[str, Any]:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = FAHRENHEIT
    return document


def ask(platform: MemoryPlatform, **visit: Any) -> dict[str, Any]:
    return platform.infer.predict(ASKER, "buys", None, by_entity(visit))


def features(platform: MemoryPlatform) -> dict[str, Any]:
    """The features of the last prediction."""
    return dict(platform.prediction_queue.messages[-1]["rows"][-1]["features"])


def reading(platform: MemoryPlatform, *lines: str) -> list[str]:
    """What becomes of the sets when the sensor tells something."""
    body = "\n".join(["shop,known_at,warmth", *lines, ""]).encode()
    platform.ingest_now(platform.drop(f"shops/sensor/{platform.new_id()}.csv", body))
    return [outcome.state for outcome in platform.build.on_dataset_version("shops", "sensor")]


# --- what is told


def test_the_answer_says_of_which_feature_version_the_values_are(live: MemoryPlatform) -> None:
    head = live.catalog.feature_head("shops", "visit")
    assert head is not None
    assert ask(live)["parameters"] == {"alias": "champion", "features.sensor_now": head.digest}


def test_values_of_two_versions_are_told_as_such(live: MemoryPlatform) -> None:
    row = OnlineRow("shops", space(), "south", "2024-02-29T12:10:00.000Z", {"warmth": 1.0}, "0" * 64)
    live.online.write([row])
    head = live.catalog.feature_head("shops", "visit")
    assert head is not None
    both = by_entity({}, {"visit_id": "v-2", "shop": "south"})
    told = live.infer.predict(ASKER, "buys", None, both)["parameters"]
    assert told["features.sensor_now"] == ",".join(sorted([head.digest, "0" * 64]))


def test_how_many_rows_have_no_values_and_why_is_told(live: MemoryPlatform) -> None:
    late, early = "2024-02-29T13:00:00.001Z", "2024-02-29T11:00:00Z"
    visits = [{"shop": "west"}, {"visited_at": late}, {"visited_at": early}, {"shop": None}]
    rows = by_entity(*({"visit_id": f"v-{n}", **visit} for n, visit in enumerate(visits)))
    told = live.infer.predict(ASKER, "buys", None, rows)["parameters"]
    assert told["features.sensor_now"] == ""
    assert told["features.sensor_now.missing"] == "1: it is not known yet; 1: it is stale; 2: there is no row"


def test_a_value_that_says_itself_when_it_is_known_is_not_used_before(live: MemoryPlatform) -> None:
    at = "2024-02-29T12:00:00.000Z"
    live.online.write(
        [OnlineRow("shops", space(), "north", at, {"warmth": 7.5}, "f", known_at="2024-02-29T12:30:00.000Z")]
    )
    ask(live, visited_at="2024-02-29T12:29:59.999Z")
    assert features(live)["warmth"] is None
    ask(live, visited_at="2024-02-29T12:30:00Z")
    assert features(live)["warmth"] == 7.5


# --- the recipe the model learnt from


def test_on_demand_features_stay_those_that_the_model_learnt(live: MemoryPlatform) -> None:
    before = ask(live)["outputs"]
    document = bundle()
    document["views"]["asked"]["sql"] = "SELECT visit_id, size * 3 AS double_size FROM request"
    live.apply_product(document)
    answer = ask(live)
    assert answer["outputs"] == before
    assert answer["parameters"]["features.redeclared"] is True
    assert features(live)["double_size"] == 2 * VISIT["size"]


def test_what_changes_no_feature_is_no_other_declaration(live: MemoryPlatform) -> None:
    live.apply_product(bundle(owner="somebody else"))
    assert "features.redeclared" not in ask(live)["parameters"]


def test_a_live_model_keeps_its_rows_while_another_recipe_is_written(live: MemoryPlatform) -> None:
    live.apply_product(fahrenheit())
    seen: list[float] = []
    write = live.online.write

    def asked_between(rows: Any) -> int:
        written = write(rows)
        ask(live)
        seen.append(features(live)["warmth"])
        return written

    live.online.write = asked_between  # type: ignore[method-assign]
    live.build.on_dataset_version("shops", "visits")
    ask(live)
    assert seen
    assert {*seen, features(live)["warmth"]} == {29.12}


def test_the_rows_of_a_live_model_follow_new_data_after_a_change_of_recipe(live: MemoryPlatform) -> None:
    live.apply_product(fahrenheit())
    live.build.on_dataset_version("shops", "sensor")
    # When new data comes
    assert reading(live, "north,2024-02-29 12:20:00,3.5") == ["built", "kept"]
    # Then the model gets it in the degrees it knows, and the answer names where it is from
    answer = ask(live)
    assert features(live)["warmth"] == 3.5
    version = answer["parameters"]["features.sensor_now"]
    node = features_node("shops", "visit", version)
    heads = {d: live.catalog.dataset_head("shops", d) for d in ("visits", "sensor")}
    told = [e for each in live.bus.of_type("LineageRecorded") for e in edges_of(each.detail["event"])]
    assert {e.upstream for e in told if e.node == node} == {
        f"dataset/shops/{d}/{head.digest}" for d, head in heads.items() if head
    }
    # And the new recipe has rows of its own
    place = (space(document=fahrenheit()), "north")
    assert live.online.read("shops", [place])[place].values["warmth"] == pytest.approx(3.5 * 1.8 + 32)


def test_rows_that_are_kept_follow_a_correction_and_an_erasure(live: MemoryPlatform) -> None:
    live.apply_product(fahrenheit())
    reading(live, "north,2024-02-29 12:20:00,3.5")
    reading(live, "north,2024-02-29 12:20:00,2.5")
    ask(live)
    assert features(live)["warmth"] == 2.5
    assert ErasureDesk(live).erase("v2-5-1").state == "erased"
    assert reading(live, "north,2024-02-29 12:25:00,1.5") == ["built", "kept"]
    ask(live)
    assert features(live)["warmth"] == 1.5


def test_the_same_event_again_keeps_nothing_anew(live: MemoryPlatform) -> None:
    live.apply_product(fahrenheit())
    reading(live, "north,2024-02-29 12:20:00,3.5")
    live.faults.clear()
    outcomes = live.build.on_dataset_version("shops", "sensor")
    assert [o.state for o in outcomes] == ["unchanged", "kept"]
    assert "online.write" not in live.faults.effects


def test_a_crash_while_rows_are_kept_is_healed_by_redelivery(live: MemoryPlatform) -> None:
    live.apply_product(fahrenheit())
    live.build.on_dataset_version("shops", "sensor")
    body = b"shop,known_at,warmth\nnorth,2024-02-29 12:20:00,3.5\n"
    live.ingest_now(live.drop("shops/sensor/more.csv", body))
    live.faults.clear()

    def act(platform: MemoryPlatform) -> None:
        platform.build.on_dataset_version("shops", "sensor")

    for nth in range(1, len(side_effects(live, act)) + 1):
        copy = live.fork()
        copy.faults.fail_at(ANY_EFFECT, nth, "after")
        with pytest.raises(Crash):
            act(copy)
        copy.faults.clear()
        copy.restart()
        act(copy)
        ask(copy)
        assert features(copy)["warmth"] == 3.5, nth


def test_a_recipe_that_new_data_cannot_be_made_by_harms_nobody(live: MemoryPlatform) -> None:
    document = fahrenheit()
    del document["datasets"]["sensor"]
    document["views"]["sensor_now"] |= {
        "inputs": ["visits"],
        "sql": "SELECT shop, visited_at AS known_at, size AS warmth FROM visits",
    }
    live.apply_product({**document, "retired": ["sensor"]})
    live.ingest_now(live.drop("shops/visits/3.csv", visits_csv(3)))
    outcomes = live.build.on_dataset_version("shops", "visits")
    assert [o.state for o in outcomes] == ["built", "not kept"]
    assert "sensor" in outcomes[1].detail
    ask(live)
    assert features(live)["warmth"] == 29.12


def test_rows_that_no_model_needs_any_more_go(live: MemoryPlatform) -> None:
    live.apply_product(fahrenheit())
    reading(live, "north,2024-02-29 12:20:00,3.5")
    assert {row.space for row in live.online.rows("shops")} == {space(), space(document=fahrenheit())}
    # When a model of the new recipe takes the champion's place
    document = fahrenheit()
    document["training"]["params"] = {"rounds": 6}
    live.apply_product(document)
    train_champion(live, LogisticModel(-51.0, {"double_size": 1.0, "warmth": 0.001}))
    live.catalog.move_alias(AliasMove("buys", CHAMPION, 1, 2, "user/alice", "", "2030-01-02T00:00:00.000Z"))
    # Then the next build takes the rows of the old one away
    reading(live, "north,2024-02-29 12:25:00,4.5")
    assert {row.space for row in live.online.rows("shops")} == {space(document=fahrenheit())}
    ask(live)
    assert features(live)["warmth"] == pytest.approx(4.5 * 1.8 + 32)


def test_a_model_that_is_champion_again_has_its_rows_at_once(live: MemoryPlatform) -> None:
    # Given rows that went with the model that was answered from them
    document = fahrenheit()
    document["training"]["params"] = {"rounds": 6}
    live.apply_product(document)
    reading(live, "north,2024-02-29 12:20:00,4.0")
    train_champion(live, LogisticModel(-51.0, {"double_size": 1.0, "warmth": 0.001}))
    live.catalog.move_alias(AliasMove("buys", CHAMPION, 1, 2, "user/alice", "", "2030-01-02T00:00:00.000Z"))
    live.build.on_alias_moved("shops")
    assert {row.space for row in live.online.rows("shops")} == {space(document=fahrenheit())}
    # When it is champion again
    live.catalog.move_alias(AliasMove("buys", CHAMPION, 2, 1, "user/alice", "", "2030-01-03T00:00:00.000Z"))
    assert [outcome.state for outcome in live.build.on_alias_moved("shops")] == ["kept"]
    # Then it is answered from today's data, made its way
    ask(live)
    assert features(live)["warmth"] == pytest.approx(4.0)


def test_a_move_between_models_of_one_recipe_writes_nothing(live: MemoryPlatform) -> None:
    live.faults.clear()
    assert live.build.on_alias_moved("shops") == []
    assert not live.faults.effects


# --- keys


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A platform with a view by a key of a type, by its SQL text."""
    known: dict[tuple[str, str], MemoryPlatform] = {}

    def make(kind: str, sql: str) -> MemoryPlatform:
        if (kind, sql) not in known:
            known[kind, sql] = _keyed(tmp_path_factory.mktemp("keyed"), kind, sql)
        return known[kind, sql]

    return make


def _keyed(folder: Path, kind: str, sql: str) -> MemoryPlatform:
    document, key = bundle(training=None), f"CAST({sql} AS {kind}) AS k"
    document["views"]["by"] = {
        **document["views"]["sensor_now"],
        **{"name": "by", "entity": ["k"], "event_time": None, "max_age_seconds": None},
        "sql": f"SELECT {key}, max(warmth) AS found FROM sensor GROUP BY 1",
    }
    document["views"]["visit"]["sql"] = SPINE.replace("SELECT visit_id", f"SELECT {key}, visit_id")
    document["feature_sets"]["visit"]["views"] = ["by"]
    document["feature_sets"]["visit"]["request"].append({"name": "k", "type": kind})
    platform = MemoryPlatform(folder)
    platform.apply_product(document)
    for dataset, body in (("visits", visits_csv(1)), ("sensor", sensor_csv(1))):
        platform.ingest_now(platform.drop(f"shops/{dataset}/1.csv", body))
    platform.build.on_dataset_version("shops", "visits")
    return platform


def found(platform: MemoryPlatform, sent: Any, datatype: str) -> Any:
    inputs = [*by_entity(without=["visited_at"])["inputs"], tensor("k", [sent], datatype)]
    request = parse_request({"parameters": {"input": "entity"}, "inputs": inputs})
    feature_set = platform.products.get("shops").product.feature_sets["visit"]
    rows = EntityRows(platform.online, platform.build.engine, platform.clock)
    return rows.assemble("shops", feature_set, request).rows[0].get("found")


@pytest.mark.parametrize(
    ("kind", "sql", "sent", "datatype"),
    [
        ("TIMESTAMP", "TIMESTAMP '2024-01-01 05:00:00'", "2024-01-01T05:00:00Z", "BYTES"),
        ("TIMESTAMP", "TIMESTAMP '2024-01-01 05:00:00'", "2024-01-01T07:00:00+02:00", "BYTES"),
        ("DATE", "DATE '2024-01-01'", "2024-01-01", "BYTES"),
        ("TIME", "TIME '05:00:00'", "05:00", "BYTES"),
        ("BOOLEAN", "true", True, "BOOL"),
        ("BOOLEAN", "true", "true", "BYTES"),
        ("BIGINT", "9007199254740993", 9007199254740993, "INT64"),
        ("BIGINT", "5", 5.0, "FP64"),
        ("DECIMAL(10,2)", "1.10", "1.10", "BYTES"),
        ("DECIMAL(10,2)", "1.10", 1.1, "FP64"),
        ("DECIMAL(20,0)", "90071992547409931", 90071992547409931, "INT64"),
        ("DOUBLE", "0.1", 0.1, "FP64"),
        ("FLOAT", "0.1", 0.1, "FP32"),
        ("VARCHAR", "'ü|a\\b#\U0001f600'", "ü|a\\b#\U0001f600", "BYTES"),
        ("VARCHAR", "'true'", True, "BOOL"),
        (
            "UUID",
            "'2f1b0fd0-0000-0000-0000-000000000001'",
            "2F1B0FD0-0000-0000-0000-000000000001",
            "BYTES",
        ),
    ],
)
def test_a_key_is_found_however_its_value_is_written(
    keyed: Any, kind: str, sql: str, sent: Any, datatype: str
) -> None:
    assert found(keyed(kind, sql), sent, datatype) == 28.12


def test_two_large_numbers_are_two_entities(keyed: Any) -> None:
    platform = keyed("DECIMAL(20,0)", "90071992547409931")
    assert found(platform, 90071992547409932, "INT64") is None


def test_a_key_that_does_not_fit_its_type_is_refused_without_its_value(keyed: Any) -> None:
    with pytest.raises(InvalidRequest, match="k is no DATE") as refused:
        found(keyed("DATE", "DATE '2024-01-01'"), "tomorrow", "BYTES")
    assert "tomorrow" not in str(refused.value)
