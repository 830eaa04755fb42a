"""Products in the catalog table: ``PRODUCT#<p>`` with HEAD and GATE#; ``PRODUCTS`` lists them all.

A product's fields are all text, and conditions need some: they are attributes rather than a document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, Put, Table, Update, Value, text
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.product import GateEvidence, ProductRecord


class DynamoProductCatalog:
    """The ProductCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def product(self, name: str) -> ProductRecord:
        item = self._table.get(pk=_pk(name), sk="HEAD")
        if item is None:
            raise NotFound(f"no product {name!r} was applied")
        return _record(item)

    def products(self) -> Sequence[ProductRecord]:
        """Sorted by name."""
        return [_record(item) for item in self._table.query("PRODUCTS")]

    def put_product(self, record: ProductRecord, previous: ProductRecord | None = None) -> None:
        kept = asdict(record)
        condition, values = ABSENT, {}
        if previous is not None:
            before = asdict(previous)
            condition = " AND ".join(f"#{name} = :{name}" for name in before)
            values = {f":{name}": value for name, value in before.items()}
        try:
            self._table.write(
                [
                    Put({"pk": _pk(record.name), "sk": "HEAD", **kept}, condition, values),
                    Put({"pk": "PRODUCTS", "sk": record.name, **kept}),
                ]
            )
        except Conflict as conflict:
            raise Conflict(f"product {record.name} was changed by someone else meanwhile") from conflict

    def change_stage(self, name: str, from_stage: str, to_stage: str, at: str) -> None:
        """Raises NotFound when the product was never applied."""
        values = {":from": from_stage, ":to": to_stage, ":at": at}
        move = "SET #stage = :to, #updated_at = :at, #stage_from = :from, #stage_since = :at"
        condition = "#stage = :from"
        try:
            self._table.write(
                [
                    Update({"pk": _pk(name), "sk": "HEAD"}, move, condition, values),
                    Update({"pk": "PRODUCTS", "sk": name}, move, condition, values),
                ]
            )
        except Conflict as conflict:
            stage = self.product(name).stage
            raise Conflict(f"product {name} is in stage {stage}, not {from_stage}, by now") from conflict

    def put_evidence(self, evidence: GateEvidence) -> None:
        document = documents.text_of_record(evidence)
        self._table.put({"pk": _pk(evidence.product), "sk": f"GATE#{evidence.stage}", "document": document})

    def evidence(self, product: str) -> Sequence[GateEvidence]:
        """Sorted by stage name."""
        return [documents.gate_evidence(text(i)) for i in self._table.query(_pk(product), "GATE#")]


def _record(item: Mapping[str, Value]) -> ProductRecord:
    return ProductRecord(**{f.name: text(item, f.name) for f in fields(ProductRecord)})


def _pk(name: str) -> str:
    return f"PRODUCT#{name}"
