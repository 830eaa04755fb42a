"""What a registered model is made of, found again: its run, features, dataset versions and code, and what of
it is there no more.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headgate.domain.canonical import short
from headgate.domain.dataset import DataFile
from headgate.domain.errors import HeadgateError, NotFound
from headgate.domain.feature_version import FeatureManifest
from headgate.domain.model import ModelVersion
from headgate.domain.product import Product
from headgate.domain.run import RUN_SPEC_FORMAT, RunRecord, run_prefix
from headgate.domain.version import VersionRecord
from headgate.ports import DatasetCatalog, ErasureCatalog, ObjectStore, RunCatalog
from headgate.services.features.feature_manifests import features_manifest_key, load_features
from headgate.services.products import Products
from headgate.services.training.trainer_outputs import ARTIFACT, HOLDOUT_SCORES, output_key
from headgate.services.versions.manifests import Manifests, manifest_key, stand_in_key

VERSIONS_LOOKED_AT = 1000


@dataclass(frozen=True)
class RecordedClosure:
    """``gone`` says in sentences what is missing; where it is not empty the other parts may be.

    ``bundle`` is the product as it was declared when the features were built.
    """

    model: ModelVersion
    run: RunRecord
    spec: Mapping[str, Any] = field(default_factory=dict)
    features: FeatureManifest | None = None
    bundle: Product | None = None
    inputs: Mapping[str, VersionRecord] = field(default_factory=dict)
    files: Mapping[str, tuple[DataFile, ...]] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class FindClosure:
    """The use case."""

    products: Products
    datasets: DatasetCatalog
    runs: RunCatalog
    erasures: ErasureCatalog
    lake: ObjectStore
    artifacts: ObjectStore

    def find(self, model: ModelVersion) -> RecordedClosure:
        """Raises NotFound for a run that the catalog does not have."""
        found = RecordedClosure(model, self.runs.run(model.product, model.run))
        found = self._run(found)
        found = self._features(found)
        if found.features is None:
            return found
        for dataset, digest in sorted(found.features.inputs.items()):
            found = self._dataset(found, dataset, digest)
        return found if found.gone else self._bundle(found)

    def _run(self, found: RecordedClosure) -> RecordedClosure:
        model = found.model
        gone = [
            f"{name} of run {short(model.run)} is gone"
            for name in (ARTIFACT, HOLDOUT_SCORES, "manifest.json")
            if not self.artifacts.exists(output_key(model.product, model.run, name))
        ]
        try:
            spec = json.loads(self.artifacts.get(f"{run_prefix(model.product, model.run)}/spec.json"))
        except NotFound:
            return _lacking(found, f"the spec of run {short(model.run)} is gone", *gone)
        if spec.get("format") != RUN_SPEC_FORMAT:
            told = f"run {short(model.run)} has a spec of format {spec.get('format')}; {RUN_SPEC_FORMAT} runs"
            return _lacking(found, told, *gone)
        return _lacking(replace(found, spec=spec), *gone)

    def _features(self, found: RecordedClosure) -> RecordedClosure:
        model = found.model
        what = f"feature version {short(model.feature_version)} of {model.feature_set}"
        key = features_manifest_key(model.product, model.feature_set, model.feature_version)
        if (lost := self._lost(model.product, what, key, model.feature_version)) is not None:
            return _lacking(found, lost)
        manifest = load_features(self.lake, model.product, model.feature_set, model.feature_version)
        return replace(found, features=manifest)

    def _dataset(self, found: RecordedClosure, dataset: str, digest: str) -> RecordedClosure:
        product = found.model.product
        record = self._version(product, dataset, digest)
        name = f"version {record.ordinal if record else short(digest)} of dataset {dataset}"
        if record is not None and record.collected_at:
            return _lacking(found, f"{name} was collected as garbage at {record.collected_at}")
        key = manifest_key(product, dataset, digest)
        if (lost := self._lost(product, name, key, digest)) is not None:
            return _lacking(found, lost)
        if record is None:
            return _lacking(found, f"{name} is not known any more")
        manifests = Manifests(self.lake, product, dataset)
        try:
            files = manifests.files(manifests.load(digest))
        except HeadgateError as problem:
            return _lacking(found, f"the files of {name} cannot be listed: {problem}")
        return replace(found, inputs={**found.inputs, dataset: record}, files={**found.files, dataset: files})

    def _version(self, product: str, dataset: str, digest: str) -> VersionRecord | None:
        before: int | None = None
        while page := self.datasets.dataset_versions(product, dataset, VERSIONS_LOOKED_AT, before):
            for record in page:
                if record.digest == digest:
                    return record
            before = page[-1].ordinal
        return None

    def _lost(self, product: str, what: str, key: str, digest: str) -> str | None:
        """Why the document is not the one that was recorded; None when it is."""
        try:
            body = self.lake.get(key)
        except NotFound:
            return f"{what} is gone: the lake has no {key}"
        if hashlib.sha256(body).hexdigest() == digest:
            return None
        try:
            said = json.loads(self.lake.get(stand_in_key(key, digest)))
        except NotFound:
            return f"{what} is not what its digest names: {key}"
        return f"rows were erased from {what}{self._erasure(product, said.get('erasure', ''))}"

    def _erasure(self, product: str, name: str) -> str:
        try:
            record = self.erasures.erasure(product, name)
        except NotFound:
            return f" (erasure {name})" if name else ""
        return f" by erasure {name} of {record.finished_at or record.requested_at}: {record.reason}"

    def _bundle(self, found: RecordedClosure) -> RecordedClosure:
        """The newest bundle with the features' recipe that was applied before the run; else the oldest."""
        assert found.features is not None
        manifest = found.features
        fitting = [
            (applied_at, bundle)
            for applied_at, bundle in self._bundles(found.model.product)
            if (declared := bundle.feature_sets.get(manifest.feature_set)) is not None
            and declared.recipe_digest() == manifest.recipe
        ]
        if not fitting:
            return _lacking(found, f"no applied bundle has the code of feature set {manifest.feature_set}")
        before = [bundle for applied_at, bundle in fitting if applied_at <= found.run.created_at]
        return replace(found, bundle=before[-1] if before else fitting[0][1])

    def _bundles(self, product: str) -> Iterator[tuple[str, Product]]:
        """Every bundle that was ever applied, by when; one that cannot be read any more is left out."""
        entries = sorted(self.lake.entries(f"{product}/spec/"), key=lambda e: (e.last_modified, e.key))
        for entry in entries:
            spec = entry.key.rpartition("/")[2].removesuffix(".json")
            try:
                yield entry.last_modified, self.products.bundle(product, spec)
            except (HeadgateError, KeyError, ValueError):
                continue


def _lacking(found: RecordedClosure, *why: str) -> RecordedClosure:
    return replace(found, gone=(*found.gone, *why))
