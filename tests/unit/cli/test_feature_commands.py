"""`headgate features`: what people are told of versions, builds, comparisons and online rows; exit codes."""

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from headgate.cli import plan_view
from headgate.cli.feature_view import number, parity_of, span
from headgate.cli.output import Output
from headgate.ports import OnlineRow
from rich.console import Console

from tests.support.feature_set_desk import FeatureDesk
from tests.support.in_process_api import InProcessApi
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle, sensor_csv, space
from tests.support.trained_run import build, take_in
from tests.unit.cli.fake_platform import Workplace

VISIT = "/products/shops/features/visit"
HANDED = {"outcome": "handed over", "detail": "stage 1 as job j-1", "inputs": {"visits": 3}, "version": None}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> MemoryPlatform:
    """January and February are taken in and built. For forking only."""
    made = MemoryPlatform(tmp_path_factory.mktemp("prepared"))
    made.apply_product(bundle())
    take_in(made, 1, 2)
    build(made)
    return made


@pytest.fixture
def desk(prepared: MemoryPlatform) -> FeatureDesk:
    return FeatureDesk(prepared.fork())


@pytest.fixture
def place(tmp_path: Path, desk: FeatureDesk) -> Workplace:
    made = Workplace(tmp_path).set_up(product="shops")
    made.api = InProcessApi(desk)  # type: ignore[assignment]
    return made


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_list_tells_what_was_built_and_compared(place: Workplace, desk: FeatureDesk) -> None:
    code, text = place.run("features", "list")
    heading, row = lines(text)
    assert code == 0
    assert heading == "set version digest rows built parity from to created"
    assert row.startswith(f"visit 1 {desk.listed()[0]['digest'][:12]} 240 4/4 2/2 2024-01-01 2024-02-29 2030")


@pytest.mark.parametrize(
    ("parity", "told"),
    [
        ({}, None),
        ({"a": {"checked": 0, "equal": 0}}, None),
        ({"a": {"checked": 20, "equal": 20}, "b": {"checked": 40, "equal": 40, "different": 0}}, "60/60"),
        ({"a": {"checked": 20, "equal": 17, "different": 3}}, "3 differ"),
        ({"a": {"checked": 20, "equal": 17, "expired": 2, "moved": 1}}, "17/20 (2 expired, 1 moved)"),
    ],
)
def test_parity_in_a_word(parity: dict[str, Any], told: str | None) -> None:
    assert parity_of({"parity": parity}) == told


@pytest.mark.parametrize("words", [(), ("v1",), ("visit",), ("shops/visit",), ("visit", "v1")])
def test_a_version_is_shown_by_any_of_its_names(place: Workplace, words: tuple[str, ...]) -> None:
    code, text = place.run("features", "show", *words)
    assert code == 0
    told = lines(text)
    assert told[0] == "visit v1 of shops"
    assert any(line.startswith("sensor v2") for line in told)
    assert any(line.startswith("double_size INTEGER asked (on demand) 0") for line in told)
    assert any(line.startswith("warmth DOUBLE sensor_now ") for line in told)
    tested = "1 of 1: leak; sensor taken as known always"
    assert any(line.startswith(f"sensor_now 240 2 online {tested} whole: it declares no") for line in told)
    size = next(line for line in text.splitlines() if line.startswith("size "))
    assert "0 to 49" in size
    shop = next(line for line in lines(text) if line.startswith("shop "))
    assert shop == "shop VARCHAR request 0 - north 50%, south 50%"


def test_a_version_as_json_has_its_edges(place: Workplace) -> None:
    code, document = place.json("features", "show")
    assert code == 0
    size = next(c["statistics"] for c in document["columns"] if c["name"] == "size")
    assert len(size["edges"]) == 9


