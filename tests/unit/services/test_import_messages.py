"""Absolute names and import messages say the same before and after their journey."""

import json

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.external_object import (
    ExternalObject,
    ImportRequest,
    external_object,
    import_of,
    place_of,
)


@pytest.mark.parametrize("key", ["a.parquet", "a b/ü?versionId=1.parquet", "year=2013/x", "a/"])
def test_an_absolute_name_says_bucket_key_and_version(key: str) -> None:
    name = ExternalObject("outside", key, "v-1", 12).name

    assert external_object(name) == ExternalObject("outside", key, "v-1")


def test_the_key_of_a_file_in_the_lake_is_no_absolute_name() -> None:
    assert external_object("shop/datasets/orders/data/1.parquet") is None


@pytest.mark.parametrize("name", ["s3://bucket/key", "s3://bucket?versionId=1", "s3:///key?versionId=1"])
def test_an_absolute_name_without_a_version_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no version"):
        external_object(name)


def test_a_message_carries_the_whole_request() -> None:
    objects = (ExternalObject("outside", "a b.parquet", "v-1", 12),)
    asked = ImportRequest("shop", "orders", "outside", "sales/", "user/alice", objects)

    document = json.loads(json.dumps(asked.to_message()))

    assert import_of("m-1", document) == ImportRequest(**{**vars(asked), "message_id": "m-1"})


def test_a_message_of_another_kind_is_none_and_a_broken_one_is_refused() -> None:
    assert import_of("m-1", {"Records": []}) is None
    with pytest.raises(InvalidRequest, match="no import"):
        import_of("m-1", {"kind": "import", "product": "shop"})


@pytest.mark.parametrize(
    ("uri", "place"),
    [("s3://b/sales/2013", ("b", "sales/2013")), ("s3://b/", ("b", "")), ("s3://b", ("b", ""))],
)
def test_a_place_is_a_bucket_and_a_prefix(uri: str, place: tuple[str, str]) -> None:
    assert place_of(uri) == place


@pytest.mark.parametrize("uri", ["", "sales/2013", "https://b/sales", "s3://", "s3://b/*.parquet"])
def test_what_is_no_place_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequest, match="no place"):
        place_of(uri)
