"""Dataset versions: manifests that share what did not change, and names made of content."""

from dataclasses import replace

import pytest
from headgate.domain.canonical import canonical_json, digest, short
from headgate.domain.dataset import (
    ColumnStats,
    DataFile,
    Manifest,
    SegmentRef,
    SourceRef,
    next_manifest,
    segment_document,
    segment_files,
    split_key,
)
from headgate.domain.errors import Corrupted

SOURCE = SourceRef("landing", "shops/visits/a b+c.csv", "v-1", "1" * 64, 7)
FILE = DataFile("k1", 5, "2" * 64, 3, (ColumnStats("a", "INTEGER", 0, "1", "3"),), SOURCE, (0, 3))
ONE, TWO = SegmentRef("3" * 64, 1, 3, 5), SegmentRef("4" * 64, 2, 4, 6)


def follow(head: Manifest | None, added: SegmentRef, operation: str = "append") -> Manifest:
    return next_manifest(
        head,
        product="shops",
        dataset="visits",
        operation=operation,  # type: ignore[arg-type]
        contract_version="1.0.0",
        added=added,
        checks=(),
    )


def test_an_append_shares_segments_and_an_overwrite_drops_them() -> None:
    first = follow(None, ONE)
    appended, replaced = follow(first, TWO), follow(first, TWO, "overwrite")
    assert (first.ordinal, first.parent, first.rows) == (1, None, 3)
    assert (appended.ordinal, appended.parent, appended.segments) == (2, first.digest, (ONE, TWO))
    assert (appended.rows, appended.files, appended.bytes) == (7, 3, 11)
    assert (replaced.ordinal, replaced.parent, replaced.segments) == (2, first.digest, (TWO,))


def test_a_manifest_is_what_it_was_after_storage() -> None:
    made = follow(follow(None, ONE), TWO)
    assert Manifest.from_document(made.to_document()) == made
    assert replace(made, ordinal=3).digest != made.digest
    with pytest.raises(Corrupted):
        Manifest.from_document({**made.to_document(), "format": "headgate.dataset/2"})


def test_a_segment_has_one_digest_whatever_the_order_of_its_files() -> None:
    other = replace(FILE, key="k0")
    assert digest(segment_document([FILE, other])) == digest(segment_document([other, FILE]))
    assert segment_files(segment_document([FILE, other])) == (other, FILE)
    with pytest.raises(Corrupted):
        segment_files({"format": "x", "files": []})


@pytest.mark.parametrize(
    ("key", "route"),
    [
        ("shops/visits/1.csv", ("shops", "visits")),
        ("shops/visits/2024/01/ü +%.csv", ("shops", "visits")),
        ("shops/visits/", None),
        ("shops//1.csv", None),
        ("/visits/1.csv", None),
        ("shops/1.csv", None),
        ("1.csv", None),
        ("", None),
    ],
)
def test_a_key_routes_by_its_first_two_parts(key: str, route: tuple[str, str] | None) -> None:
    assert split_key(key) == route


def test_canonical_json_is_one_text_for_one_value() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    assert short(digest({})) == digest({})[:12]
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"a": float("nan")})
