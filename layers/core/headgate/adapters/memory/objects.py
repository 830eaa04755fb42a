"""A versioned bucket on local disk: each version is a file of its own, which SQL engines can read by path."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from urllib.parse import quote

from headgate.adapters.instants import iso
from headgate.adapters.memory.clock import ManualClock
from headgate.adapters.memory.faults import Faults
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.external_object import external_object
from headgate.ports import Clock, ObjectEntry

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class _Version:
    id: str
    path: Path
    content_type: str
    written_at: str


class MemoryObjectStore:
    """One bucket below ``root``. Fault names: ``<bucket>.<method>``. A deleted version cannot be read again;
    its file stays until ``root`` goes, because copies of a store share their files.
    """

    def __init__(
        self, bucket: str, root: Path, faults: Faults | None = None, clock: Clock | None = None
    ) -> None:
        self.bucket = bucket
        self._clock = clock or ManualClock()
        self._root = root / bucket
        self._faults = faults or Faults()
        self._lock = RLock()
        self._versions: dict[str, list[_Version]] = {}
        self._count = 0

    def get(self, key: str, version_id: str | None = None) -> bytes:
        with self._faults.read(f"{self.bucket}.get"):
            return self._version(key, version_id).path.read_bytes()

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        with self._faults.effect(f"{self.bucket}.put"):
            version = self._new_version(key, content_type)
            version.path.write_bytes(body)
            self._publish(key, version)

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        with self._faults.read(f"{self.bucket}.download"):
            found = self._version(key, version_id)
            hashed = hashlib.sha256()
            with found.path.open("rb") as source, path.open("wb") as target:
                while chunk := source.read(CHUNK_BYTES):
                    hashed.update(chunk)
                    target.write(chunk)
            return hashed.hexdigest()

    def upload(self, path: Path, key: str) -> None:
        with self._faults.effect(f"{self.bucket}.upload"):
            version = self._new_version(key, "application/octet-stream")
            shutil.copyfile(path, version.path)
            self._publish(key, version)

    def head(self, key: str, version_id: str | None = None) -> ObjectEntry:
        with self._faults.read(f"{self.bucket}.head"):
            found = self._version(key, version_id)
            sha256 = hashlib.sha256(found.path.read_bytes()).hexdigest()
            return _entry(key, found, None if version_id else True, sha256)

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        with self._faults.read(f"{self.bucket}.entries"), self._lock:
            kept = {key: list(found) for key, found in self._versions.items() if key.startswith(prefix)}
        for key in sorted(kept, key=lambda name: name.encode("utf-8")):
            newest = kept[key][-1]
            yield from (_entry(key, v, v is newest) for v in reversed(kept[key]))

    def delete(self, key: str, version_id: str) -> None:
        if not version_id:
            raise InvalidRequest(f"bucket {self.bucket}: which version of {key!r} is to be deleted?")
        with self._faults.effect(f"{self.bucket}.delete"), self._lock:
            left = [v for v in self._versions.pop(key, []) if v.id != version_id]
            if left:
                self._versions[key] = left

    def exists(self, key: str) -> bool:
        with self._faults.read(f"{self.bucket}.exists"), self._lock:
            return key in self._versions or (
                external_object(key) is not None and Path(self.uri(key)).exists()
            )

    def uri(self, key: str) -> str:
        """Path of the newest version; of a missing key a path where nothing is. An absolute name is found in
        the store of that bucket beside this one.
        """
        if (outside := external_object(key)) is not None:
            return str(_path(self._root.parent / outside.bucket, outside.key, outside.version_id))
        with self._lock:
            versions = self._versions.get(key)
            return str(versions[-1].path if versions else _path(self._root, key, "missing"))

    def signed(self, key: str, seconds: int) -> str:  # noqa: ARG002 - a file can be read for ever
        """A ``file:`` address."""
        return Path(self.uri(key)).absolute().as_uri()

    def keys(self, prefix: str = "") -> tuple[str, ...]:
        """Keys that start with ``prefix``, sorted. Not in the port: for looking at what a service left."""
        with self._lock:
            return tuple(sorted(k for k in self._versions if k.startswith(prefix)))

    def version_ids(self, key: str) -> tuple[str, ...]:
        """VersionIds of ``key``, oldest first: what a notification would name. Not in the port."""
        with self._lock:
            return tuple(v.id for v in self._versions.get(key, ()))

    def content_type(self, key: str) -> str:
        """Content type of the newest version. Not in the port."""
        return self._version(key, None).content_type

    def _version(self, key: str, version_id: str | None) -> _Version:
        if (outside := external_object(key)) is not None and (path := Path(self.uri(key))).exists():
            return _Version(outside.version_id, path, "application/octet-stream", iso(self._clock.now()))
        with self._lock:
            versions = self._versions.get(key, [])
            found = [v for v in versions if version_id is None or v.id == version_id]
        if not found:
            version = f" in version {version_id}" if version_id else ""
            raise NotFound(f"bucket {self.bucket} has no object {key!r}{version}")
        return found[-1]

    def _new_version(self, key: str, content_type: str) -> _Version:
        with self._lock:
            self._count += 1
            version_id = f"v{self._count:08d}"
        path = _path(self._root, key, version_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _Version(version_id, path, content_type, iso(self._clock.now()))

    def _publish(self, key: str, version: _Version) -> None:
        """Make a written version visible: a reader never sees half an object."""
        with self._lock:
            self._versions.setdefault(key, []).append(version)


def _entry(key: str, version: _Version, is_latest: bool | None, sha256: str | None = None) -> ObjectEntry:
    return ObjectEntry(key, version.id, version.path.stat().st_size, version.written_at, is_latest, sha256)


def _path(root: Path, key: str, version_id: str) -> Path:
    # A key may be longer than a file name, be another's prefix, or hold what DuckDB takes for a glob.
    name = quote(key.rsplit("/", 1)[-1], safe="")[-80:]
    return root / hashlib.sha256(key.encode("utf-8")).hexdigest()[:32] / version_id / (name or "object")
