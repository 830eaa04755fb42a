"""Garbage in the catalog table: the mark of a collected version is an attribute of ``DATASET#<p>/<d>`` /
``V#``, what became of each collection stands under ``COLLECTION#<id>``, of a feature set beside its versions.
"""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dataset_catalog import dataset_key, version_key
from headgate.adapters.aws.dynamo import PRESENT, TRANSACTION_ITEMS, Table, Update, Write, text
from headgate.adapters.aws.feature_catalog import features_key
from headgate.domain.errors import NotFound
from headgate.domain.garbage import CollectionRecord, Of


class DynamoGarbageCatalog:
    """The GarbageCatalog and CollectionCatalog ports."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def mark_collected(self, product: str, dataset: str, ordinals: Sequence[int], at: str) -> None:
        change = "SET #collected = if_not_exists(#collected, :at)"
        self._each(product, dataset, ordinals, change, {":at": at})

    def clear_collected(self, product: str, dataset: str, ordinals: Sequence[int]) -> None:
        self._each(product, dataset, ordinals, "REMOVE #collected", {})

    def put_collection(self, record: CollectionRecord) -> None:
        self._table.put(
            {
                "pk": _pk(record.of, record.product, record.dataset),
                "sk": f"COLLECTION#{record.id}",
                "document": documents.text_of_record(record),
            }
        )

    def collection(self, product: str, dataset: str, name: str, of: Of = "dataset") -> CollectionRecord:
        item = self._table.get(pk=_pk(of, product, dataset), sk=f"COLLECTION#{name}")
        if item is None:
            raise NotFound(f"{of} {product}/{dataset}: no collection {name!r}")
        return documents.collection_record(text(item))

    def collections(
        self, product: str, dataset: str, limit: int = 100, of: Of = "dataset"
    ) -> Sequence[CollectionRecord]:
        items = self._table.query(_pk(of, product, dataset), "COLLECTION#")
        found = [documents.collection_record(text(item)) for item in items]
        return sorted(found, key=lambda r: (r.requested_at, r.id), reverse=True)[:limit]

    def _each(
        self, product: str, dataset: str, ordinals: Sequence[int], change: str, values: dict[str, str]
    ) -> None:
        pk = dataset_key(product, dataset)
        writes: list[Write] = [
            Update({"pk": pk, "sk": version_key(ordinal)}, change, PRESENT, values) for ordinal in ordinals
        ]
        for start in range(0, len(writes), TRANSACTION_ITEMS):
            self._table.write(writes[start : start + TRANSACTION_ITEMS])


def _pk(of: Of, product: str, name: str) -> str:
    return dataset_key(product, name) if of == "dataset" else features_key(product, name)
