"""Rows of the reader's own: each comes back once, in its place, with what was known at its time."""

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.cli.failures import CommandFailed
from headgate.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.feature_set_desk import FeatureDesk
from tests.support.small_product import bundle
from tests.support.trained_run import build

SHOPS = ("north", "south", "west", None)
FIRST = datetime(2024, 1, 1)
Row = dict[str, Any]


def known(row: Row, after: timedelta = timedelta()) -> float | None:
    """What the sensor of the small product had said: readings at 10:00 and 12:00, good for an hour."""
    at = row["visited_at"]
    readings = [at.replace(hour=h, minute=0, second=0, microsecond=0) for h in (10, 12)]
    usable = [r for r in readings if r + after <= at <= r + timedelta(hours=1)]
    if row["shop"] not in ("north", "south") or not usable or not FIRST <= at < datetime(2024, 3, 1):
        return None
    return usable[-1].day + usable[-1].hour / 100


def joined(client: Client, rows: list[Row], **given: Any) -> pa.Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return client.training_set("visit", labels=pa.Table.from_pylist(rows, SCHEMA), **given).to_arrow()


SCHEMA = pa.schema(
    [("mine", pa.int64()), ("shop", pa.string()), ("visited_at", pa.timestamp("us")), ("note", pa.string())]
)
minutes = st.integers(-2 * 24 * 60, 62 * 24 * 60)
labels = st.lists(
    st.tuples(st.sampled_from(SHOPS), minutes | st.sampled_from([600, 660, 661, 720, 780, 781])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=labels)
def test_every_label_is_one_row_with_what_was_known(client: Client, drawn: list[tuple[Any, int]]) -> None:
    rows = [
        {"mine": n, "shop": shop, "visited_at": FIRST + timedelta(minutes=after), "note": f"n{n}"}
        for n, (shop, after) in enumerate(drawn)
    ]
    found = joined(client, rows).to_pylist()
    assert found == [{**row, "warmth": known(row)} for row in rows]


def test_labels_that_are_alike_stay_as_many(client: Client) -> None:
    row = {"mine": 1, "shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30), "note": None}
    assert joined(client, [row] * 3).to_pylist() == [{**row, "warmth": 5.12}] * 3


def test_a_value_that_is_known_later_is_not_seen_before(client: Client, desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["available_after"] = 900
    desk.platform.apply_product(document)
    build(desk.platform)
    early, late = (
        {"mine": 1, "shop": "north", "visited_at": datetime(2024, 1, 5, 12, minute), "note": None}
        for minute in (14, 15)
    )
    assert [r["warmth"] for r in joined(client, [late, early]).to_pylist()] == [5.12, None]


def test_on_demand_features_are_made_where_the_labels_hold_the_request(client: Client) -> None:
    row = {"visit_id": "mine-1", "visited_at": datetime(2024, 1, 5, 12, 30), "shop": "south", "size": 7}
    found = client.training_set("visit", labels=pa.Table.from_pylist([row]))
    (made,) = found.to_arrow().to_pylist()
    assert made == {**row, "double_size": 14, "hour": 12, "warmth": 5.12}
    assert found.notes == ()
    assert dict(found.columns)["double_size"] == "feature"


def test_without_the_request_they_are_left_out_and_it_is_told(client: Client) -> None:
    row = {"shop": "south", "visited_at": datetime(2024, 1, 5, 12, 30)}
    with pytest.warns(UserWarning, match="features of asked are left out: the labels lack size, visit_id"):
        found = client.training_set("visit", labels=pa.Table.from_pylist([row]))
    assert found.to_arrow().column_names == ["shop", "visited_at", "warmth"]
    assert len(found.notes) == 1


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_labels_may_be_a_file(client: Client, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    if suffix == ".csv":
        path.write_text("shop,visited_at\nnorth,2024-01-05 12:30:00\n")
    else:
        rows = [{"shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30)}]
        pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.warns(UserWarning):
        found = client.training_set("visit", labels=str(path))
    assert [row["warmth"] for row in found.to_arrow().to_pylist()] == [5.12]


@pytest.mark.parametrize("name", ["shop=south/l", "day=2024-01-09/l", "labels*", "labels[12]", "l?"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_is_what_is_in_it_wherever_it_lies(
    client: Client, tmp_path: Path, name: str, suffix: str
) -> None:
    """An engine would take columns from folders such as ``shop=south``, in place of the file's own."""
    path = tmp_path / f"{name}{suffix}"
    path.parent.mkdir(exist_ok=True)
    row = {"shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30)}
    for file, at in ((path, row["visited_at"]), (tmp_path / f"labels1{suffix}", FIRST)):
        if suffix == ".csv":
            file.write_text(f"shop,visited_at\nnorth,{at}\n")
        else:
            pq.write_table(pa.Table.from_pylist([{**row, "visited_at": at}]), file)
    with pytest.warns(UserWarning):
        found = client.training_set("visit", labels=path)
    assert found.to_arrow().to_pylist() == [{**row, "warmth": 5.12}]


def test_columns_that_nothing_is_joined_by_come_back_as_they_are(client: Client) -> None:
    row = {"shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30), "known_at": "never", "size": 1.5}
    with pytest.warns(UserWarning, match="the labels lack visit_id"):
        found = client.training_set("visit", labels=pa.Table.from_pylist([row]))
    assert found.to_arrow().to_pylist() == [{**row, "warmth": 5.12}]


def test_a_value_that_would_be_rounded_is_refused(client: Client) -> None:
    row = {"visit_id": "x", "shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30)}
    sizes = [{**row, "size": size, "visit_id": f"{size}"} for size in (7.0, 1.5)]
    with pytest.raises(CommandFailed, match=r"size of the labels is joined as INTEGER, and 1 of .* as 1\.5"):
        client.training_set("visit", labels=pa.Table.from_pylist(sizes))
    found = client.training_set("visit", labels=pa.Table.from_pylist(sizes[:1]))
    assert found.to_arrow().column("double_size").to_pylist() == [14]


@pytest.mark.parametrize(("shop", "year"), [("North", 2024), ("north", 2031)])
def test_where_no_label_finds_anything_it_is_told(client: Client, shop: str, year: int) -> None:
    """Names that are written otherwise, or another time: the features would be null, and nobody would see."""
    rows = [
        {"visit_id": "x", "shop": shop, "visited_at": datetime(year, 1, 5, 12, 30), "size": 4},
        {"visit_id": "y", "shop": None, "visited_at": datetime(2024, 1, 5, 12, 30), "size": 4},
    ]
    with pytest.warns(UserWarning, match="no label has a value of sensor_now: it is joined by shop"):
        found = client.training_set("visit", labels=pa.Table.from_pylist(rows))
    assert (found.rows, len(found.notes)) == (2, 1)
    rows.append({**rows[0], "shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30), "visit_id": "z"})
    assert client.training_set("visit", labels=pa.Table.from_pylist(rows)).notes == ()


def test_an_entity_may_be_asked_about_at_several_times(client: Client) -> None:
    rows = [
        {"visit_id": "x", "shop": "north", "visited_at": datetime(2024, 1, 5, 12, minute), "size": 4}
        for minute in (40, 30, 30)
    ]
    found = client.training_set("visit", labels=pa.Table.from_pylist(rows)).to_arrow().to_pylist()
    assert found == [{**row, "double_size": 8, "hour": 12, "warmth": 5.12} for row in rows]


def test_instants_with_a_zone_are_brought_to_utc(client: Client) -> None:
    zone = [{"shop": "north", "visited_at": datetime(2024, 1, 5, 12, 30, tzinfo=UTC)}]
    table = pa.Table.from_pylist(
        zone, pa.schema([("shop", pa.string()), ("visited_at", pa.timestamp("us", "+02:00"))])
    )
    with pytest.warns(UserWarning):
        (row,) = client.training_set("visit", labels=table).to_arrow().to_pylist()
    assert (row["visited_at"], row["warmth"]) == (datetime(2024, 1, 5, 12, 30), 5.12)


def test_labels_out_of_the_asked_time_are_left_out(client: Client) -> None:
    rows = [
        {"mine": n, "shop": "north", "visited_at": datetime(2024, 1, day), "note": None}
        for n, day in enumerate((4, 5, 6))
    ]
    found = joined(client, rows, start="2024-01-05", end="2024-01-06")
    assert found.column("mine").to_pylist() == [1]
    with pytest.raises(CommandFailed, match="no row among the labels"):
        joined(client, rows, start="2024-02-01")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (pa.table({"visited_at": [FIRST]}), "the labels have no column shop: shop, visited_at"),
        (
            pa.table({"shop": ["a"], "visited_at": pa.array([None], pa.timestamp("us"))}),
            "1 of the labels have no",
        ),
        (pa.table({"shop": ["a"], "visited_at": ["soon"]}), "the column visited_at of the labels"),
        (pa.table({"shop": ["a"]}), "the labels have no column visited_at"),
        (
            pa.table({"shop": ["a"], "visited_at": [FIRST], "Warmth": [1.0]}),
            "a column Warmth, and the view sensor_now makes one: rename it",
        ),
        (pa.table([["a"], ["b"], [FIRST]], names=["shop", "Shop", "visited_at"]), "have one name: shop"),
        ([{"shop": "north"}], "not of the type list"),
        ("nothing.parquet", "no such file"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_the_reason(client: Client, labels: Any, reason: str) -> None:
    with pytest.raises(CommandFailed, match=reason):
        client.training_set("visit", labels=labels)


class Frame:
    """A table of a library that is not there, which hands out Arrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


def test_labels_may_be_a_table_of_any_library_that_speaks_arrow(client: Client) -> None:
    table = pa.table(
        {"shop": ["north"], "visited_at": [datetime(2024, 1, 5, 12, 30)], "__index_level_0__": [77]}
    )
    with pytest.warns(UserWarning):
        found = client.training_set("visit", labels=Frame(table)).to_arrow()
    assert found.column_names == ["shop", "visited_at", "warmth"]
    assert found.column("warmth").to_pylist() == [5.12]


def test_what_hands_out_something_else_than_a_table_is_refused(client: Client) -> None:
    with pytest.raises(CommandFailed, match="no table that Arrow can read"):
        client.training_set("visit", labels=Frame(pa.chunked_array([[1, 2]])))


def test_times_that_mean_nothing_are_refused_before_anything_is_fetched(client: Client) -> None:
    row = pa.table({"shop": ["north"], "visited_at": [datetime(2024, 1, 5, 12, 30)]})
    with pytest.raises(CommandFailed, match="'soon' is no date or instant"):
        client.training_set("visit", labels=row, start="soon")
    with pytest.raises(CommandFailed, match="no time is from 2024-02-01 on and before 2024-01-01"):
        client.training_set("visit", labels=row, start="2024-02-01", end="2024-01-01")


def test_only_files_that_the_asked_labels_may_see_are_fetched(client: Client, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    days = [datetime(2024, 1, 5, 12, 30), datetime(2024, 2, 5, 12, 30)]
    rows = pa.table({"shop": ["north", "north"], "visited_at": days})
    with pytest.warns(UserWarning):
        client.training_set("visit", labels=rows, progress=lambda *now: told.append(now))
        whole = told[-1][1]
        client.training_set("visit", labels=rows, start="2024-02-01", progress=lambda *now: told.append(now))
    assert told[-1][1] < whole
