"""Opening branches, and finding the version a name means."""

from dataclasses import dataclass

from headgate.domain.errors import Collected, Conflict, InvalidRequest, NotFound
from headgate.domain.version import MAIN, Branch, Head, VersionRecord, ordinal_of
from headgate.ports import DatasetCatalog, RefCatalog
from headgate.services.clock import iso, parse_iso
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.commit_version import Line

PENDING = "pending"
"""Where versions of a dataset wait whose contract says ``publish: manual``."""


def open_branch(catalog: DatasetCatalog, refs: RefCatalog, line: Line, author: str, at: str) -> None:
    """A branch from main's head, if it is not there yet."""
    head = catalog.commit_view(line.product, line.dataset, MAIN, ()).head
    start_branch(refs, line, head, author, at)


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


def readable(record: VersionRecord) -> VersionRecord:
    """``record`` itself. Raises Collected when its files were given up as garbage."""
    if record.collected_at:
        raise Collected(
            f"{record.product}/{record.dataset} v{record.ordinal} was collected as garbage on "
            f"{record.collected_at[:10]}: its record stays, its files are gone"
        )
    return record


@dataclass(frozen=True)
class Versions:
    """Finds versions by any of their names."""

    catalog: DatasetCatalog
    refs: RefCatalog

    def resolve(self, product: str, dataset: str, name: str) -> VersionRecord:
        """``v12`` or ``12``, ``main``, a branch, a tag, at least 12 digits of a digest, or ``main@<time>``:
        where a branch stood at that time.

        Raises NotFound, or InvalidRequest when a digest's beginning means several versions.
        """
        branch, at, time = name.partition("@")
        if at:
            return self.head_at(product, dataset, branch or MAIN, time)
        if (ordinal := ordinal_of(name)) is not None:
            return self.catalog.dataset_version(product, dataset, ordinal)
        for tag in self.refs.tags(product, dataset):
            if tag.name == name:
                return self.catalog.dataset_version(product, dataset, tag.ordinal)
        if len(name) >= 12 and all(c in "0123456789abcdef" for c in name):
            return self._by_digest(product, dataset, name)
        try:
            head = self.catalog.dataset_head(product, dataset, name)
        except NotFound as missing:
            raise NotFound(f"dataset {product}/{dataset} has no tag or branch {name!r}") from missing
        if head is None:
            raise NotFound(f"dataset {product}/{dataset} has no version yet on {name}")
        return head

    def fresh(self, record: VersionRecord) -> VersionRecord:
        """``record`` as the catalog has it now: it may have been collected since it was read."""
        return self.catalog.dataset_version(record.product, record.dataset, record.ordinal)

    def head_at(self, product: str, dataset: str, branch: str, time: str) -> VersionRecord:
        """Where ``branch`` stood at an ISO-8601 time (UTC unless it says otherwise). Raises NotFound,
        InvalidRequest.
        """
        try:
            instant = iso(parse_iso(time))
        except ValueError as error:
            raise InvalidRequest(f"{time!r} is no time: 2026-11-23T08:00 is needed") from error
        for record in newest_first(self.catalog, product, dataset):
            if record.branch == branch and record.created_at <= instant:
                return record
        raise NotFound(f"dataset {product}/{dataset} had no version on {branch} at {instant}")

    def _by_digest(self, product: str, dataset: str, start: str) -> VersionRecord:
        found = [r for r in newest_first(self.catalog, product, dataset) if r.digest.startswith(start)]
        if not found:
            raise NotFound(f"dataset {product}/{dataset} has no version whose digest starts with {start}")
        if len(found) > 1:
            raise InvalidRequest(f"{start} is the beginning of {len(found)} versions; give more digits")
        return found[0]
