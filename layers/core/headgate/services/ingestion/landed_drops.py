"""Dropped bytes on scratch disk, and which of the objects that brought them a dataset knows already."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from headgate.domain.dataset import DataFile, Drop, SourceRef
from headgate.domain.dataset_input import InputFile
from headgate.domain.version import CommitView

Arrival = tuple[Drop, SourceRef]


@dataclass(frozen=True)
class Landed:
    """Bytes at ``path``; ``seconds`` is what fetching them took. ``arrivals`` are the messages that brought
    them, each with its object; the first of them is the data file's ``source``.
    """

    arrivals: tuple[Arrival, ...]
    path: Path
    seconds: float

    @property
    def source(self) -> SourceRef:
        return self.arrivals[0][1]

    @property
    def copies(self) -> tuple[SourceRef, ...]:
        """The other objects of these bytes; one object may have come by several messages."""
        others = {source.identity: source for _, source in self.arrivals}
        return tuple(source for identity, source in others.items() if identity != self.source.identity)

    @property
    def target(self) -> Path:
        """Where the data file is written, as long as the batch lasts."""
        return self.path.with_name("data.parquet")

    def written(self, file: DataFile) -> InputFile:
        """The data file as the checks of the batch's next drops read it: it is in no version yet."""
        return InputFile(str(self.target), tuple((c.name, c.type) for c in file.columns))

    @property
    def drops(self) -> tuple[Drop, ...]:
        return tuple(drop for drop, _ in self.arrivals)


def by_bytes(landed: Iterable[Landed]) -> list[Landed]:
    """One of each content, with the arrivals of all that brought it, in order."""
    found: dict[str, Landed] = {}
    for each in landed:
        same = found.setdefault(each.source.sha256, each)
        if same is not each:
            found[each.source.sha256] = replace(same, arrivals=(*same.arrivals, *each.arrivals))
    return list(found.values())


def sorted_out(
    view: CommitView, landed: Iterable[Landed]
) -> tuple[list[Landed], Mapping[int, list[Arrival]]]:
    """(what no version holds as far as the head shows, what a version holds, by its ordinal). What was erased
    is new: it has to be refused, not repeated.
    """
    new: list[Landed] = []
    again: dict[int, list[Arrival]] = defaultdict(list)
    for each in landed:
        unknown: list[Arrival] = []
        for arrival in each.arrivals:
            ordinal = view.known(arrival[1])
            if ordinal is None or arrival[1].sha256 in view.erased:
                unknown.append(arrival)
            else:
                again[ordinal].append(arrival)
        if unknown:
            new.append(replace(each, arrivals=tuple(unknown)))
    return new, again
