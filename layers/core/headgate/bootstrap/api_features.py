"""The control plane's use cases about features. Only ``control_plane`` imports this module."""

from typing import TypedDict

from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
from headgate.adapters.aws.online import DynamoOnlineStore
from headgate.adapters.aws.sqs import SqsQueue
from headgate.bootstrap.parts import Parts, new_id, price_table
from headgate.config import ApiSettings, BuildFeaturesSettings
from headgate.services.features.feature_compute import FeatureCompute
from headgate.services.features.feature_sets import FeatureSets
from headgate.services.features.hand_out_features import HandOutFeatures
from headgate.services.features.plan_features import PlanFeatures
from headgate.services.features.read_online import ReadOnline
from headgate.services.features.request_features import RequestFeatures
from headgate.services.features.show_features import ShowFeatures
from headgate.services.retention.request_feature_collection import RequestFeatureCollection


class FeatureDesk(TypedDict):
    features: ShowFeatures
    feature_files: HandOutFeatures
    feature_requests: RequestFeatures
    feature_plans: PlanFeatures
    feature_collections: RequestFeatureCollection
    online: ReadOnline


def feature_desk(parts: Parts, settings: ApiSettings) -> FeatureDesk:
    products, lake, guard = parts.products, parts.lake, parts.guard
    datasets, features = DynamoDatasetCatalog(parts.catalog), DynamoFeatureCatalog(parts.catalog)
    sets = FeatureSets(products, features, lake, guard, parts.clock)
    compute = FeatureCompute(price_table(), settings.largest_build_bytes, BuildFeaturesSettings.memory_mb)
    online = DynamoOnlineStore(parts.table(settings.online_table), parts.clock)
    return FeatureDesk(
        features=ShowFeatures(sets),
        feature_files=HandOutFeatures(sets),
        feature_requests=RequestFeatures(sets, SqsQueue(parts.clients, settings.feature_queue_url), new_id),
        feature_collections=RequestFeatureCollection(
            sets,
            DynamoGarbageCatalog(parts.catalog),
            SqsQueue(parts.clients, settings.maintain_queue_url),
            new_id,
        ),
        feature_plans=PlanFeatures(products, datasets, features, lake, guard, compute),
        online=ReadOnline(sets, online),
    )
