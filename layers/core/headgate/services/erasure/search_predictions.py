"""Which rows of the prediction log are a subject's: by the columns of the request, or of the features."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from headgate.domain.erasure import Subject
from headgate.ports import ObjectEntry, ObjectStore


@dataclass(frozen=True)
class LoggedRows:
    """One object of the log: how many rows of its newest version are the subject's, and what is left without
    them. With no such row it is an older version that holds one.
    """

    key: str
    rows: int
    rest: bytes


@dataclass(frozen=True)
class SearchPredictions:
    """The search, over every prediction of a product."""

    logs: ObjectStore

    def search(self, product: str, subject: Subject) -> Iterator[LoggedRows]:
        entries = self.logs.entries(f"predictions/{product}/")
        for key, versions in groupby(entries, key=lambda e: e.key):
            looked = [self._look(key, e.version_id, subject) for e in sorted(versions, key=_newest_first)]
            if any(rows for rows, _ in looked):
                yield LoggedRows(key, *looked[0])

    def _look(self, key: str, version_id: str, subject: Subject) -> tuple[int, bytes]:
        """(rows of the subject, the other rows) of one version."""
        lines = self.logs.get(key, version_id).splitlines()
        kept = [line for line in lines if not _is_subjects(line, subject)]
        return len(lines) - len(kept), b"".join(line + b"\n" for line in kept)


def _newest_first(entry: ObjectEntry) -> bool:
    return not entry.is_latest


def _is_subjects(line: bytes, subject: Subject) -> bool:
    row: Mapping[str, Any] = json.loads(line)
    return subject.is_in({**(row.get("features") or {}), **(row.get("input") or {})})
