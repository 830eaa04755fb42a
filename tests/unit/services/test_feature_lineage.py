"""Column lineage of a feature version: of the join, of what cannot be told, and what an event holds of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from headgate.adapters.documents import MOST_EVENT_BYTES
from headgate.domain.canonical import canonical_json
from headgate.domain.feature_version import FeatureManifest
from headgate.domain.lineage import edges_of
from headgate.services.features.feature_facts import MOST_FACET_BYTES, features_lineage
from headgate.services.features.feature_lineage import recorded_lineage
from headgate.services.features.feature_manifests import load_features

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import SPINE, bundle, sensor_csv, visits_csv

UNPIVOTED = "SELECT shop, known_at, w FROM sensor UNPIVOT (w FOR name IN (warmth))"
CHANGED: dict[tuple[str, str], Any] = {
    ("visits", "visit_id"): lambda text, n: f"{text}-again",
    ("visits", "visited_at"): lambda text, n: text.replace(" 10:30:", " 11:20:"),
    ("visits", "shop"): lambda text, n: "south" if n % 3 else "north",
    ("visits", "size"): lambda text, n: str((int(text) * 7 + 3) % 50),
    ("visits", "bought"): lambda text, n: "True" if text == "False" else "False",
    ("sensor", "shop"): lambda text, n: "south" if text == "north" else "north",
    ("sensor", "known_at"): lambda text, n: text.replace(" 10:", " 11:"),
    ("sensor", "warmth"): lambda text, n: str(float(text) + n % 5 + 1),
}
"""New values of each input column, by value and row."""


def product(spine: str = SPINE, **views: Any) -> dict[str, Any]:
    document = bundle()
    document["views"]["visit"]["sql"] = spine
    given = document["views"]["sensor_now"]
    for name, changes in views.items():
        document["views"][name] = {**given, "name": name, **changes}
    return document


def given(platform: MemoryPlatform, month: int = 1, **bodies: bytes) -> None:
    for dataset, body in {"visits": visits_csv(month), "sensor": sensor_csv(month), **bodies}.items():
        platform.ingest_now(platform.drop(f"shops/{dataset}/{month}.csv", body))


def built(platform: MemoryPlatform) -> FeatureManifest:
    (outcome,) = platform.build.on_dataset_version("shops", "visits")
    assert outcome.record is not None
    return load_features(platform.lake, "shops", "visit", outcome.record.digest)


def on(folder: Path, document: dict[str, Any], **bodies: bytes) -> MemoryPlatform:
    platform = MemoryPlatform(folder)
    platform.apply_product(document)
    given(platform, **bodies)
    return platform


def sources(manifest: FeatureManifest, column: str) -> set[str]:
    return {f"{d}.{c} {subtype}" for d, c, _, subtype in manifest.lineage["columns"][column]}


def told(platform: MemoryPlatform, manifest: FeatureManifest) -> Mapping[str, Any]:
    """The newest version as its OpenLineage event names it."""
    name = f"features/shops/visit/{manifest.digest}"
    found = [e.detail["event"]["outputs"][0] for e in platform.bus.of_type("LineageRecorded")]
    output: Mapping[str, Any] = next(each for each in reversed(found) if each["name"] == name)
    return output


def test_a_feature_is_made_of_what_the_join_finds_it_by(tmp_path: Path) -> None:
    manifest = built(on(tmp_path, product(f"{SPINE} WHERE size < 48")))

    rows = {"visits.size FILTER"}
    assert sources(manifest, "warmth") == rows | {
        *("sensor.warmth IDENTITY", "sensor.shop JOIN", "sensor.known_at JOIN"),
        *("visits.shop JOIN", "visits.visited_at JOIN"),
    }
    assert sources(manifest, "double_size") == rows | {"visits.size TRANSFORMATION"}
    assert sources(manifest, "shop") == rows | {"visits.shop IDENTITY"}
    assert manifest.lineage["unknown"] == {}


def test_only_named_sources_change_a_column_of_the_training_table(tmp_path: Path) -> None:
    document = product(
        f"{SPINE} WHERE size < 48",
        sensor_now={
            "sql": "SELECT s.shop, s.known_at, s.warmth, d.most FROM sensor s JOIN daily d "
            "ON d.shop = s.shop AND d.known_at = s.known_at",
            "inputs": ["sensor", "daily"],
        },
        daily={
            "sql": "SELECT shop, known_at, max(warmth) OVER (PARTITION BY shop ORDER BY known_at) AS most "
            "FROM sensor",
            "online": False,
        },
    )
    sensor = rewritten(sensor_csv(1, days=9), "warmth", lambda text, n: str(float(text) + n))
    bodies = {"visits": visits_csv(1, days=9), "sensor": sensor}
    first = on(tmp_path / "first", document, **bodies)
    before, lineage = table(first, manifest := built(first)), manifest.lineage["columns"]
    changes: dict[tuple[str, str], set[str]] = {}
    for (dataset, column), change in CHANGED.items():
        place = on(
            tmp_path / f"{dataset}-{column}",
            document,
            **bodies | {dataset: rewritten(bodies[dataset], column, change)},
        )
        after = table(place, built(place))
        changes[dataset, column] = {name for name in before if before[name] != after[name]}

    assert set(before) == set(lineage)
    unnamed = {
        (source, name)
        for source, names in changes.items()
        for name in names
        if source not in {(d, c) for d, c, *_ in lineage[name]}
    }
    assert unnamed == set()
    assert changes["sensor", "known_at"] == {"warmth", "most"}
    assert "warmth" in changes["visits", "visited_at"] & changes["visits", "shop"] & changes["visits", "size"]


def table(platform: MemoryPlatform, manifest: FeatureManifest) -> dict[str, Counter[str]]:
    found = pq.read_table([platform.lake.uri(p.key) for p in manifest.partitions])
    return {name: Counter(map(str, found[name].to_pylist())) for name in found.column_names}


def rewritten(body: bytes, column: str, change: Any) -> bytes:
    heading, *rows = [line.split(",") for line in body.decode().splitlines()]
    at = heading.index(column)
    made = [[*row[:at], change(row[at], n), *row[at + 1 :]] for n, row in enumerate(rows)]
    return "\n".join(",".join(row) for row in [heading, *made]).encode() + b"\n"


def test_what_reads_a_view_that_cannot_be_traced_is_unknown_and_built_all_the_same(tmp_path: Path) -> None:
    document = product(
        low={"sql": UNPIVOTED, "online": False},
        sensor_now={
            "sql": "SELECT shop, known_at, max(w) AS warmth FROM low GROUP BY ALL",
            "inputs": ["low"],
        },
    )
    platform = on(tmp_path, document)
    manifest = built(platform)

    assert manifest.rows == 112
    assert set(manifest.lineage["unknown"]) == {"low", "sensor_now"}
    assert manifest.lineage["unknown"]["sensor_now"] == "it reads low, which cannot be traced"
    assert "warmth" not in manifest.lineage["columns"]
    assert "double_size" in told(platform, manifest)["facets"]["columnLineage"]["fields"]


def test_where_the_labels_cannot_be_traced_nothing_is_told(tmp_path: Path) -> None:
    spine = SPINE.replace(
        "FROM visits", "FROM visits UNPIVOT (v FOR name IN (size)) JOIN visits USING (visit_id)"
    )
    spine = spine.replace(
        "visit_id, visited_at, shop, size", "visit_id, visits.visited_at, visits.shop, visits.size"
    )
    platform = on(tmp_path, product(spine.replace("(bought AS", "(visits.bought AS")))
    manifest = built(platform)

    assert set(manifest.lineage["unknown"]) == {"visit", "asked"}
    assert manifest.lineage["columns"] == {}
    assert "columnLineage" not in told(platform, manifest)["facets"]


def test_a_version_after_an_empty_one_has_its_lineage(tmp_path: Path) -> None:
    platform = on(tmp_path, product(f"{SPINE} WHERE visited_at >= '2024-02-01'"))
    assert built(platform).rows == 0
    given(platform, 2)

    assert "sensor.warmth IDENTITY" in sources(built(platform), "warmth")


def test_a_column_that_a_new_schema_brings_has_its_lineage(tmp_path: Path) -> None:
    document = product(sensor_now={"sql": "SELECT * FROM sensor"})
    platform = on(tmp_path, document)
    built(platform)
    sensor = document["datasets"]["sensor"]
    columns = [*sensor["columns"], {"name": "damp", "type": "DOUBLE"}]
    document["datasets"]["sensor"] = {**sensor, "version": "1.1.0", "columns": columns}
    platform.apply_product(document)
    heading, *rows = sensor_csv(2).splitlines()
    given(platform, 2, sensor=b"\n".join([heading + b",damp", *(row + b",0.5" for row in rows)]))

    assert "sensor.damp IDENTITY" in sources(built(platform), "damp")


def test_the_lineage_of_an_equal_recipe_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = on(tmp_path, product())
    first = built(platform)
    given(platform, 2)
    with monkeypatch.context() as patched:
        patched.delattr(type(platform.build.engine), "lineage")
        assert built(platform).lineage == first.lineage


def test_a_facet_that_no_bus_takes_stays_in_the_manifest_and_its_size_is_told(tmp_path: Path) -> None:
    platform = on(tmp_path, product())
    own = recorded_lineage(built(platform))
    (record,) = platform.catalog.feature_versions("shops", "visit")
    event = features_lineage(record, {f"warmth_{n}": own["warmth"] for n in range(2000)}).detail["event"]

    (output,) = event["outputs"]
    assert set(output["facets"]) == {"headgate_facts"}
    assert output["facets"]["headgate_facts"]["column_lineage_bytes"] > MOST_FACET_BYTES
    assert len(canonical_json(event)) < MOST_EVENT_BYTES
    assert edges_of(event)


def test_the_facet_has_the_shape_that_openlineage_1_2_0_gives_it(tmp_path: Path) -> None:
    platform = on(tmp_path, product(f"{SPINE} WHERE size < 48"))
    facet = told(platform, built(platform))["facets"]["columnLineage"]
    inputs = {
        each["name"]
        for event in platform.bus.of_type("LineageRecorded")
        for each in event.detail["event"]["inputs"]
    }

    assert set(facet) == {"_producer", "_schemaURL", "fields", "dataset"}
    assert facet["_schemaURL"].startswith(
        "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json"
    )
    assert all(set(field) == {"inputFields"} for field in facet["fields"].values())
    named = [
        *facet["dataset"],
        *(each for field in facet["fields"].values() for each in field["inputFields"]),
    ]
    assert len(named) > 10
    for each in named:
        assert set(each) == {"namespace", "name", "field", "transformations"}
        assert each["name"] in inputs
        for how in each["transformations"]:
            assert how["type"] in ("DIRECT", "INDIRECT")
            assert isinstance(how["subtype"], str)
