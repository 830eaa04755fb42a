"""Feature versions for people: by any name, with views and statistics, without what is restricted."""

from dataclasses import replace

import pytest
from headgate.domain.canonical import canonical_json
from headgate.domain.contract import Contract
from headgate.domain.errors import AccessDenied, InvalidRequest, NotFound
from headgate.domain.feature_masking import Hidden
from headgate.domain.identity import Principal
from headgate.domain.masking import MASK
from headgate.services.features.feature_manifests import features_manifest_key, load_features
from headgate.services.features.feature_sets import READ

from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import build, take_in


@pytest.fixture
def desk(prepared_platform: MemoryPlatform) -> FeatureDesk:
    return FeatureDesk(prepared_platform.fork())


def test_a_version_is_found_by_any_of_its_names(desk: FeatureDesk) -> None:
    take_in(desk.platform, 3)
    build(desk.platform)
    newest, oldest = desk.listed()[0], desk.listed()[-1]
    assert newest["ordinal"] > oldest["ordinal"] == 1
    for name in ("latest", str(newest["ordinal"]), f"v{newest['ordinal']}", newest["digest"][:12]):
        assert desk.show(name)["digest"] == newest["digest"]
    assert desk.show("v1")["digest"] == oldest["digest"]


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("v9", NotFound, "no v9; the newest is v1"),
        ("abcdef", NotFound, "starts with abcdef"),
        ("abc", InvalidRequest, "at least 6 digits"),
        ("newest", InvalidRequest, "latest, v3"),
    ],
)
def test_a_name_of_no_version_is_refused(
    desk: FeatureDesk, name: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        desk.show(name)


def test_a_set_without_a_version_says_so(platform: MemoryPlatform) -> None:
    with pytest.raises(NotFound, match="shops/visit has no version yet"):
        FeatureDesk(platform).show()


def test_a_version_tells_its_views_and_what_its_columns_look_like(desk: FeatureDesk) -> None:
    shown = desk.show()
    assert shown["current"] is True
    assert (shown["rows"], shown["label_rows"]) == (240, 240)
    views = {view["name"]: view for view in shown["views"]}
    assert set(views) == {"visit", "sensor_now"}
    assert (views["visit"]["online"], views["sensor_now"]["online"]) == (False, True)
    assert "declares no window" in views["visit"]["whole_because"]
    # the contract of the sensor names no event time, so that nothing of it can be known too early
    told = {"name": "leak", "passed": True, "instants": 5, "always_known": ["sensor"]}
    assert told in views["sensor_now"]["tests"]
    columns = {column["name"]: column["statistics"] for column in shown["columns"]}
    assert columns["size"]["rows"] == 240
    assert columns["size"]["minimum"] == 0
    assert sum(columns["shop"]["values"].values()) == 240


def test_all_steps_of_a_first_version_were_built_for_it(desk: FeatureDesk) -> None:
    first = desk.listed()[-1]
    assert first["built"] == first["steps"] > 0


def test_a_declared_test_counts_only_for_the_version_that_was_built_with_it(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["tests"] = ["warmth > 0"]
    desk.platform.apply_product(document)
    before = next(v for v in desk.show()["views"] if v["name"] == "sensor_now")
    assert desk.show()["current"] is False
    build(desk.platform)
    after = next(v for v in desk.show()["views"] if v["name"] == "sensor_now")
    declared = {"name": "warmth > 0", "passed": True}
    assert (declared in before["tests"], declared in after["tests"]) == (False, True)


def test_a_view_too_large_for_its_tests_says_so(desk: FeatureDesk) -> None:
    # Given a version that was built without them
    platform = desk.platform
    head = platform.catalog.feature_head("shops", "visit")
    assert head is not None
    manifest = load_features(platform.lake, "shops", "visit", head.digest)
    large = replace(manifest, tests=({"view": "sensor_now", "recipe": "r", "skipped": "reads 300 MB"},))
    key = features_manifest_key("shops", "visit", large.digest)
    platform.lake.put(key, canonical_json(large.to_document()), "application/json")
    newer = replace(head, ordinal=head.ordinal + 1, build_id="a" * 64, digest=large.digest)
    platform.catalog.commit_features(newer)
    # Then it can be shown, and tells it
    view = next(v for v in desk.show()["views"] if v["name"] == "sensor_now")
    assert (view["tests"], view["untested"]) == ([], "reads 300 MB")


def test_statistics_of_restricted_columns_are_masked(desk: FeatureDesk) -> None:
    desk.restrict("visits", "size")
    size = next(c["statistics"] for c in desk.show()["columns"] if c["name"] == "size")
    assert (size["rows"], size["nulls"], size["masked"]) == (240, 0, True)
    assert {size[name] for name in ("minimum", "maximum", "mean", "deviation")} == {MASK}
    assert (size["edges"], size["shares"]) == ([], [])
    desk.restrict("visits", "shop")
    shop = next(c["statistics"] for c in desk.show()["columns"] if c["name"] == "shop")
    assert (shop["values"], shop["others"]) == ({}, 240)
    assert "north" not in str(desk.show()["columns"])


def test_a_former_name_in_any_case_is_the_column_too(desk: FeatureDesk) -> None:
    document = bundle()["datasets"]["visits"]
    document["columns"][3] |= {"former_names": ["SIZE"], "name": "bulk", "classification": "restricted"}
    hidden = Hidden.of(
        desk.sets.allow(desk.caller, READ, "shops", "visit").feature_set,
        {"visits": Contract.from_document(document)},
    )
    assert hidden.row({"size": 3, "BULK": 4, "shop": "north"}) == {
        "size": MASK,
        "BULK": MASK,
        "shop": "north",
    }


def test_examples_in_a_listing_are_masked(desk: FeatureDesk) -> None:
    # Given a version whose sample differed
    head = desk.platform.catalog.feature_head("shops", "visit")
    assert head is not None
    example = {"view": "sensor_now", "key": "north", "offline": {"warmth": 71.5}, "online": None}
    parity = {"sensor_now": {"checked": 1, "different": 1, "examples": [example]}}
    desk.platform.catalog.commit_features(
        replace(head, ordinal=head.ordinal + 1, build_id="a" * 64, parity=parity)
    )
    assert desk.listed()[0]["parity"] == parity
    # When the column is restricted
    desk.restrict("sensor", "warmth")
    # Then its value is not shown, wherever the record is
    for shown in (desk.listed()[0], desk.show("latest")):
        (example,) = shown["parity"]["sensor_now"]["examples"]
        assert (example["offline"], example["key"]) == ({"warmth": MASK}, "north")


def test_a_stranger_sees_nothing(desk: FeatureDesk) -> None:
    desk.caller = Principal("user/mallory")
    with pytest.raises(AccessDenied, match="headgate:ReadFeatures"):
        desk.show()
    with pytest.raises(AccessDenied, match="headgate:ReadProduct"):
        desk.listed()