def test_the_lineage_says_once_what_concerns_every_column(place: Workplace, desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["visit"]["sql"] += " WHERE size < 48"
    desk.platform.apply_product(document)
    build(desk.platform)

    code, text = place.run("features", "show", "--lineage")

    assert code == 0
    told = lines(text)
    assert told[:2] == [
        "visit v2: where its columns come from",
        "every column is decided by visits.size (filter)",
    ]
    assert "double_size visits.size (transformation)" in told
    joined = "sensor.known_at (join), sensor.shop (join), visits.shop (join), visits.visited_at (join)"
    assert told[told.index(f"sensor_now is decided by {joined}") + 1 :] == [
        "column made of",
        "warmth sensor.warmth",
    ]


def test_what_cannot_be_traced_is_told_with_the_reason(place: Workplace, desk: FeatureDesk) -> None:
    document = bundle()
    sql = "SELECT shop, known_at, w AS warmth FROM sensor UNPIVOT (w FOR name IN (warmth))"
    document["views"]["sensor_now"]["sql"] = sql
    desk.platform.apply_product(document)
    build(desk.platform)

    code, text = place.run("features", "show", "--lineage")
    assert code == 0
    assert not any(line.startswith("warmth") for line in lines(text))
    assert "sensor_now: the columns of this SELECT cannot be traced: it pivots" in " ".join(text.split())
    code, version = place.json("features", "show", "latest")
    sources = {column["name"]: column["sources"] for column in version["columns"]}
    assert sources["warmth"] is None
    assert sources["shop"] == [
        {"dataset": "visits", "column": "shop", "type": "DIRECT", "subtype": "IDENTITY"}
    ]


def test_on_a_terminal_the_seconds_of_waiting_are_shown() -> None:
    screen = io.StringIO()
    notes = Console(file=screen, force_terminal=True, width=80)
    with Output(Console(file=io.StringIO()), notes, False).waiting("waiting for [a] worker"):
        pass
    assert "waiting for [a] worker" in screen.getvalue()
    assert "0:00:00" in screen.getvalue()


def test_what_is_restricted_is_told_to_be_so(place: Workplace, desk: FeatureDesk) -> None:
    desk.restrict("visits", "size")
    size = next(line for line in lines(place.run("features", "show")[1]) if line.startswith("size "))
    assert size.endswith("(restricted)")


def test_a_version_of_another_declaration_says_so(place: Workplace, desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["max_age_seconds"] = 60
    desk.platform.apply_product(document)
    assert "the set is declared otherwise by now" in place.run("features", "show")[1]


# --- build


def test_a_build_is_asked_for_and_waited_for(place: Workplace, desk: FeatureDesk) -> None:
    take_in(desk.platform, 3)
    code, text = place.run("features", "build", "visit", "--wait")
    assert code == 0
    assert text.startswith("✓ built v2 of visit: 364 rows, 3/5 steps made")
    assert place.run("features", "build", "--wait") == (
        0,
        "✓ unchanged: v2 of visit is of the newest inputs\n",
    )


def test_without_waiting_the_request_is_told(place: Workplace) -> None:
    code, text = place.run("features", "build")
    assert (code, "visit: asked" in text) == (0, True)


def test_a_build_that_fails_says_why(place: Workplace, desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = "SELECT shop, known_at, nothing FROM sensor"
    desk.platform.apply_product(document)
    code, _ = place.run("features", "build", "--wait")
    assert code == 1
    assert "visit was not built: view sensor_now:" in place.notes


def test_a_build_that_nobody_takes_up_is_told_at_the_deadline(place: Workplace) -> None:
    place.api.at_work = False  # type: ignore[attr-defined]
    code, _ = place.run("features", "build", "--wait", "--timeout", "0")
    assert code == 1
    assert "`headgate logs build-features` says more" in place.notes


def test_a_build_that_a_job_does_is_waited_for_until_its_version_is_there(tmp_path: Path) -> None:
    place = Workplace(tmp_path).set_up(product="shops")
    report = {"id": "b-1", "kind": "build", "feature_set": "visit", "problem": ""}
    handed = {**report, "state": "done", "result": HANDED}
    place.api.on("POST", f"{VISIT}/builds", handed, 202)
    place.api.on("GET", f"{VISIT}/builds/{report['id']}", handed)
    found = {"current": True, "ordinal": 4, "digest": "d", "rows": 7, "built": 1, "steps": 2, "seconds": 1.5}
    latest = f"{VISIT}/versions/latest"
    for stale in ({"input_ordinals": {"visits": 2}}, {"input_ordinals": {"visits": 3}, "current": False}):
        place.api.on("GET", latest, {**found, **stale})
        code, _ = place.run("features", "build", "visit", "--wait", "--timeout", "0")
        assert (code, "the job that builds visit is not done" in place.notes) == (1, True)
    failed = {**report, "state": "failed", "problem": "stage 1 was not made: exit code 70", "result": HANDED}
    place.api.on("GET", f"{VISIT}/builds/{report['id']}", failed)
    code, _ = place.run("features", "build", "visit", "--wait")
    assert (code, "visit was not built: stage 1 was not made: exit code 70" in place.notes) == (1, True)
    place.api.on("GET", latest, {**found, "input_ordinals": {"visits": 3}})
    code, text = place.run("features", "build", "visit", "--wait")
    assert (code, text) == (0, "✓ built v4 of visit: 7 rows, 1/2 steps made, 1.5 s\n")


# --- plan


def test_a_plan_of_what_is_built_has_nothing_to_build(place: Workplace) -> None:
    code, text = place.run("features", "plan")
    assert (code, lines(text)[-1]) == (0, "✓ nothing to build: v1 is of the newest inputs")


def test_a_plan_tells_what_is_made_where_and_at_what_cost(place: Workplace, desk: FeatureDesk) -> None:
    take_in(desk.platform, 3)
    code, text = place.run("features", "plan", "visit")
    told = lines(text)
    assert code == 0
    assert told[0] == "a build of visit from sensor v3, visits v3, duckdb 1.5.5"
    assert any(line.startswith("visit 1 of 1") and "whole: it declares no window" in line for line in told)
    assert any(line.startswith("0 visit, sensor_now function 2") for line in told)
    assert told[-1].startswith("in all 3 of 3 partitions,")
    code, document = place.json("features", "plan", "visit")
    assert document["total"]["to_build"] == 3
    assert len(desk.listed()) == 1


def test_a_stage_of_a_plan_names_what_it_makes_alone(place: Workplace, desk: FeatureDesk) -> None:
    desk.platform.ingest_now(desk.platform.drop("shops/sensor/3.csv", sensor_csv(3)))
    _, plan = place.json("features", "plan", "visit")
    assert [(view["view"], view["to_build"]) for view in plan["views"]] == [("visit", 0), ("sensor_now", 1)]
    assert plan["stages"][0]["makes"] == ["sensor_now"]


def test_a_plan_that_waits_says_for_what(place: Workplace, tmp_path: Path) -> None:
    empty = MemoryPlatform(tmp_path / "empty")
    empty.apply_product(bundle())
    place.api = InProcessApi(FeatureDesk(empty))  # type: ignore[assignment]
    code, text = place.run("features", "plan")
    assert (code, lines(text)[-1]) == (0, "waits: no version yet of sensor, visits")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_600, "1 MB"), (2.5e11, "250 GB")]
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert plan_view.size(count) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "$0"), (0.000012, "$1.2e-05"), (0.0042, "$0.0042"), (3.456, "$3.46")]
)
def test_money_for_people(amount: float, text: str) -> None:
    assert plan_view.usd(amount) == text


