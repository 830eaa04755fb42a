"""Marks of collected versions in the catalog table: an attribute of ``DATASET#<p>/<d>`` / ``V#``."""

from collections.abc import Sequence

from headgate.adapters.aws.dataset_catalog import dataset_key, version_key
from headgate.adapters.aws.dynamo import PRESENT, TRANSACTION_ITEMS, Table, Update, Write


class DynamoGarbageCatalog:
    """The GarbageCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def mark_collected(self, product: str, dataset: str, ordinals: Sequence[int], at: str) -> None:
        change = "SET #collected = if_not_exists(#collected, :at)"
        self._each(product, dataset, ordinals, change, {":at": at})

    def clear_collected(self, product: str, dataset: str, ordinals: Sequence[int]) -> None:
        self._each(product, dataset, ordinals, "REMOVE #collected", {})

    def _each(
        self, product: str, dataset: str, ordinals: Sequence[int], change: str, values: dict[str, str]
    ) -> None:
        pk = dataset_key(product, dataset)
        writes: list[Write] = [
            Update({"pk": pk, "sk": version_key(ordinal)}, change, PRESENT, values) for ordinal in ordinals
        ]
        for start in range(0, len(writes), TRANSACTION_ITEMS):
            self._table.write(writes[start : start + TRANSACTION_ITEMS])
