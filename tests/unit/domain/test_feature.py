"""Feature sets and versions: names, windows and order."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from headgate.domain.entity_key import entity_key
from headgate.domain.errors import Corrupted, InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet, graph_problems
from headgate.domain.feature_version import (
    FeatureManifest,
    FeatureVersionRecord,
    Partition,
    build_id,
    partitions_between,
)
from headgate.domain.product import Product
from hypothesis import given
from hypothesis import strategies as st

from tests.support.small_product import bundle

VALUE = st.none() | st.text(max_size=6) | st.integers() | st.sampled_from(["|", "\\", "\\N", "a|b", ""])


def feature_set(**views: dict[str, Any]) -> FeatureSet:
    document = bundle()
    for name, fields in views.items():
        document["views"][name] = {**document["views"][name], **fields}
    return Product.from_document(document).feature_sets["visit"]


def partition(month: str) -> Partition:
    key = f"{month}.parquet"
    return Partition(month, "made", key, "0" * 64, 1, 1, None, f"{month}-01", f"{month}-28")


MONTHS = [f"{year}-{month:02d}" for year in (2023, 2024) for month in range(1, 13)]


@given(st.lists(VALUE, min_size=1, max_size=4), st.lists(VALUE, min_size=1, max_size=4))
def test_two_entities_have_two_keys(one: list[Any], other: list[Any]) -> None:
    if len(one) == len(other):
        same = [None if p is None else str(p) for p in one] == [None if p is None else str(p) for p in other]
        assert (entity_key(one) == entity_key(other)) is same


@pytest.mark.parametrize(("one", "other"), [([5], [5.0]), (["5"], [5]), ([date(2024, 1, 1)], ["2024-01-01"])])
def test_equal_values_have_one_key_though_their_types_differ(one: list[Any], other: list[Any]) -> None:
    assert entity_key(one) == entity_key(other)


def test_null_is_not_the_empty_text() -> None:
    assert entity_key([None]) != entity_key([""])


@given(st.dates(date(2023, 1, 1), date(2024, 12, 30)), st.integers(1, 400))
def test_partitions_are_those_a_day_of_the_interval_falls_into(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    wanted = {(start + timedelta(days=n)).strftime("%Y-%m") for n in range(days)}
    found = partitions_between(map(partition, reversed(MONTHS)), start.isoformat(), end.isoformat())
    assert [p.name for p in found] == [m for m in MONTHS if m in wanted]


def record(**ordinals: int) -> FeatureVersionRecord:
    return FeatureVersionRecord("p", "s", 1, "d", "b", {}, 1, 1, "", "", "", 0.0, ordinals)


@pytest.mark.parametrize(
    ("version", "inputs", "newer"),
    [
        ({"a": 2, "b": 1}, {"a": 1, "b": 1}, True),
        ({"a": 1, "b": 1}, {"a": 1, "b": 1}, False),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, False),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}, True),
        ({"a": 9, "gone": 9}, {"a": 9}, False),
        ({"a": 1}, {"a": 1, "new": 1}, False),
    ],
)
def test_a_version_is_newer_when_any_of_its_inputs_is(
    version: dict[str, int], inputs: dict[str, int], newer: bool
) -> None:
    assert record(**version).supersedes(inputs) is newer


def test_a_build_is_named_by_recipe_inputs_and_engine() -> None:
    made, inputs = feature_set(), {"visits": "1", "sensor": "2"}
    name = build_id(made, inputs, "duckdb 1")
    assert name == build_id(feature_set(), dict(reversed(inputs.items())), "duckdb 1")
    others = {
        build_id(made, {**inputs, "visits": "3"}, "duckdb 1"),
        build_id(made, inputs, "duckdb 2"),
        build_id(feature_set(sensor_now={"max_age_seconds": 60}), inputs, "duckdb 1"),
        build_id(feature_set(sensor_now={"sql": "SELECT 1"}), inputs, "duckdb 1"),
        build_id(replace(made, label=None), inputs, "duckdb 1"),
    }
    assert len(others | {name}) == 6


def test_an_on_demand_view_may_be_called_as_what_it_reads() -> None:
    view = FeatureView("request", "on_demand", ("request",), ("id",), None, None, False, "SELECT 1")

    assert list(graph_problems({"request": view}, ["visits"])) == []


def test_a_view_is_not_called_as_the_watermark() -> None:
    view = FeatureView("watermark", "feature", ("visits",), ("id",), None, None, False, "SELECT 1")

    assert [key for _, key, _ in graph_problems({"watermark": view}, ["visits"])] == ["name"]


def test_a_set_reads_the_inputs_of_its_views_and_not_the_request() -> None:
    assert feature_set().inputs == ("sensor", "visits")


def test_a_manifest_is_what_it_was_after_storage() -> None:
    made = FeatureManifest("p", "s", "r", "e", 0, {"a": "1"}, (), (partition("2024-01"),), 1)
    again = FeatureManifest.from_document(made.to_document())
    assert again == made
    assert again.digest == made.digest
    assert made.digest != replace(made, label_rows=2).digest
    with pytest.raises(Corrupted, match=r"headgate\.features/2"):
        FeatureManifest.from_document({**made.to_document(), "format": "other"})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "table"}, "kind is 'table'"),
        ({"entity": []}, "no entity columns"),
        ({"entity": ["shop; DROP"]}, "is no identifier"),
        ({"event_time": None}, "a spine needs an event_time"),
        ({"inputs": ["../visits"]}, "is no identifier"),
        ({"available_after": 3600}, "available_after is for feature views: what a spine yields is known at"),
        ({"known_at": "visited_at"}, "known_at is for feature views"),
        ({"max_age_seconds": 60}, "max_age is for feature views"),
    ],
)
def test_a_malformed_view_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        FeatureView.from_document({**bundle()["views"]["visit"], **fields})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"spine": "nobody"}, "no view 'nobody'"), ({"spine": "sensor_now"}, "is feature, spine is needed")],
)
def test_a_set_of_wrong_views_is_refused(fields: dict[str, Any], reason: str) -> None:
    document = bundle()
    document["feature_sets"]["visit"] = {**document["feature_sets"]["visit"], **fields}
    with pytest.raises(InvalidRequest, match=reason):
        Product.from_document(document)


@pytest.mark.parametrize("fields", [{"available_after": 2**40}, {"max_age_seconds": 2**40}])
def test_a_time_longer_than_a_hundred_years_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="view sensor_now: 12725829 days are too long; 36525d are"):
        feature_set(sensor_now=fields)


@pytest.mark.parametrize("name", ["Sensor", "SENSOR_NOW", "__chunk", "WATERMARK"])
def test_a_view_has_a_name_of_its_own_in_sql(name: str) -> None:
    document = bundle()
    document["views"][name] = {**document["views"]["sensor_now"], "name": name}

    with pytest.raises(InvalidRequest, match="are one name to SQL|is no name for a view"):
        Product.from_document(document)
