"""Reads every byte that a registered model was made of, and compares it with the digest that was recorded.

Nothing is kept: an object is read to scratch, and forgotten when its digest is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from headgate.domain.dataset import DataFile, SourceRef
from headgate.domain.errors import NotFound
from headgate.domain.external_object import ExternalObject, external_object
from headgate.domain.feature_version import Partition
from headgate.ports import ExternalObjects, ObjectStore
from headgate.services.reproduction.recorded_closure import RecordedClosure


@dataclass
class Bytes:
    """Digests by the name of what has them: as they were recorded, and as they are."""

    recorded: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    def note(self, name: str, recorded: str, found: str | None) -> None:
        if found is None:
            self.gone.append(f"{name} is gone")
        else:
            self.recorded[name], self.found[name] = recorded, found


@dataclass(frozen=True)
class VerifyClosure:
    """The use case. ``outside`` reads objects of other buckets, which were imported where they lie."""

    landing: ObjectStore
    lake: ObjectStore
    outside: ExternalObjects

    def sources(self, closure: RecordedClosure, directory: Path) -> Bytes:
        """Every object version that a file of the closure was made from, once."""
        read = Bytes()
        everything = {f.source.identity: f.source for files in closure.files.values() for f in files}
        for source in sorted(everything.values(), key=lambda s: (s.bucket, s.key, s.version_id)):
            name = f"object {source.bucket}/{source.key} version {source.version_id}"
            read.note(name, source.sha256, self._source(source, directory))
        return read

    def stored(self, closure: RecordedClosure, directory: Path) -> Bytes:
        """The data files of the dataset versions, and the training table that the trainer read."""
        read = Bytes()
        for dataset, file in _files(closure):
            name = f"file {file.key} of dataset {dataset} v{closure.inputs[dataset].ordinal}"
            read.note(name, file.sha256, self._stored(file.key, directory))
        for partition in _partitions(closure):
            name = f"features {closure.model.feature_set} {partition.name} as stored"
            read.note(name, partition.sha256, self._stored(partition.key, directory))
        return read

    def _source(self, source: SourceRef, directory: Path) -> str | None:
        if source.bucket != self.landing.bucket:
            return self._outside(ExternalObject(source.bucket, source.key, source.version_id, source.bytes))
        return _digest(self.landing, source.key, directory, source.version_id)

    def _stored(self, key: str, directory: Path) -> str | None:
        return _digest(self.lake, key, directory)

    def _outside(self, found: ExternalObject) -> str | None:
        try:
            return self.outside.sha256(found)
        except NotFound:
            return None


def _files(closure: RecordedClosure) -> Iterator[tuple[str, DataFile]]:
    """Imported files are their source objects: those are read as such."""
    for dataset, files in sorted(closure.files.items()):
        for file in files:
            if external_object(file.key) is None:
                yield dataset, file


def _partitions(closure: RecordedClosure) -> Iterator[Partition]:
    if closure.features is not None:
        yield from (p for p in closure.features.partitions if p.key)


def _digest(store: ObjectStore, key: str, directory: Path, version_id: str | None = None) -> str | None:
    path = directory / "read"
    try:
        return store.download(key, path, version_id)
    except NotFound:
        return None
    finally:
        path.unlink(missing_ok=True)
