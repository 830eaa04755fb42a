"""Refused drops in the catalog table: ``QUARANTINE#<p>`` / ``<dataset>#<id>``, and a mark
``DATASET#<p>/<d>`` / ``REFUSED#<id>`` that a commit's one read finds.
"""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dataset_catalog import dataset_key
from headgate.adapters.aws.dynamo import Item, Put, Table, text
from headgate.domain.dataset import QuarantineRecord
from headgate.domain.errors import Conflict, NotFound

OPEN = "attribute_not_exists(#pk) OR #state = :open"


class DynamoQuarantineCatalog:
    """The QuarantineCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_quarantine(self, record: QuarantineRecord) -> None:
        # The mark first: whoever takes this object in later must find the record it closes.
        self._table.put({"pk": dataset_key(record.product, record.dataset), "sk": f"REFUSED#{record.id}"})
        try:
            self._table.write([Put(_item(record), OPEN, {":open": "open"})])
        except Conflict:
            return  # replayed or discarded meanwhile: it stays so

    def quarantined(self, product: str, dataset: str, name: str) -> QuarantineRecord:
        item = self._table.get(pk=f"QUARANTINE#{product}", sk=f"{dataset}#{name}")
        if item is None:
            raise NotFound(f"nothing is quarantined under {dataset}/{name}")
        return documents.quarantine_record(text(item))

    def quarantine(self, product: str, limit: int = 100) -> Sequence[QuarantineRecord]:
        """Newest first. Reads all of the product's: ids come from content, so keys tell no time."""
        found = [documents.quarantine_record(text(i)) for i in self._table.query(f"QUARANTINE#{product}")]
        return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)[:limit]

    def close_quarantine(self, record: QuarantineRecord) -> None:
        try:
            self._table.write([Put(_item(record), "#state = :open", {":open": "open"})])
        except Conflict as conflict:
            raise Conflict(f"the drop {record.dataset}/{record.id} is not open any more") from conflict

    def redact_quarantine(self, record: QuarantineRecord) -> None:
        self._table.put(_item(record))


def _item(record: QuarantineRecord) -> Item:
    return {
        "pk": f"QUARANTINE#{record.product}",
        "sk": f"{record.dataset}#{record.id}",
        "state": record.state,
        "document": documents.text_of_record(record),
    }
