"""Compares every row of a feature set's online views with the newest version, and says where they differ.

A report tells values. Rows may be erased while it is made: one that was made of files that the version does
not consist of any more is not kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import Conflict, NotFound
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord, ViewVersion
from headgate.ports import (
    Clock,
    FeatureCatalog,
    FeatureEngine,
    FeatureSession,
    ObjectStore,
    OnlineStore,
    Scratch,
)
from headgate.services.features.feature_manifests import load_features
from headgate.services.features.online_rows import OnlineRows
from headgate.services.products import Products

_COUNTS = ("checked", "equal", "expired", "moved", "different")


@dataclass(frozen=True)
class CheckParity:
    """The use case."""

    products: Products
    features: FeatureCatalog
    lake: ObjectStore
    engine: FeatureEngine
    online: OnlineStore
    clock: Clock
    scratch: Scratch

    def check(self, product: str, feature_set: str) -> dict[str, Any]:
        """The result of a `headgate.domain.feature_request.FeatureReport`. Raises NotFound without a version,
        InvalidRequest, Throttled, and Conflict when rows were erased meanwhile.
        """
        applied = self.products.get(product).product
        declared = applied.feature_sets.get(feature_set)
        head = self.features.feature_head(product, feature_set)
        if declared is None or head is None:
            raise NotFound(f"feature set {product}/{feature_set} has no version to compare with")
        manifest = self._manifest(head)
        views = self._compared(declared, manifest)
        if self._manifest(head).stored != manifest.stored:
            raise Conflict(f"rows of {product}/{feature_set} v{head.ordinal} were erased meanwhile")
        totals = {name: sum(view[name] for view in views) for name in ("checked", "different")}
        return {"version": head.ordinal, "digest": head.digest, **totals, "views": views}

    def _manifest(self, head: FeatureVersionRecord) -> FeatureManifest:
        return load_features(self.lake, head.product, head.feature_set, head.digest)

    def _compared(self, feature_set: FeatureSet, manifest: FeatureManifest) -> list[dict[str, Any]]:
        online = [view for view in feature_set.views if view.online]
        built = {view.name: manifest.view(view.name) for view in online}
        parts = [p for version in built.values() if version for p in version.partitions if p.key]
        uris = {p.sha256: self.lake.uri(p.key) for p in parts}
        rows = OnlineRows(self.online, self.clock, manifest, uris)
        with (
            self.scratch.directory() as directory,
            self.engine.session(list(uris.values()), directory, feature_set.seed) as session,
        ):
            return [_view(session, rows, view, built[view.name]) for view in online]


def _view(
    session: FeatureSession, rows: OnlineRows, view: FeatureView, built: ViewVersion | None
) -> dict[str, Any]:
    if (note := _incomparable(view, built)) is not None:
        return {"view": view.name, **dict.fromkeys(_COUNTS, 0), "note": note, "examples": []}
    found = rows.everything(session, view).to_document()
    examples = [_plain(example) for example in found.pop("examples")]
    return {"view": view.name, **found, "note": "", "examples": examples}


def _incomparable(view: FeatureView, built: ViewVersion | None) -> str | None:
    """Why nothing can be said of a view that was declared anew and is not built yet."""
    if built is None:
        return "the newest version has no such view: build it first"
    columns = {column.name for column in built.columns}
    if missing := sorted({*view.entity, *view.times} - columns):
        return f"the newest version has no column {', '.join(missing)}: build it first"
    return None


def _plain(example: Mapping[str, Any]) -> dict[str, Any]:
    return {name: example[name] for name in ("key", "offline", "online")}
