"""Reading a dataset's history: its log, and one version with its files and checks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from headgate.domain.dataset import DataFile
from headgate.domain.file_table import ReadSegment
from headgate.domain.identity import Principal
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, VersionRecord
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.datasets import Datasets

ACTION = "headgate:ReadDataset"


@dataclass(frozen=True)
class Log:
    """Versions, newest first; ``names`` maps an ordinal to what means it. ``before`` asks for the next page
    (None: there is none).
    """

    versions: Sequence[VersionRecord]
    names: Mapping[int, Sequence[str]]
    before: int | None


@dataclass(frozen=True)
class Shown:
    """One version: its first files (of ``manifest.table.files`` in all), and its names."""

    record: VersionRecord
    manifest: Manifest
    files: Sequence[DataFile]
    names: Sequence[str]


@dataclass(frozen=True)
class History:
    """The use case. Raises AccessDenied and NotFound."""

    datasets: Datasets

    def log(
        self,
        principal: Principal,
        product: str,
        dataset: str,
        limit: int,
        branch: str | None = None,
        before: int | None = None,
    ) -> Log:
        """Versions of all branches; with ``branch`` those that led to where it stands, first parents
        alone.
        """
        self.datasets.allow(principal, ACTION, product, dataset)
        if branch is None:
            every = newest_first(self.datasets.catalog, product, dataset, before)
        else:
            every = self._line(product, dataset, branch, before)
        found = list(islice(every, limit + 1))
        more = found[limit - 1].ordinal if len(found) > limit else None
        return Log(found[:limit], self.names(product, dataset), more)

    def show(self, principal: Principal, product: str, dataset: str, name: str, files: int = 100) -> Shown:
        """The version of any name. Raises Collected when it was given up as garbage."""
        self.datasets.allow(principal, ACTION, product, dataset)
        record = self.datasets.versions.resolve(product, dataset, name)
        manifest = self.datasets.manifest_of(record)
        read = self.datasets.manifests(product, dataset).read
        with self.datasets.reading(record):
            listed = list(islice(_lazily(manifest, read), files))
        return Shown(record, manifest, listed, self.names(product, dataset).get(record.ordinal, ()))

    def names(self, product: str, dataset: str) -> Mapping[int, Sequence[str]]:
        """What means each version: heads of branches, then tags."""
        found: dict[int, list[str]] = defaultdict(list)
        head = self.datasets.catalog.dataset_head(product, dataset, MAIN)
        if head is not None:
            found[head.ordinal].append(MAIN)
        for branch in self.datasets.refs.branches(product, dataset):
            found[branch.head_ordinal].append(branch.name)
        for tag in self.datasets.refs.tags(product, dataset):
            found[tag.ordinal].append(f"tag {tag.name}")
        return found

    def _line(self, product: str, dataset: str, branch: str, before: int | None) -> Iterator[VersionRecord]:
        """From the branch's head along first parents."""
        at = self.datasets.versions.resolve(product, dataset, branch)
        wanted: str | None = at.digest
        for record in newest_first(self.datasets.catalog, product, dataset, at.ordinal + 1):
            if wanted is None:
                return
            if record.digest == wanted:
                wanted = record.parent
                if before is None or record.ordinal < before:
                    yield record


def _lazily(manifest: Manifest, read: ReadSegment) -> Iterator[DataFile]:
    """The files, newest first, reading a segment when it is reached."""
    yield from reversed(manifest.table.recent)
    for segment in reversed(manifest.table.segments):
        yield from reversed(read(segment))
