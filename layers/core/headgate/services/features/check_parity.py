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
from headgate.domain.online_space import online_space
from headgate.ports import (
    Clock,
    FeatureCatalog,
    FeatureEngine,
    ObjectStore,
    OnlineStore,
    Scratch,
)
from headgate.services.features.feature_manifests import load_features
from headgate.services.features.online_notes import OnlineNotes
from headgate.services.features.online_parity import Parity
from headgate.services.features.online_rows import OnlineRows
from headgate.services.products import Products

ATTEMPTS = 3
"""Comparisons, each with the newest version, until none comes meanwhile."""


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
        InvalidRequest, Throttled, and Conflict when rows were erased meanwhile or versions kept coming.
        """
        for _ in range(ATTEMPTS):
            applied = self.products.get(product).product
            declared = applied.feature_sets.get(feature_set)
            head = self.features.feature_head(product, feature_set)
            if declared is None or head is None:
                raise NotFound(f"feature set {product}/{feature_set} has no version to compare with")
            manifest = self._manifest(head)
            views = self._compared(declared, head, manifest)
            if self.features.feature_head(product, feature_set) == head:
                break
        else:
            raise Conflict(f"newer versions of {product}/{feature_set} kept coming")
        if self._manifest(head).stored != manifest.stored:
            raise Conflict(f"rows of {product}/{feature_set} v{head.ordinal} were erased meanwhile")
        totals = {name: sum(view[name] for view in views) for name in ("checked", "different")}
        return {"version": head.ordinal, "digest": head.digest, **totals, "views": views}

    def _manifest(self, head: FeatureVersionRecord) -> FeatureManifest:
        return load_features(self.lake, head.product, head.feature_set, head.digest)

    def _compared(
        self, feature_set: FeatureSet, head: FeatureVersionRecord, manifest: FeatureManifest
    ) -> list[dict[str, Any]]:
        online = [view for view in feature_set.views if view.online]
        notes = {view.name: _incomparable(feature_set, view, manifest.view(view.name)) for view in online}
        views = [view for view in online if notes[view.name] is None]
        parts = [p for v in views if (built := manifest.view(v.name)) for p in built.partitions if p.key]
        uris = {p.sha256: self.lake.uri(p.key) for p in parts}
        writing = OnlineNotes(self.lake, self.clock, head.product, head.feature_set).read().writing
        rows = OnlineRows(self.online, self.clock, manifest, head.digest, uris, writing - {head.digest})
        with (
            self.scratch.directory() as directory,
            self.engine.session(list(uris.values()), directory, feature_set.seed) as session,
        ):
            found = rows.everything(session, views)
        return [_view(view.name, found.get(view.name, Parity()), notes[view.name]) for view in online]


def _view(name: str, found: Parity, note: str | None) -> dict[str, Any]:
    document = found.to_document()
    examples = [_plain(example) for example in document.pop("examples")]
    return {"view": name, **document, "note": note or "", "examples": examples}


def _incomparable(feature_set: FeatureSet, view: FeatureView, built: ViewVersion | None) -> str | None:
    """Why nothing can be said of a view that was declared anew and is not built yet."""
    if built is None:
        return "the newest version has no such view: build it first"
    columns = {column.name for column in built.columns}
    if missing := sorted({*view.entity, *view.times} - columns):
        return f"the newest version has no column {', '.join(missing)}: build it first"
    if built.space != online_space(feature_set, view):
        return "the view was declared anew: build it first"
    return None


def _plain(example: Mapping[str, Any]) -> dict[str, Any]:
    return {name: example[name] for name in ("key", "offline", "online")}
