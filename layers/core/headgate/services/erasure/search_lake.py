"""Which files of the lake hold a subject's rows, and which manifests and segments name those files.

Looks at what lies in the lake, not at what versions name: what a crash left behind is readable too.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile
from headgate.domain.erasure import Subject
from headgate.domain.errors import Corrupted
from headgate.domain.external_object import external_object
from headgate.domain.file_table import StoredFiles
from headgate.domain.manifest import Manifest
from headgate.ports import ErasureEngine, KeyColumns, ObjectStore

_DATA = re.compile(rb"/data/([0-9a-f]{64})\.parquet")
_EXTERNAL = re.compile(rb'"key":"(s3:(?:[^"\\]|\\.)*)"')


@dataclass
class Documents:
    """The manifests and segments of a dataset: which name a file that is looked for, and what they say of
    it.

    ``naming`` maps the key of a document to the data files it names; ``segments_of`` a version's digest to
    its segments' digests; ``named`` are all data files that some document names.
    """

    naming: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, DataFile] = field(default_factory=dict)
    segments_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)

    def shows(self, digest: str, prefix: str) -> bool:
        """Whether the version ``digest`` names one of the files, itself or by a segment."""
        keys = [f"{prefix}/manifests/{digest}.json"]
        keys += [f"{prefix}/segments/{s}.json" for s in self.segments_of.get(digest, ())]
        return any(key in self.naming for key in keys)


@dataclass(frozen=True)
class FeatureFiles:
    """One feature set: its partitions that hold the subject with how many rows, and the digests of the
    feature versions that name them.
    """

    name: str
    partitions: Mapping[str, int]
    versions: tuple[str, ...]


@dataclass(frozen=True)
class SearchLake:
    """The search. ``engine`` reads the files themselves."""

    lake: ObjectStore
    engine: ErasureEngine

    def data(self, prefix: str, keys: KeyColumns, subject: Subject) -> dict[str, int]:
        """Rows of the subject by data file, of everything below ``<prefix>/data/``."""
        return self.holding(self._keys(f"{prefix}/data/"), keys, subject)

    def holding(self, files: Iterable[str], keys: KeyColumns, subject: Subject) -> dict[str, int]:
        uris = {self.lake.uri(key): key for key in files}
        found = self.engine.holding(sorted(uris), keys, subject.values)
        return {uris[uri]: rows for uri, rows in found.items()}

    def documents(self, prefix: str, wanted: frozenset[str]) -> Documents:
        """Everything below ``<prefix>/manifests/`` and ``<prefix>/segments/``, read once."""
        found = Documents()
        for key in self._keys(f"{prefix}/manifests/"):
            body = self.lake.get(key)
            manifest = Manifest.from_document(json.loads(body))
            found.segments_of[_digest(key)] = tuple(s.digest for s in manifest.table.segments)
            _note(found, key, body, prefix, wanted, manifest.table.recent)
        for key in self._keys(f"{prefix}/segments/"):
            body = self.lake.get(key)
            _note(found, key, body, prefix, wanted, StoredFiles.from_body(body))
        return found

    def features(self, product: str, keys: KeyColumns, subject: Subject) -> list[FeatureFiles]:
        """Of every feature set there ever was."""
        everything = self._keys(f"{product}/features/")
        found = []
        for name in sorted({key.split("/")[2] for key in everything}):
            prefix = f"{product}/features/{name}"
            partitions = self.holding(
                [k for k in everything if k.startswith(f"{prefix}/data/")], keys, subject
            )
            manifests = [k for k in everything if k.startswith(f"{prefix}/manifests/")] if partitions else []
            versions = [_digest(k) for k in manifests if _names(self.lake.get(k), prefix) & partitions.keys()]
            if partitions:
                found.append(FeatureFiles(name, partitions, tuple(versions)))
        return found

    def _keys(self, prefix: str) -> list[str]:
        return [entry.key for entry in self.lake.entries(prefix) if entry.is_latest]


def key_columns(contract: Contract | None, subject: Subject) -> KeyColumns:
    """Each key column by its name and the names that older files have for it."""
    former = {c.name: c.former_names for c in contract.columns} if contract else {}
    return [[name, *former.get(name, ())] for name in subject.columns]


def _note(
    found: Documents,
    key: str,
    body: bytes,
    prefix: str,
    wanted: frozenset[str],
    files: Sequence[DataFile],
) -> None:
    names = _names(body, prefix)
    external = {str(json.loads(b'"' + name + b'"')) for name in _EXTERNAL.findall(body)}
    found.external |= {name for name in external if external_object(name) is not None}
    found.named |= names | external
    mentioned = (names | external) & wanted
    if not mentioned:
        return
    found.naming[key] = frozenset(mentioned)
    found.files.update({f.key: f for f in files if f.key in mentioned})


def _names(body: bytes, prefix: str) -> set[str]:
    return {f"{prefix}/data/{sha256.decode()}.parquet" for sha256 in _DATA.findall(body)}


def _digest(key: str) -> str:
    name = key.rpartition("/")[2]
    if not name.endswith(".json"):
        raise Corrupted(f"{key} is no document of a version")
    return name.removesuffix(".json")
