"""Opening branches, and finding the version a name means."""

from dataclasses import dataclass

from headgate.domain.errors import Conflict, InvalidRequest, NotFound
from headgate.domain.version import MAIN, Branch, Head, VersionRecord, ordinal_of
from headgate.ports import DatasetCatalog, RefCatalog
from headgate.services.commit_version import Line

PENDING = "pending"
"""Where versions of a dataset wait whose contract says ``publish: manual``."""


def open_branch(catalog: DatasetCatalog, refs: RefCatalog, line: Line, author: str, at: str) -> None:
    """A branch from main's head, if it is not there yet."""
    view = catalog.commit_view(line.product, line.dataset, MAIN, ())
    start_branch(refs, line, view.head, author, at)


def start_branch(refs: RefCatalog, line: Line, head: Head | None, author: str, at: str) -> Branch:
    """A branch that starts at ``head``; an existing one stays as it is."""
    record = head.record if head else None
    branch = Branch(
        name=line.branch,
        base=record.digest if record else "",
        base_ordinal=record.ordinal if record else 0,
        author=author,
        created_at=at,
        head_ordinal=record.ordinal if record else 0,
        head_digest=record.digest if record else "",
    )
    try:
        refs.add_branch(line.product, line.dataset, branch, head)
    except Conflict:
        return next(b for b in refs.branches(line.product, line.dataset) if b.name == line.branch)
    return branch


@dataclass(frozen=True)
class Versions:
    """Finds versions by any of their names."""

    catalog: DatasetCatalog
    refs: RefCatalog

    def resolve(self, product: str, dataset: str, name: str) -> VersionRecord:
        """``v12`` or ``12``, ``main``, a branch, a tag, or at least 12 digits of a digest.

        Raises NotFound, or InvalidRequest when a digest's beginning means several versions.
        """
        if (ordinal := ordinal_of(name)) is not None:
            return self.catalog.dataset_version(product, dataset, ordinal)
        for tag in self.refs.tags(product, dataset):
            if tag.name == name:
                return self.catalog.dataset_version(product, dataset, tag.ordinal)
        if len(name) >= 12 and all(c in "0123456789abcdef" for c in name):
            return self._by_digest(product, dataset, name)
        head = self.catalog.dataset_head(product, dataset, name)
        if head is None:
            raise NotFound(f"dataset {product}/{dataset} has no version yet on {name}")
        return head

    def _by_digest(self, product: str, dataset: str, start: str) -> VersionRecord:
        before: int | None = None
        found: list[VersionRecord] = []
        while page := self.catalog.dataset_versions(product, dataset, 500, before):
            found += [r for r in page if r.digest.startswith(start)]
            before = page[-1].ordinal
        if not found:
            raise NotFound(f"dataset {product}/{dataset} has no version whose digest starts with {start}")
        if len(found) > 1:
            raise InvalidRequest(f"{start} is the beginning of {len(found)} versions; give more digits")
        return found[0]
