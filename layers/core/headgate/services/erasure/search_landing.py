"""Which dropped objects hold a subject's rows: those that became affected files, and those that became none.

An object that was never taken in is read as its contract says; one that cannot be read so is told, not
judged: deleting what merely looks alike would take other people's data.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from headgate.domain.contract import Contract
from headgate.domain.dataset import SourceRef
from headgate.domain.erasure import Subject
from headgate.domain.errors import NotFound
from headgate.ports import ErasureEngine, KeyColumns, ObjectEntry, ObjectStore, Scratch

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"


@dataclass
class Dropped:
    """Objects by (key, VersionId): those that hold the subject, and those of which it cannot be told."""

    holding: set[tuple[str, str]] = field(default_factory=set)
    sha256s: set[str] = field(default_factory=set)
    unsearched: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class SearchLanding:
    """The search; objects are fetched one at a time."""

    landing: ObjectStore
    engine: ErasureEngine
    scratch: Scratch

    def search(
        self,
        prefix: str,
        contract: Contract | None,
        keys: KeyColumns,
        subject: Subject,
        affected: Iterable[SourceRef],
        taken_in: Mapping[tuple[str, str], str],
    ) -> Dropped:
        """``affected`` are the sources of files that hold the subject, ``taken_in`` the sha256 of every
        source by (key, VersionId).
        """
        found = Dropped(sha256s={s.sha256 for s in affected})
        held = {(s.key, s.version_id) for s in affected if s.bucket == self.landing.bucket}
        for entry in self.landing.entries(prefix):
            place = (entry.key, entry.version_id)
            if place in held:
                found.holding.add(place)
            elif place not in taken_in:
                self._look(entry, contract, keys, subject, found)
        return found

    def _look(
        self,
        entry: ObjectEntry,
        contract: Contract | None,
        keys: KeyColumns,
        subject: Subject,
        found: Dropped,
    ) -> None:
        place = (entry.key, entry.version_id)
        with self.scratch.directory() as directory:
            path = directory / "object"
            try:
                sha256 = self.landing.download(entry.key, path, entry.version_id)
            except NotFound:
                return
            if sha256 in found.sha256s:
                found.holding.add(place)
                return
            try:
                holds = self._holds(path, contract, keys, subject)
            except (ValueError, csv.Error, EOFError, OSError, zlib.error):
                if subject.named_in(path.read_bytes().decode("utf-8", "replace")):
                    found.unsearched.add(place)
            else:
                if holds:
                    found.holding.add(place)
                    found.sha256s.add(sha256)

    def _holds(self, path: Path, contract: Contract | None, keys: KeyColumns, subject: Subject) -> bool:
        """Raises an error of the readers when the object is not what its contract says."""
        with path.open("rb") as stream:
            start = stream.read(4)
        if start == _PARQUET:
            return bool(self.engine.holding([str(path)], keys, subject.values))
        if contract is None:
            raise ValueError("no contract says how to read it")
        with _text(path, packed=start[:2] == _GZIP) as text:
            rows = _csv_rows(text, keys) if contract.format == "csv" else _json_rows(text)
            return any(_row_holds(row, keys, subject) for row in rows)


def _text(path: Path, packed: bool) -> TextIO:
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_rows(text: TextIO, keys: KeyColumns) -> Iterator[Mapping[str, Any]]:
    reader = csv.DictReader(text, strict=True)
    header = set(reader.fieldnames or ())
    if not all(header.intersection(names) for names in keys):
        raise ValueError("the header lacks a column of the key")
    yield from reader


def _json_rows(text: TextIO) -> Iterator[Mapping[str, Any]]:
    for line in text:
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line is no object")
            yield row


def _row_holds(row: Mapping[str, Any], keys: KeyColumns, subject: Subject) -> bool:
    """A row without a key column cannot be judged by it: ValueError, so that its text is looked at."""
    named: dict[str, Any] = {}
    for column, names in zip(subject.columns, keys, strict=True):
        present = next((n for n in names if n in row), None)
        if present is None:
            raise ValueError(f"no column {column}")
        named[column] = row[present]
    return subject.is_in(named)
