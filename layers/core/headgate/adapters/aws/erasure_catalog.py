"""Erasures in the catalog table: ``ERASURES#<p>`` / ``<id>``."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import Item, Table, text
from headgate.domain.erasure import ErasureRecord
from headgate.domain.errors import NotFound


class DynamoErasureCatalog:
    """The ErasureCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put_erasure(self, record: ErasureRecord) -> None:
        item: Item = {
            "pk": f"ERASURES#{record.product}",
            "sk": record.id,
            "document": documents.text_of_record(record),
        }
        self._table.put(item)

    def erasure(self, product: str, name: str) -> ErasureRecord:
        item = self._table.get(pk=f"ERASURES#{product}", sk=name)
        if item is None:
            raise NotFound(f"product {product} has no erasure {name!r}")
        return documents.erasure_record(text(item))

    def erasures(self, product: str, limit: int = 100) -> Sequence[ErasureRecord]:
        """Reads all of the product's: there are few, and ids tell no time."""
        found = [documents.erasure_record(text(i)) for i in self._table.query(f"ERASURES#{product}")]
        return sorted(found, key=lambda r: (r.requested_at, r.id), reverse=True)[:limit]
