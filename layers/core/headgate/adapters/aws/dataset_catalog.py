"""Versions in the catalog table: ``DATASET#<p>/<d>`` with HEAD, COUNTER, V#, OBJECT#, SOURCE#,
REFUSED#, ERASED#.

A head carries its manifest, compressed, so that a commit reads one batch of items and nothing else.
"""

import base64
import gzip
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import (
    ABSENT,
    ConditionCheck,
    Item,
    Put,
    Table,
    Update,
    Write,
    number,
    numbers,
    text,
)
from headgate.domain.dataset import SourceRef, quarantine_name
from headgate.domain.errors import Conflict, InvalidRequest, NotFound
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, MAX_SOURCES, CommitView, Head, VersionRecord

MOST_HEAD_BYTES = 380_000
"""A head whose record and packed manifest are longer leaves the manifest to the lake alone: an item takes
409,600 bytes, names and digest included.
"""


class DynamoDatasetCatalog:
    """The DatasetCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def dataset_head(self, product: str, dataset: str, branch: str = MAIN) -> VersionRecord | None:
        item = self._table.get(pk=dataset_key(product, dataset), sk=head_key(branch))
        if item is None and branch != MAIN:
            raise NotFound(f"dataset {product}/{dataset} has no branch {branch!r}")
        return None if item is None or "document" not in item else documents.version_record(text(item))

    def dataset_version(self, product: str, dataset: str, ordinal: int) -> VersionRecord:
        item = self._table.get(pk=dataset_key(product, dataset), sk=version_key(ordinal))
        if item is None:
            raise NotFound(f"dataset {product}/{dataset} has no version v{ordinal}")
        return _record(item)

    def dataset_versions(
        self, product: str, dataset: str, limit: int = 100, before: int | None = None
    ) -> Sequence[VersionRecord]:
        upto = None if before is None else version_key(before - 1)
        items = self._table.query(
            dataset_key(product, dataset), "V#", newest_first=True, limit=limit, upto=upto
        )
        return [_record(item) for item in items]

    def commit_view(
        self, product: str, dataset: str, branch: str, sources: Sequence[SourceRef]
    ) -> CommitView:
        pk = dataset_key(product, dataset)
        objects = {f"OBJECT#{s.identity}": s.identity for s in sources}
        contents = {f"SOURCE#{s.sha256}": s.sha256 for s in sources}
        refused = {f"REFUSED#{quarantine_name(s.identity)}": s.identity for s in sources}
        erased = {f"ERASED#{s.sha256}": s.sha256 for s in sources}
        keys = [head_key(branch), "COUNTER", *objects, *contents, *refused, *erased]
        items = self._table.get_many(pk, keys)
        head = items.get(head_key(branch))
        if head is None and branch != MAIN:
            raise NotFound(f"dataset {product}/{dataset} has no branch {branch!r}")
        counter = items.get("COUNTER")
        seen = kept_head(head) if head is not None and "document" in head else None
        return CommitView(
            head=seen,
            next_ordinal=1 if counter is None else number(counter, "ordinal") + 1,
            objects={name: number(items[sk], "ordinal") for sk, name in objects.items() if sk in items},
            contents={name: _addition(items[sk], seen) for sk, name in contents.items() if sk in items},
            refused=frozenset(name for sk, name in refused.items() if sk in items),
            erased=frozenset(name for sk, name in erased.items() if sk in items),
        )

    def remember(self, product: str, dataset: str, objects: Mapping[str, int]) -> None:
        pk = dataset_key(product, dataset)
        for identity, ordinal in objects.items():
            with suppress(Conflict):
                self._table.write([Put({"pk": pk, "sk": f"OBJECT#{identity}", "ordinal": ordinal}, ABSENT)])

    def bury(self, product: str, dataset: str, sha256s: Sequence[str], erasure: str) -> None:
        for sha256 in sha256s:
            pk = dataset_key(product, dataset)
            self._table.put({"pk": pk, "sk": f"ERASED#{sha256}", "erasure": erasure})

    def commit_version(
        self, record: VersionRecord, manifest: Manifest, view: CommitView, reuses: Sequence[int] = ()
    ) -> None:
        if len(record.sources) > MAX_SOURCES:
            raise InvalidRequest(f"a commit takes at most {MAX_SOURCES} sources, found {len(record.sources)}")
        pk, document = dataset_key(record.product, record.dataset), documents.text_of_record(record)
        counter: Item = {"pk": pk, "sk": "COUNTER", "ordinal": record.ordinal}
        writes: list[Write] = [
            _moved(pk, record, manifest, view),
            Put(counter, ABSENT)
            if record.ordinal == 1
            else Put(counter, "#ordinal = :before", {":before": record.ordinal - 1}),
            Put({"pk": pk, "sk": version_key(record.ordinal), "document": document}, ABSENT),
            *_taken_in(pk, record, view),
            *(kept_version(pk, ordinal) for ordinal in sorted(set(reuses))),
        ]
        self._table.write(writes)


def _record(item: Item) -> VersionRecord:
    record = documents.version_record(text(item))
    return replace(record, collected_at=text(item, "collected")) if "collected" in item else record


def kept_version(pk: str, ordinal: int) -> ConditionCheck:
    """Holds while a version was not given up as garbage."""
    return ConditionCheck({"pk": pk, "sk": version_key(ordinal)}, "attribute_not_exists(#collected)")


def _taken_in(pk: str, record: VersionRecord, view: CommitView) -> list[Write]:
    """The sources as taken in by ``record``, each still as ``view`` saw it. Bytes keep every version that
    added them: a head may show an older one after a rollback, or another branch's.
    """
    writes: list[Write] = []
    for identity in sorted({s.identity for s in record.sources}):
        condition, values = _unchanged(view.objects.get(identity))
        item: Item = {"pk": pk, "sk": f"OBJECT#{identity}", "ordinal": record.ordinal}
        writes.append(Put(item, condition, values))
    for sha256 in sorted({s.sha256 for s in record.sources}):
        seen = view.contents.get(sha256)
        is_shown = seen is not None and view.head is not None and view.head.record.shows(seen)
        # Whoever adds shown bytes again means to, and what they saw need not be the last addition.
        condition, values = ("", {}) if is_shown else _unchanged(seen)
        values |= {":ordinal": record.ordinal, ":added": frozenset([record.ordinal])}
        change = "SET #ordinal = :ordinal ADD #ordinals :added"
        writes.append(Update({"pk": pk, "sk": f"SOURCE#{sha256}"}, change, condition, values))
    return writes


def _unchanged(ordinal: int | None) -> tuple[str, Item]:
    """The condition that an item is as it was seen: absent, or with this ordinal."""
    return (ABSENT, {}) if ordinal is None else ("#ordinal = :seen", {":seen": ordinal})


def _addition(item: Item, head: Head | None) -> int:
    """Of the versions that added these bytes the newest that ``head`` shows, else the newest."""
    added = numbers(item, "ordinals")
    return max([n for n in added if head is not None and head.record.shows(n)] or added)


def _moved(pk: str, record: VersionRecord, manifest: Manifest, view: CommitView) -> Put:
    """The head, moved from exactly where the committer saw it."""
    item = head_item(pk, record.branch, Head(record, manifest))
    if view.head is not None:
        return Put(item, "#digest = :seen", {":seen": view.head.record.digest})
    if record.branch == MAIN:
        return Put(item, ABSENT)
    return Put(item, "attribute_exists(#pk) AND attribute_not_exists(#digest)")


def head_item(pk: str, branch: str, head: Head | None) -> Item:
    """The item of a branch's head; a branch that starts at nothing has neither digest nor document."""
    item: Item = {"pk": pk, "sk": head_key(branch)}
    if head is None:
        return item
    document = documents.text_of_record(head.record)
    item |= {"digest": head.record.digest, "document": document}
    if head.manifest is not None:
        packed = base64.b64encode(
            gzip.compress(documents.text_of(head.manifest.to_document()).encode(), mtime=0)
        )
        if len(packed) + len(document.encode()) <= MOST_HEAD_BYTES:
            item["manifest"] = packed.decode()
    return item


def kept_head(item: Item) -> Head:
    record = documents.version_record(text(item))
    if "manifest" not in item:
        return Head(record, None)
    manifest = gzip.decompress(base64.b64decode(str(item["manifest"]))).decode()
    return Head(record, Manifest.from_document(documents.document_of(manifest)))


def head_key(branch: str) -> str:
    return "HEAD" if branch == MAIN else f"HEAD#{branch}"


def dataset_key(product: str, dataset: str) -> str:
    return f"DATASET#{product}/{dataset}"


def version_key(ordinal: int) -> str:
    return f"V#{ordinal:010d}"
