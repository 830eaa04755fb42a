"""How two versions of a dataset are related: their newest common ancestor, and what each has beyond it."""

from collections.abc import Iterator
from dataclasses import dataclass

from headgate.domain.version import VersionRecord
from headgate.ports import DatasetCatalog

PAGE = 500
_THEIRS, _OURS = 1, 2


@dataclass(frozen=True)
class Ancestry:
    """``ahead`` are the ancestors of the first version that the second does not have, ``behind`` the other
    way round; newest first. ``base`` is None when they share no history.
    """

    base: VersionRecord | None
    ahead: tuple[VersionRecord, ...]
    behind: tuple[VersionRecord, ...]


def ancestry(catalog: DatasetCatalog, theirs: VersionRecord, ours: VersionRecord | None) -> Ancestry:
    """Walks back from both until they meet. A version's ordinal is greater than its parents', so one pass
    over the records, newest first, sees every child before its parents.
    """
    marks = {theirs.digest: _THEIRS}
    if ours is not None:
        marks[ours.digest] = marks.get(ours.digest, 0) | _OURS
    sides: dict[int, list[VersionRecord]] = {_THEIRS: [], _OURS: []}
    newest = max(theirs.ordinal, ours.ordinal if ours else 0)
    for record in newest_first(catalog, theirs.product, theirs.dataset, newest + 1):
        mark = marks.pop(record.digest, 0)
        if mark == _THEIRS | _OURS:
            return Ancestry(record, tuple(sides[_THEIRS]), tuple(sides[_OURS]))
        if mark:
            sides[mark].append(record)
            for parent in filter(None, (record.parent, record.second_parent)):
                marks[parent] = marks.get(parent, 0) | mark
        if not marks:
            break
    return Ancestry(None, tuple(sides[_THEIRS]), tuple(sides[_OURS]))


def newest_first(
    catalog: DatasetCatalog, product: str, dataset: str, before: int | None = None
) -> Iterator[VersionRecord]:
    """Every version of all branches with an ordinal below ``before``, a page at a time."""
    while page := catalog.dataset_versions(product, dataset, PAGE, before):
        yield from page
        before = page[-1].ordinal
