"""One feature version for people: what it was built of, its views, its columns with statistics and sources,
and parity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.column_lineage import ColumnSource
from headgate.domain.feature import FeatureView
from headgate.domain.feature_masking import Hidden
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord, ViewVersion
from headgate.domain.identity import Principal
from headgate.services.features.feature_lineage import recorded_lineage
from headgate.services.features.feature_manifests import load_statistics
from headgate.services.features.feature_sets import READ, FeatureSets


@dataclass(frozen=True)
class ShowFeatures:
    """The use case. Values of restricted columns are masked."""

    sets: FeatureSets

    def versions(self, principal: Principal, product: str, limit: int) -> list[dict[str, Any]]:
        """The records of every feature set, sets by name, each set's newest first. Raises AccessDenied,
        NotFound.
        """
        applied = self.sets.products.get(product)
        self.sets.guard.require_reading(applied, principal)
        return [
            record_document(record, feature_set, Hidden.of(feature_set, applied.product.datasets))
            for name, feature_set in sorted(applied.product.feature_sets.items())
            for record in self.sets.catalog.feature_versions(product, name, limit)
        ]

    def show(self, principal: Principal, product: str, feature_set: str, reference: str) -> dict[str, Any]:
        """The record's fields and ``{"engine", "seed", "recipe", "current", "label_rows", "views", "columns",
        "untraced"}``. ``current`` says whether the applied product still declares what it was built of,
        ``untraced`` why the columns of a view name no sources. Raises AccessDenied, NotFound, InvalidRequest,
        Corrupted.
        """
        granted = self.sets.allow(principal, READ, product, feature_set)
        record = self.sets.version(granted, reference)
        manifest = self.sets.manifest(record)
        shown, hidden = granted.feature_set, granted.hidden
        return {
            **record_document(record, shown, hidden),
            "recipe": manifest.recipe,
            "current": manifest.recipe == shown.recipe_digest(),
            "engine": manifest.engine,
            "seed": manifest.seed,
            "label_rows": manifest.label_rows,
            "views": [_view(view, shown, manifest) for view in manifest.views],
            "columns": self._columns(manifest, hidden),
            "untraced": dict(manifest.lineage.get("unknown", {})),
        }

    def _columns(self, manifest: FeatureManifest, hidden: Hidden) -> list[dict[str, Any]]:
        """Every column with its statistics, None where an erasure took them away until the next build; and
        with its sources, None where they cannot be told.
        """
        statistics = hidden.statistics(load_statistics(self.sets.lake, manifest)["columns"])
        lineage = recorded_lineage(manifest)
        return [
            {**asdict(c), "statistics": statistics.get(c.name), "sources": _sources(lineage.get(c.name))}
            for c in manifest.columns
        ]


def _sources(found: Sequence[ColumnSource] | None) -> list[dict[str, Any]] | None:
    return None if found is None else [asdict(source) for source in found]


def record_document(record: FeatureVersionRecord, feature_set: FeatureSet, hidden: Hidden) -> dict[str, Any]:
    """The catalog's record; the examples of its parity are masked."""
    views = {v.name: v for v in feature_set.views}
    parity = {name: hidden.parity(found, _entity(views.get(name))) for name, found in record.parity.items()}
    return {**asdict(record), "parity": parity}


def _entity(view: FeatureView | None) -> tuple[str, ...] | None:
    return view.entity if view else None


def _view(view: ViewVersion, feature_set: FeatureSet, manifest: FeatureManifest) -> dict[str, Any]:
    declared = next((v for v in feature_set.built if v.name == view.name), None)
    found = [each for each in manifest.tests if each["view"] == view.name]
    tests = [test for each in found for test in each.get("tests", ())]
    return {
        "name": view.name,
        "incremental": view.whole_because is None,
        "whole_because": view.whole_because,
        "partitions": len(view.partitions),
        "rows": view.rows,
        "bytes": sum(p.bytes for p in view.partitions),
        "columns": [asdict(column) for column in view.columns],
        "online": bool(declared and declared.online and declared in feature_set.views),
        "content": view.content,
        "tests": [_passed(test) for test in tests] + _declared(declared, view, manifest),
        "untested": next((each["skipped"] for each in found if "skipped" in each), None),
    }


def _passed(test: Mapping[str, Any]) -> dict[str, Any]:
    told = {"name": test["name"], "passed": bool(test["passed"])}
    if "instants" in test:
        told["instants"] = len(test["instants"])
    return {**told, "always_known": test["always_known"]} if "always_known" in test else told


def _declared(
    declared: FeatureView | None, view: ViewVersion, manifest: FeatureManifest
) -> list[dict[str, Any]]:
    """The tests of the header that the version was built of: a view that fails one is part of no version."""
    if declared is None or digest([asdict(declared), manifest.seed, manifest.engine]) != view.recipe:
        return []
    return [{"name": test, "passed": True} for test in declared.tests]
