"""Names of versions in the catalog table: ``DATASET#<p>/<d>`` with TAG#, BRANCH#, HOLD#; a branch's head is
HEAD#.
"""

from collections.abc import Sequence
from typing import TypeVar

from headgate.adapters import documents
from headgate.adapters.aws.dataset_catalog import dataset_key, head_item, head_key, kept_version, version_key
from headgate.adapters.aws.dynamo import ABSENT, PRESENT, Delete, Item, Put, Table, text
from headgate.domain.errors import Collected, Conflict, NotFound
from headgate.domain.version import Branch, Head, Hold, Tag

_Named = TypeVar("_Named", Tag, Branch, Hold)


class DynamoRefCatalog:
    """The RefCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_tag(self, product: str, dataset: str, tag: Tag) -> None:
        try:
            self._add(product, dataset, "TAG", tag, tag.ordinal)
        except Conflict:
            self._check_kept(product, dataset, tag.ordinal)
            known = next((t for t in self.tags(product, dataset) if t.name == tag.name), None)
            if known is None or known.digest != tag.digest:
                meaning = f"v{known.ordinal}" if known else "another version"
                raise Conflict(f"the tag {tag.name} means {meaning}; tags do not move") from None

    def tags(self, product: str, dataset: str) -> Sequence[Tag]:
        return self._all(product, dataset, "TAG", Tag)

    def add_branch(self, product: str, dataset: str, branch: Branch, head: Head | None) -> None:
        pk = dataset_key(product, dataset)
        kept = [] if head is None else [kept_version(pk, head.record.ordinal)]
        try:
            self._table.write(
                [
                    Put(head_item(pk, branch.name, head), ABSENT),
                    Put(_item(product, dataset, "BRANCH", branch), ABSENT),
                    *kept,
                ]
            )
        except Conflict as conflict:
            if head is not None:
                self._check_kept(product, dataset, head.record.ordinal)
            raise Conflict(f"the branch {branch.name} is there already") from conflict

    def delete_branch(self, product: str, dataset: str, name: str) -> None:
        pk = dataset_key(product, dataset)
        try:
            self._table.write(
                [
                    Delete({"pk": pk, "sk": f"BRANCH#{name}"}, PRESENT),
                    Delete({"pk": pk, "sk": head_key(name)}),
                ]
            )
        except Conflict as conflict:
            raise NotFound(f"dataset {product}/{dataset} has no branch {name!r}") from conflict

    def branches(self, product: str, dataset: str) -> Sequence[Branch]:
        """Where each stands is read from its head."""
        found = []
        pk = dataset_key(product, dataset)
        heads = {str(i["sk"]): i for i in self._table.query(pk, "HEAD#")}
        for branch in self._all(product, dataset, "BRANCH", Branch):
            head = heads.get(head_key(branch.name), {})
            if "document" in head:
                record = documents.version_record(text(head))
                branch = Branch(
                    branch.name,
                    branch.base,
                    branch.base_ordinal,
                    branch.author,
                    branch.created_at,
                    record.ordinal,
                    record.digest,
                )
            found.append(branch)
        return found

    def add_hold(self, product: str, dataset: str, hold: Hold) -> None:
        try:
            self._add(product, dataset, "HOLD", hold, hold.ordinal)
        except Conflict:
            self._check_kept(product, dataset, hold.ordinal)
            return  # held already

    def release_hold(self, product: str, dataset: str, name: str) -> None:
        try:
            self._table.write([Delete({"pk": dataset_key(product, dataset), "sk": f"HOLD#{name}"}, PRESENT)])
        except Conflict as conflict:
            raise NotFound(f"dataset {product}/{dataset} has no hold {name!r}") from conflict

    def holds(self, product: str, dataset: str) -> Sequence[Hold]:
        return self._all(product, dataset, "HOLD", Hold)

    def _add(self, product: str, dataset: str, kind: str, named: Tag | Hold, ordinal: int) -> None:
        pk = dataset_key(product, dataset)
        self._table.write([Put(_item(product, dataset, kind, named), ABSENT), kept_version(pk, ordinal)])

    def _check_kept(self, product: str, dataset: str, ordinal: int) -> None:
        """Raises Collected when the version was given up as garbage."""
        item = self._table.get(pk=dataset_key(product, dataset), sk=version_key(ordinal))
        if item is not None and "collected" in item:
            raise Collected(f"{product}/{dataset} v{ordinal} was collected as garbage: it takes no name")

    def _all(self, product: str, dataset: str, kind: str, made: type[_Named]) -> list[_Named]:
        items = self._table.query(dataset_key(product, dataset), f"{kind}#")
        return [made(**documents.document_of(text(item))) for item in items]


def _item(product: str, dataset: str, kind: str, named: Tag | Branch | Hold) -> Item:
    return {
        "pk": dataset_key(product, dataset),
        "sk": f"{kind}#{named.name}",
        "document": documents.text_of_record(named),
    }
