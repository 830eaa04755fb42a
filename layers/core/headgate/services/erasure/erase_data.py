"""Takes a subject's rows out of a dataset's files: out of the branches as a new version, out of every old
version in place, and then out of the lake.

The old files go last: until then a crash leaves them to be found again.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta

from headgate.domain.dataset import DataFile
from headgate.domain.erasure import ErasureRequest, Rewrite
from headgate.domain.errors import Conflict, PreconditionFailed
from headgate.domain.external_object import external_object
from headgate.domain.file_table import ReadSegment
from headgate.domain.manifest import Manifest
from headgate.domain.version import MAIN, CommitView, VersionRecord, with_ordinal
from headgate.ports import ErasureEngine, KeyColumns, Scratch
from headgate.services.clock import iso
from headgate.services.erasure.find_subject import Holdings
from headgate.services.erasure.search_lake import SearchLake
from headgate.services.file_digest import file_sha256
from headgate.services.versions.branches import PENDING
from headgate.services.versions.commit_version import Authorship, Line, Proposal
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.manifests import data_key
from headgate.services.versions.put_in_place import PutInPlace, forget, forget_older_documents
from headgate.services.versions.rollback_dataset import ShowAgain
from headgate.services.versions.waiting import waiting

Note = Callable[[Sequence[Rewrite]], None]
IN_FLIGHT = timedelta(hours=5)
"""A file that no version names may belong to a commit that still runs: no ingest job may take longer."""
LOOKS = 5


class _Unaffected(Exception):
    """The branch shows none of the files."""


@dataclass(frozen=True)
class ErasedData:
    """The versions that were committed, and every object that stands under another digest now."""

    committed: tuple[VersionRecord, ...]
    rewritten: tuple[Rewrite, ...]


@dataclass(frozen=True)
class EraseData:
    """The use case's part for one dataset."""

    datasets: Datasets
    engine: ErasureEngine
    scratch: Scratch

    def erase(
        self, request: ErasureRequest, held: Holdings, given_up: frozenset[str], note: Note
    ) -> ErasedData:
        """``given_up`` are the files that an earlier attempt replaced; ``note`` keeps what this one replaces,
        before anything names the new files.

        Raises Conflict when others kept naming the files, or files of commits that still run hold rows.
        """
        prefix = f"{request.product}/datasets/{request.dataset}"
        lake = self.datasets.lake
        files = {key: self._rest(request, held.keys, file) for key, file in held.files.items()}
        rewritten = [Rewrite(key, held.files[key].sha256, new.sha256) for key, new in files.items()]
        note(rewritten)
        committed = self._branches(request, files)
        place = PutInPlace(lake, request.id)
        for _ in range(LOOKS):
            naming = SearchLake(lake, self.engine).documents(prefix, frozenset(files)).naming
            if not naming:
                break
            for key in sorted(naming):
                put = place.segment if "/segments/" in key else place.manifest
                rewritten.append(put(key, files))
            committed += self._branches(request, files)
        else:
            raise Conflict(f"{prefix}: others keep naming the files that hold the subject; try again")
        self._forget_files(held, given_up | files.keys())
        forget_older_documents(lake, prefix)
        return ErasedData(tuple(committed), tuple(rewritten))

    def _rest(self, request: ErasureRequest, keys: KeyColumns, file: DataFile) -> DataFile:
        """The file without the rows, in the lake. One that is empty then still has its columns."""
        with self.scratch.directory() as directory:
            source, target = directory / "source.parquet", directory / "rest.parquet"
            self.datasets.lake.download(file.key, source)
            columns = [(c.name, c.type) for c in file.columns]
            rest = self.engine.without(source, keys, request.subject.values, target, columns)
            sha256 = file_sha256(target)
            key = data_key(request.product, request.dataset, sha256)
            self.datasets.lake.upload(target, key)
            size = target.stat().st_size
        return replace(file, key=key, bytes=size, sha256=sha256, rows=rest.rows, columns=rest.columns)

    def _branches(self, request: ErasureRequest, files: Mapping[str, DataFile]) -> list[VersionRecord]:
        """A new version of every branch that shows one of the files. Nothing comes to wait by it."""
        product, dataset = request.product, request.dataset
        catalog, refs = self.datasets.catalog, self.datasets.refs
        before = catalog.dataset_head(product, dataset)
        names = [MAIN, *(b.name for b in refs.branches(product, dataset))]
        pending = catalog.dataset_head(product, dataset, PENDING) if PENDING in names else None
        waits = bool(pending and waiting(catalog, pending, before))
        made = []
        for name in names:
            line = Line(product, dataset, name)
            if name == PENDING and pending is not None and not waits:
                made += self._carry(request, line, pending.ordinal, files)
            else:
                made += self._commit(request, line, files)
        return made

    def _carry(
        self, request: ErasureRequest, line: Line, seen: int, files: Mapping[str, DataFile]
    ) -> list[VersionRecord]:
        """What waits for nothing shows what main shows."""
        main = self.datasets.catalog.dataset_head(line.product, line.dataset)
        try:
            done = ShowAgain(self.datasets).show(line, main, self._by(request), seen=seen)
        except PreconditionFailed:  # a drop came in meanwhile: now that waits
            return self._commit(request, line, files)
        return [done.record] if done.changed else []

    def _commit(
        self, request: ErasureRequest, line: Line, files: Mapping[str, DataFile]
    ) -> list[VersionRecord]:
        def propose(view: CommitView, parent: Manifest | None, read: ReadSegment) -> Proposal:
            if parent is None or view.head is None:
                raise _Unaffected
            change = parent.table.rewrite(lambda f: _swapped(f, files), read)
            if change.table == parent.table:
                raise _Unaffected
            return Proposal(
                operation="delete",
                change=change,
                schema=parent.schema,
                contract_version=parent.contract_version,
                visible=with_ordinal(view.head.record.visible, view.next_ordinal),
                added_rows=0,
                note={"erasure": request.id, "rows": parent.table.rows - change.table.rows},
            )

        commits = self.datasets.commits
        try:
            record = commits.commit(line, propose, self._by(request))
        except _Unaffected:
            return []
        commits.publish(record)
        return [record]

    def _by(self, request: ErasureRequest) -> Authorship:
        return Authorship(request.principal.id, f"erasure {request.id}: {request.reason}")

    def _forget_files(self, held: Holdings, replaced: Set[str]) -> None:
        """Imported objects are their owner's: versions do not name them any more, and that is all."""
        lake = self.datasets.lake
        settled = iso(self.datasets.clock.now() - IN_FLIGHT)
        running = []
        for key in sorted(held.data):
            if external_object(key) is not None:
                continue
            if key not in replaced and lake.exists(key) and lake.head(key).last_modified > settled:
                running.append(key)
            else:
                forget(lake, key)
        if running:
            raise Conflict(
                f"{len(running)} files hold the subject that no version names yet, such as {running[0]}: a "
                "commit may still run; try again later"
            )


def _swapped(file: DataFile, files: Mapping[str, DataFile]) -> Sequence[DataFile]:
    new = files.get(file.key, file)
    return (new,) if new.rows else ()