def test_many_partitions_are_told_by_their_ends() -> None:
    assert plan_view.names_of([f"2013-{n:02d}" for n in range(1, 13)]) == (
        "2013-01, 2013-02, 2013-03 … 2013-10, 2013-11, 2013-12"
    )
    assert plan_view.names_of([]) is None


# --- parity


def test_equal_rows_are_told_view_by_view(place: Workplace) -> None:
    code, text = place.run("features", "parity")
    assert code == 0
    assert lines(text) == [
        "view checked equal expired moved different",
        "sensor_now 2 2 0 0 0",
        "",
        "✓ 2 checked, none differs from visit v1",
    ]


def test_rows_that_differ_are_told_and_make_the_command_fail(place: Workplace, desk: FeatureDesk) -> None:
    row = OnlineRow("shops", space(), "north", "2024-02-29T12:00:00.000Z", {"warmth": 99.5}, "f" * 64)
    desk.platform.online.write([row])
    code, text = place.run("features", "parity", "visit")
    assert code == 1
    assert lines(text)[-6:] == [
        "",
        "sensor_now: 1 of 1",
        "key column the version has the store has",
        "north warmth 29.12 99.5",
        "",
        "✗ 1 of 2 differ from visit v1",
    ]
    code, document = place.json("features", "parity", "visit")
    assert (code, document["result"]["different"]) == (1, 1)


