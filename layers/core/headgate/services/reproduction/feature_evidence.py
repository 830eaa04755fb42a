"""Evidence of features and code: what they are made of and what came of it, as they were recorded and as they
are made again. Parts of a `headgate.domain.reproduction_verdict.Evidence`, as documents.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import Partition, ViewVersion
from headgate.domain.product import Product
from headgate.domain.reproduction_elements import code_elements, program_elements
from headgate.domain.reproduction_verdict import FEATURE_SEED
from headgate.services.reproduction.recorded_closure import RecordedClosure
from headgate.services.reproduction.verify_closure import Bytes


def recorded_evidence(closure: RecordedClosure, sources: Bytes, stored: Bytes) -> dict[str, Any]:
    """Of a closure that is whole."""
    manifest, bundle = closure.features, closure.bundle
    assert manifest is not None and bundle is not None
    declared = bundle.feature_sets[manifest.feature_set]
    return {
        "objects": sources.recorded,
        "files": stored.recorded,
        "partitions": feature_digests(
            manifest.feature_set, manifest.partitions, manifest.views, manifest.statistics
        ),
        "code": code_of(bundle, declared, closure.spec["command"]),
        "seeds": {FEATURE_SEED: declared.seed},
        "engine": manifest.engine,
    }


def found_evidence(
    code: Mapping[str, str], feature_set: FeatureSet, sources: Bytes, stored: Bytes, engine: str
) -> dict[str, Any]:
    """Before the features are made: without ``partitions``."""
    return {
        "objects": sources.found,
        "files": stored.found,
        "code": dict(code),
        "seeds": {FEATURE_SEED: feature_set.seed},
        "engine": engine,
    }


def code_of(bundle: Product, feature_set: FeatureSet, command: Sequence[str]) -> dict[str, str]:
    """The SQL of the features, and the programs of the product's own that ``command`` names."""
    sources: Mapping[str, str] = bundle.document.get("sources", {})
    return {**code_elements(feature_set), **program_elements(command, sources)}


def feature_digests(
    name: str, table: Iterable[Partition], views: Iterable[ViewVersion], statistics: str
) -> dict[str, str]:
    """By the name of what has rows."""
    found = {f"features {name} {p.name}": p.sha256 for p in table if p.rows}
    found |= {f"view {v.name} {p.name}": p.sha256 for v in views for p in v.partitions if p.rows}
    return {**found, f"statistics of {name}": statistics}
