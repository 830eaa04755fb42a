"""The dataset versions of a build as its plan reads them."""

from collections.abc import Mapping

from headgate.domain.product import Product
from headgate.domain.version import VersionRecord
from headgate.ports import ObjectStore
from headgate.services.features.planned_input import PlannedInput, dataset_input_plan
from headgate.services.versions.manifests import Manifests


def planned_inputs(
    lake: ObjectStore, product: Product, inputs: Mapping[str, VersionRecord]
) -> dict[str, PlannedInput]:
    """By dataset. Raises NotFound, or Corrupted for a manifest whose bytes are not what its digest names."""
    found = {}
    for dataset, record in inputs.items():
        manifests = Manifests(lake, record.product, record.dataset)
        manifest = manifests.load(record.digest)
        files = manifests.files(manifest)
        uris = {f.key: lake.uri(f.key) for f in files}
        found[dataset] = dataset_input_plan(manifest.schema, files, product.contract(dataset), uris)
    return found
