"""Reading and naming what is kept of feature versions in the lake; what is read is checked against its
digest.
"""

import json
from collections.abc import Mapping
from typing import Any

from headgate.domain.canonical import canonical_json, digest
from headgate.domain.errors import NotFound
from headgate.domain.feature_statistics import ColumnSketch, summary
from headgate.domain.feature_version import FeatureManifest
from headgate.ports import ObjectStore
from headgate.services.features.feature_memo import Sketches
from headgate.services.versions.manifests import verified


def features_prefix(product: str, feature_set: str) -> str:
    return f"{product}/features/{feature_set}"


def features_manifest_key(product: str, feature_set: str, digest: str) -> str:
    return f"{features_prefix(product, feature_set)}/manifests/{digest}.json"


def statistics_key(product: str, feature_set: str, digest: str) -> str:
    return f"{features_prefix(product, feature_set)}/statistics/{digest}.json"


def load_features(lake: ObjectStore, product: str, feature_set: str, digest: str) -> FeatureManifest:
    """Raises NotFound, or Corrupted when the bytes are not what the digest names."""
    body = verified(lake, features_manifest_key(product, feature_set, digest), digest)
    return FeatureManifest.from_document(json.loads(body))


def statistics_document(sketches: Mapping[str, Sketches]) -> dict[str, Any]:
    """``columns`` are the statistics of the version, ``partitions`` the sketches they were put together of,
    by the partition's id.
    """
    columns: dict[str, list[ColumnSketch]] = {}
    for partition in sketches.values():
        for name, sketch in partition.items():
            columns.setdefault(name, []).append(sketch)
    return {
        "columns": {name: summary(found) for name, found in columns.items()},
        "partitions": {
            id_: {name: sketch.to_document() for name, sketch in partition.items()}
            for id_, partition in sketches.items()
        },
    }


def store_statistics(lake: ObjectStore, product: str, feature_set: str, document: Mapping[str, Any]) -> str:
    """The digest that names it."""
    name = digest(document)
    lake.put(statistics_key(product, feature_set, name), canonical_json(document), "application/json")
    return name


def load_statistics(lake: ObjectStore, manifest: FeatureManifest) -> dict[str, Any]:
    """As `statistics_document` has it; empty once an erasure has taken them away. Raises Corrupted."""
    key = statistics_key(manifest.product, manifest.feature_set, manifest.statistics)
    try:
        return dict(json.loads(verified(lake, key, manifest.statistics)))
    except NotFound:
        return {"columns": {}, "partitions": {}}


def sketches_of(document: Mapping[str, Any]) -> dict[str, Sketches]:
    return {
        id_: {name: ColumnSketch.from_document(sketch) for name, sketch in columns.items()}
        for id_, columns in document["partitions"].items()
    }