# --- online rows


def test_a_row_is_told_with_whether_it_is_used(place: Workplace) -> None:
    code, text = place.run("features", "get", "sensor_now", "north", "--at", "2024-02-29T12:30:00Z")
    assert code == 0
    told = lines(text)
    assert told[0] == "sensor_now, shop north: usable"
    assert "age 30m of at most 1h" in told
    assert told[-1] == "warmth 29.12"
    assert "not usable: it is stale" in place.run("features", "get", "sensor_now", "north")[1]
    assert place.run("features", "get", "sensor_now", "west")[1] == (
        "sensor_now, shop west: not usable: there is no row\n"
    )


def test_a_view_that_no_set_joins_names_those_that_are_joined(place: Workplace) -> None:
    code, _ = place.run("features", "get", "nothing", "north")
    assert code == 1
    assert "no feature set of shops joins the view nothing; joined are sensor_now" in place.notes


# --- training sets


@pytest.mark.parametrize("group", ["data", "dataset"])
def test_a_training_set_is_written_to_a_file(place: Workplace, tmp_path: Path, group: str) -> None:
    target = tmp_path / "visits.parquet"
    words = ("training-set", "visit", "--version", "v1", "--from", "2024-02-01", "--out", str(target))
    code, text = place.run(group, *words)
    assert (code, text.split(" in ")[0]) == (0, "✓ 116 rows, 8 columns of visit v1")
    assert pq.read_table(target).num_rows == 116
    code, document = place.json(group, *words)
    assert (code, document["rows"], document["version"], document["columns"][0]) == (0, 116, 1, "visit_id")


def test_labels_of_a_file_are_joined_and_what_is_left_out_is_told(place: Workplace, tmp_path: Path) -> None:
    labels, target = tmp_path / "labels.csv", tmp_path / "out.parquet"
    labels.write_text("shop,visited_at\nnorth,2024-01-05 12:30:00\n")
    code, text = place.run("data", "training-set", "visit", "--labels", str(labels), "-o", str(target))
    assert code == 0
    assert "the features of asked are left out: the labels lack size, visit_id" in text
    assert pq.read_table(target).to_pylist()[0]["warmth"] == 5.12


def test_a_training_set_is_parquet_by_name_too(place: Workplace, tmp_path: Path) -> None:
    code, text = place.run("dataset", "training-set", "visit", "--out", str(tmp_path / "visits.csv"))
    assert (code, text) == (2, "")
    assert "Parquet is written, to a name in .parquet" in place.notes
    assert list(tmp_path.glob("*.csv")) == []


def test_a_time_without_rows_is_told(place: Workplace, tmp_path: Path) -> None:
    out = str(tmp_path / "none.parquet")
    code, text = place.run("dataset", "training-set", "visit", "--from", "2030-01-01", "--out", out)
    assert code == 0
    assert "no row is of that time: those of v1 are of 2024-01-01T10:30:00.000Z" in " ".join(text.split())


def test_a_training_set_needs_a_folder_to_go_to(place: Workplace, tmp_path: Path) -> None:
    code, _ = place.run("data", "training-set", "visit", "--out", str(tmp_path / "no" / "t.parquet"))
    assert (code, "there is no folder" in place.notes) == (1, True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (61, "1m 1s"), (90_061, "1d 1h"), (-5, "-5s"), (0.4, "0s")]
)
def test_ages_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.123456, "0.1235"), (12345.6, "12,346"), (9999, "9,999"), (1e-9, "1e-09")]
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text
