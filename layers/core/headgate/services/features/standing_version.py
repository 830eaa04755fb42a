"""Whether a build has nothing to do: its version is there, and nothing has to replace what is the newest."""

from headgate.domain.feature_version import FeatureVersionRecord
from headgate.ports import FeatureCatalog


def standing_version(
    catalog: FeatureCatalog, product: str, feature_set: str, build_id: str
) -> FeatureVersionRecord | None:
    """The version of the build; None when it has to be made, or has to become the newest once more."""
    known = catalog.feature_version_of_build(product, feature_set, build_id)
    head = catalog.feature_head(product, feature_set) if known else None
    return known if known and head and known.stands(head) else None
