"""Training runs in the catalog table: ``RUNS#<p>`` by run digest."""

from collections.abc import Mapping, Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, PRESENT, Put, Table, Value, text
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.run import RunRecord


class DynamoRunCatalog:
    """The RunCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_run(self, record: RunRecord) -> bool:
        try:
            self._table.write([Put(_item(record), ABSENT)])
        except Conflict:
            return False
        return True

    def run(self, product: str, digest: str) -> RunRecord:
        item = self._table.get(pk=_pk(product), sk=digest)
        if item is None:
            raise NotFound(f"product {product} has no run {digest[:12]}")
        return documents.run_record(text(item))

    def runs(self, product: str, limit: int = 100) -> Sequence[RunRecord]:
        """Reads all of the product's: digests are in no order of time."""
        found = [documents.run_record(text(item)) for item in self._table.query(_pk(product))]
        return sorted(found, key=lambda r: (r.created_at, r.digest), reverse=True)[:limit]

    def update_run(self, record: RunRecord) -> None:
        """Raises NotFound when the run was never added."""
        try:
            self._table.write([Put(_item(record), PRESENT)])
        except Conflict as absent:
            raise NotFound(f"product {record.product} has no run {record.digest[:12]}") from absent


def _item(record: RunRecord) -> Mapping[str, Value]:
    document = documents.text_of_record(record)
    return {"pk": _pk(record.product), "sk": record.digest, "state": record.state, "document": document}


def _pk(product: str) -> str:
    return f"RUNS#{product}"
