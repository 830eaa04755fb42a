"""Feature versions in the catalog table: ``FEATURES#<p>/<set>`` with HEAD, V# and DIGEST# (the build id)."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, Item, Put, Table, next_head, text
from headgate.domain.feature_version import FeatureVersionRecord


class DynamoFeatureCatalog:
    """The FeatureCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def feature_head(self, product: str, feature_set: str) -> FeatureVersionRecord | None:
        item = self._table.get(pk=_pk(product, feature_set), sk="HEAD")
        return None if item is None else documents.feature_record(text(item))

    def feature_version_of_build(
        self, product: str, feature_set: str, build_id: str
    ) -> FeatureVersionRecord | None:
        item = self._table.get(pk=_pk(product, feature_set), sk=f"DIGEST#{build_id}")
        return None if item is None else documents.feature_record(text(item))

    def feature_versions(
        self, product: str, feature_set: str, limit: int = 100
    ) -> Sequence[FeatureVersionRecord]:
        """Newest first."""
        items = self._table.query(_pk(product, feature_set), "V#", newest_first=True, limit=limit)
        return [documents.feature_record(text(item)) for item in items]

    def commit_features(self, record: FeatureVersionRecord) -> None:
        pk, document = _pk(record.product, record.feature_set), documents.text_of_record(record)
        kept: Item = {"pk": pk, "ordinal": record.ordinal, "document": document}
        again = f"{ABSENT} OR #ordinal < :head"
        self._table.write(
            [
                next_head({**kept, "sk": "HEAD"}, record.ordinal),
                Put({**kept, "sk": f"V#{record.ordinal:010d}"}, ABSENT),
                Put({**kept, "sk": f"DIGEST#{record.build_id}"}, again, {":head": record.ordinal - 1}),
            ]
        )


def _pk(product: str, feature_set: str) -> str:
    return f"FEATURES#{product}/{feature_set}"
