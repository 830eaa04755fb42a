"""Datasets in the catalog table: ``DATASET#<p>/<d>`` with HEAD, V#, SOURCE#; ``QUARANTINE#<p>``."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, Item, Put, Table, Write, text
from headgate.domain.dataset import MAX_SOURCES, QuarantineRecord, VersionRecord
from headgate.domain.errors import InvalidRequest, NotFound


class DynamoDatasetCatalog:
    """The DatasetCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def dataset_head(self, product: str, dataset: str) -> VersionRecord | None:
        item = self._table.get(pk=_pk(product, dataset), sk="HEAD")
        return None if item is None else documents.version_record(text(item))

    def dataset_version(self, product: str, dataset: str, ordinal: int) -> VersionRecord:
        item = self._table.get(pk=_pk(product, dataset), sk=_version(ordinal))
        if item is None:
            raise NotFound(f"dataset {product}/{dataset} has no version v{ordinal}")
        return documents.version_record(text(item))

    def dataset_versions(self, product: str, dataset: str, limit: int = 100) -> Sequence[VersionRecord]:
        items = self._table.query(_pk(product, dataset), "V#", newest_first=True, limit=limit)
        return [documents.version_record(text(item)) for item in items]

    def version_with_source(self, product: str, dataset: str, sha256: str) -> int | None:
        item = self._table.get(pk=_pk(product, dataset), sk=f"SOURCE#{sha256}")
        return None if item is None else int(item["ordinal"])

    def commit_version(self, record: VersionRecord) -> None:
        sources = sorted({source.sha256 for source in record.sources})
        if len(sources) > MAX_SOURCES:
            raise InvalidRequest(f"a commit takes at most {MAX_SOURCES} sources, found {len(sources)}")
        pk, document = _pk(record.product, record.dataset), documents.text_of_record(record)
        kept: Item = {"digest": record.digest, "ordinal": record.ordinal, "document": document}
        writes: list[Write] = [
            _head(pk, record, kept),
            Put({"pk": pk, "sk": _version(record.ordinal), **kept}, ABSENT),
            *(Put({"pk": pk, "sk": f"SOURCE#{sha256}", "ordinal": record.ordinal}) for sha256 in sources),
        ]
        self._table.write(writes)

    def add_quarantine(self, record: QuarantineRecord) -> None:
        document = documents.text_of_record(record)
        self._table.put(
            {
                "pk": f"QUARANTINE#{record.product}",
                "sk": f"{record.dataset}#{record.id}",
                "document": document,
            }
        )

    def quarantine(self, product: str, limit: int = 100) -> Sequence[QuarantineRecord]:
        """Newest first. Reads all of the product's: ids come from content, so keys tell no time."""
        found = [documents.quarantine_record(text(i)) for i in self._table.query(f"QUARANTINE#{product}")]
        return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)[:limit]


def _head(pk: str, record: VersionRecord, kept: Item) -> Put:
    """The move of the head, from exactly the parent and to the next ordinal."""
    item: Item = {"pk": pk, "sk": "HEAD", **kept}
    if record.parent is None:
        return Put(item, ABSENT)
    expected: Item = {":parent": record.parent, ":before": record.ordinal - 1}
    return Put(item, "#digest = :parent AND #ordinal = :before", expected)


def _pk(product: str, dataset: str) -> str:
    return f"DATASET#{product}/{dataset}"


def _version(ordinal: int) -> str:
    return f"V#{ordinal:010d}"
