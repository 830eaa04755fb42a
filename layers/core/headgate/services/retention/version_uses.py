"""What holds a dataset version beside its age: names people gave it, and the features and models made of
it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headgate.domain.errors import NotFound
from headgate.domain.version import MAIN, VersionRecord
from headgate.ports import DatasetCatalog, FeatureCatalog, ModelCatalog, RefCatalog, RunCatalog
from headgate.services.products import Products
from headgate.services.versions.ancestry import ancestry

EVERY = 1_000_000


@dataclass(frozen=True)
class VersionUses:
    """Reads the catalogs; decides nothing."""

    products: Products
    datasets: DatasetCatalog
    refs: RefCatalog
    features: FeatureCatalog
    runs: RunCatalog
    models: ModelCatalog

    def named(self, product: str, dataset: str) -> dict[int, str]:
        """Ordinals that a branch, a tag or a hold means, and those that branches and main began to differ
        from: without them nothing could be merged.
        """
        found: dict[int, str] = {}
        for hold in self.refs.holds(product, dataset):
            found[hold.ordinal] = f"held by {hold.name}: {hold.reason}"
        for tag in self.refs.tags(product, dataset):
            found[tag.ordinal] = f"tag {tag.name}"
        main = self.datasets.dataset_head(product, dataset)
        for branch in self.refs.branches(product, dataset):
            head = self._head(product, dataset, branch.name)
            if head is None:
                continue
            base = ancestry(self.datasets, head, main).base
            if base is not None:
                found.setdefault(base.ordinal, f"where {branch.name} and {MAIN} parted")
            found[head.ordinal] = f"head of {branch.name}"
        if main is not None:
            found[main.ordinal] = f"head of {MAIN}"
        return found

    def used(
        self, product: str, dataset: str, records: Iterable[VersionRecord], young_since: str
    ) -> dict[int, str]:
        """Ordinals that feature versions were built from which are current, young, or trained on."""
        ordinals = {record.digest: record.ordinal for record in records}
        trained = self.trained_on(product)
        found: dict[int, str] = {}
        for name in self._feature_sets(product):
            for version in self.features.feature_versions(product, name, EVERY):
                made_of = ordinals.get(version.inputs.get(dataset, ""))
                use = f"features {name} v{version.ordinal}"
                if made_of is None or version.collected_at:
                    continue
                if version.digest in trained:
                    found[made_of] = f"{use}, which {trained[version.digest]} was trained on"
                elif version.created_at >= young_since or self._is_current(product, name, version.digest):
                    found.setdefault(made_of, use)
        return found

    def _head(self, product: str, dataset: str, branch: str) -> VersionRecord | None:
        try:
            return self.datasets.dataset_head(product, dataset, branch)
        except NotFound:
            return None  # deleted meanwhile

    def trained_on(self, product: str) -> Mapping[str, str]:
        """Digest of a feature version -> the run or model that needs it to be reproduced."""
        runs = self.runs.runs(product, EVERY)
        found = {run.feature_version: f"run {run.digest[:12]}" for run in runs}
        for model in self._models(product):
            for version in self.models.model_versions(model, EVERY):
                if version.product == product:
                    found[version.feature_version] = f"{model} version {version.version}"
        return found

    def _models(self, product: str) -> Iterable[str]:
        training = self.products.get(product).product.training
        named = {run.model for run in self.runs.runs(product, EVERY)}
        return sorted(named | ({training.model} if training else set()))

    def _feature_sets(self, product: str) -> Iterable[str]:
        """Also those that the product does not declare any more."""
        declared = set(self.products.get(product).product.feature_sets)
        return sorted(declared | {run.feature_set for run in self.runs.runs(product, EVERY)})

    def _is_current(self, product: str, feature_set: str, digest: str) -> bool:
        head = self.features.feature_head(product, feature_set)
        return head is not None and head.digest == digest
