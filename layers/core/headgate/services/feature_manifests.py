"""Reading and naming feature manifests in the lake; what is read is checked against its digest."""

import json

from headgate.domain.feature_version import FeatureManifest
from headgate.ports import ObjectStore
from headgate.services.manifests import verified


def features_manifest_key(product: str, feature_set: str, digest: str) -> str:
    return f"{product}/features/{feature_set}/manifests/{digest}.json"


def load_features(lake: ObjectStore, product: str, feature_set: str, digest: str) -> FeatureManifest:
    """Raises NotFound, or Corrupted when the bytes are not what the digest names."""
    body = verified(lake, features_manifest_key(product, feature_set, digest), digest)
    return FeatureManifest.from_document(json.loads(body))
