"""The files of a feature version: what of a time is handed out, and what never is."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from headgate.domain.errors import AccessDenied, InvalidRequest, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.product import Product

from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import build


@pytest.fixture
def desk(prepared_platform: MemoryPlatform) -> FeatureDesk:
    return FeatureDesk(prepared_platform.fork())


def test_every_partition_has_an_address_with_the_bytes_it_names(desk: FeatureDesk) -> None:
    found = desk.files()
    assert [(p["name"], p["rows"]) for p in found["partitions"]] == [("2024-01", 124), ("2024-02", 116)]
    assert found["rows"] == 240
    for each in found["partitions"]:
        body = Path(url2pathname(urlsplit(each["url"]).path)).read_bytes()
        assert (len(body), hashlib.sha256(body).hexdigest()) == (each["bytes"], each["sha256"])


@pytest.mark.parametrize(
    ("start", "end", "names"),
    [
        ("2024-02-01", None, ["2024-02"]),
        (None, "2024-02-01", ["2024-01"]),
        ("2024-01-31", "2024-02-02", ["2024-01", "2024-02"]),
        ("2024-01-31T14:00:00Z", "2024-02-01T00:00:00Z", []),
        ("2024-01-31T15:30:00+02:00", "2024-02-01", ["2024-01"]),
        ("2025-01-01", None, []),
    ],
)
def test_partitions_without_rows_of_the_time_are_left_out(
    desk: FeatureDesk, start: str | None, end: str | None, names: list[str]
) -> None:
    assert [p["name"] for p in desk.files(start, end)["partitions"]] == names


def test_views_come_with_what_rows_of_the_time_may_see(desk: FeatureDesk) -> None:
    found = desk.files("2024-02-10", "2024-02-11", views=True)
    (view,) = found["views"]
    assert (view["view"], [c["name"] for c in view["columns"]]) == (
        "sensor_now",
        ["shop", "known_at", "warmth"],
    )
    assert [f["name"] for f in view["files"]] == ["2024-02"]
    # And a row of the month's first hour may still see the last of the month before
    (view,) = desk.files("2024-02-01T00:00:00Z", "2024-02-11", views=True)["views"]
    assert [f["name"] for f in view["files"]] == ["2024-02"]
    (view,) = desk.files("2024-01-31T12:59:00Z", "2024-02-11", views=True)["views"]
    assert [f["name"] for f in view["files"]] == ["2024-01", "2024-02"]


def test_the_declaration_that_comes_with_views_is_the_one_that_was_built(desk: FeatureDesk) -> None:
    declared = desk.files(views=True)["declared"]
    views = {**bundle()["views"], **declared["views"]}
    document = bundle(views=views, feature_sets={"visit": declared["feature_set"]})
    assert Product.from_document(document).feature_sets["visit"].on_demand is not None
    # When the set is declared otherwise, rows joined with the old views would mean something else
    changed = bundle()
    changed["views"]["sensor_now"]["max_age_seconds"] = 60
    desk.platform.apply_product(changed)
    with pytest.raises(PreconditionFailed, match="build the set again"):
        desk.files(views=True)
    assert desk.files()["rows"] == 240
    build(desk.platform)
    assert desk.files(views=True)["views"]


def test_rows_with_a_restricted_column_are_not_handed_out(desk: FeatureDesk) -> None:
    desk.restrict("visits", "size")
    with pytest.raises(PreconditionFailed, match="size is restricted"):
        desk.files()


@pytest.mark.parametrize(
    ("start", "end"), [("2024-02-01", "2024-02-01"), ("soon", None), (None, "2024-13-01")]
)
def test_what_is_no_time_is_refused(desk: FeatureDesk, start: str | None, end: str | None) -> None:
    with pytest.raises(InvalidRequest):
        desk.files(start, end)


def test_a_stranger_gets_no_file(desk: FeatureDesk) -> None:
    desk.caller = Principal("user/mallory")
    with pytest.raises(AccessDenied):
        desk.files()
