"""Dataset versions: manifests that share what did not change, and names made of content."""

import json
from dataclasses import replace

import pytest
from headgate.domain.canonical import canonical_json, digest, short
from headgate.domain.dataset import ColumnStats, DataFile, SourceRef, split_key
from headgate.domain.errors import Corrupted
from headgate.domain.file_table import FileTable, Segment
from headgate.domain.manifest import Manifest, SchemaColumn

SOURCE = SourceRef("landing", "shops/visits/a b+c.csv", "v-1", "1" * 64, 7)
FILE = DataFile("k1", 5, "2" * 64, 3, (ColumnStats("a", "INTEGER", 0, "1", "3"),), SOURCE, (0, 3))
OTHER = replace(FILE, key="k0")


def test_a_manifest_is_what_it_was_after_storage() -> None:
    made = Manifest(
        product="shops",
        dataset="visits",
        ordinal=2,
        parents=("5" * 64,),
        operation="append",
        contract_version="1.0.0",
        schema=(SchemaColumn("a", "INTEGER", True, "internal"),),
        table=FileTable(recent=(FILE,)),
        note={"why": "a test"},
    )
    assert Manifest.from_document(json.loads(canonical_json(made.to_document()))) == made
    assert replace(made, ordinal=3).digest != made.digest
    with pytest.raises(Corrupted):
        Manifest.from_document({**made.to_document(), "format": "headgate.dataset/1"})


def test_a_segment_has_one_digest_whatever_the_order_of_its_files() -> None:
    assert Segment.of([FILE, OTHER]).ref == Segment.of([OTHER, FILE]).ref


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
