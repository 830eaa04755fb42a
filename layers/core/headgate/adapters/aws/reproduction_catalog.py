"""Reproductions in the catalog table: ``REPRODUCTIONS#<p>`` by id, which begins with the version and time."""

from collections.abc import Mapping, Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, Put, Table, Value, text
from headgate.domain.errors import NotFound
from headgate.domain.reproduction import Reproduction


class DynamoReproductionCatalog:
    """The ReproductionCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_reproduction(self, record: Reproduction) -> None:
        self._table.write([Put(_item(record), ABSENT)])

    def reproduction(self, product: str, name: str) -> Reproduction:
        item = self._table.get(pk=_pk(product), sk=name)
        if item is None:
            raise NotFound(f"product {product} has no reproduction {name!r}")
        return documents.reproduction(text(item))

    def reproductions(self, product: str, version: int, limit: int = 100) -> Sequence[Reproduction]:
        items = self._table.query(_pk(product), f"v{version}-", newest_first=True, limit=limit)
        return [documents.reproduction(text(item)) for item in items]

    def advance_reproduction(self, record: Reproduction, was: Reproduction) -> None:
        self._table.write([Put(_item(record), "#state = :was", {":was": was.state})])


def _item(record: Reproduction) -> Mapping[str, Value]:
    document = documents.text_of_record(record)
    return {"pk": _pk(record.product), "sk": record.id, "state": record.state, "document": document}


def _pk(product: str) -> str:
    return f"REPRODUCTIONS#{product}"
