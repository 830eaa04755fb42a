"""Feature versions in the catalog table: ``FEATURES#<p>/<set>`` with HEAD, V#, DIGEST# (the build id) and
JOB# (the recipe).
"""

from collections.abc import Sequence
from dataclasses import replace

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import (
    ABSENT,
    PRESENT,
    TRANSACTION_ITEMS,
    Item,
    Put,
    Table,
    Update,
    Write,
    next_head,
    number,
    text,
)
from headgate.domain.feature_job import StageJob
from headgate.domain.feature_version import FeatureVersionRecord


class DynamoFeatureCatalog:
    """The FeatureCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def feature_head(self, product: str, feature_set: str) -> FeatureVersionRecord | None:
        item = self._table.get(pk=features_key(product, feature_set), sk="HEAD")
        return None if item is None else documents.feature_record(text(item))

    def feature_version_of_build(
        self, product: str, feature_set: str, build_id: str
    ) -> FeatureVersionRecord | None:
        pk = features_key(product, feature_set)
        item = self._table.get(pk=pk, sk=f"DIGEST#{build_id}")
        if item is None:
            return None
        return _record(self._table.get(pk=pk, sk=_sk(number(item, "ordinal"))) or item)

    def feature_versions(
        self, product: str, feature_set: str, limit: int = 100
    ) -> Sequence[FeatureVersionRecord]:
        """Newest first."""
        items = self._table.query(features_key(product, feature_set), "V#", newest_first=True, limit=limit)
        return [_record(item) for item in items]

    def commit_features(self, record: FeatureVersionRecord) -> None:
        pk, document = features_key(record.product, record.feature_set), documents.text_of_record(record)
        kept: Item = {"pk": pk, "ordinal": record.ordinal, "document": document}
        again = f"{ABSENT} OR #ordinal < :head"
        self._table.write(
            [
                next_head({**kept, "sk": "HEAD"}, record.ordinal),
                Put({**kept, "sk": _sk(record.ordinal)}, ABSENT),
                Put({**kept, "sk": f"DIGEST#{record.build_id}"}, again, {":head": record.ordinal - 1}),
            ]
        )

    def stage_job(self, product: str, feature_set: str, recipe: str) -> StageJob | None:
        item = self._table.get(pk=features_key(product, feature_set), sk=f"JOB#{recipe}")
        return None if item is None else documents.stage_job(text(item))

    def put_stage_job(self, job: StageJob, was: StageJob | None) -> None:
        item: Item = {
            "pk": features_key(job.product, job.feature_set),
            "sk": f"JOB#{job.recipe}",
            "document": documents.text_of_record(job),
        }
        values = {":was": documents.text_of_record(was)} if was else {}
        self._table.write([Put(item, "#document = :was" if was else ABSENT, values)])

    def give_up_features(self, product: str, feature_set: str, ordinals: Sequence[int], at: str) -> None:
        change = "SET #collected = if_not_exists(#collected, :at)"
        self._each(product, feature_set, ordinals, change, {":at": at})

    def keep_features(self, product: str, feature_set: str, ordinals: Sequence[int]) -> None:
        self._each(product, feature_set, ordinals, "REMOVE #collected", {})

    def _each(
        self, product: str, feature_set: str, ordinals: Sequence[int], change: str, values: dict[str, str]
    ) -> None:
        pk = features_key(product, feature_set)
        writes: list[Write] = [Update({"pk": pk, "sk": _sk(n)}, change, PRESENT, values) for n in ordinals]
        for start in range(0, len(writes), TRANSACTION_ITEMS):
            self._table.write(writes[start : start + TRANSACTION_ITEMS])


def _record(item: Item) -> FeatureVersionRecord:
    """With its mark, which stands beside the document."""
    record = documents.feature_record(text(item))
    return replace(record, collected_at=text(item, "collected")) if "collected" in item else record


def _sk(ordinal: int) -> str:
    return f"V#{ordinal:010d}"


def features_key(product: str, feature_set: str) -> str:
    return f"FEATURES#{product}/{feature_set}"
