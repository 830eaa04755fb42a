"""Commits as history and files grow: time and requests at version 2,000 and with 100,000 files, and reading
an old version's list of files.

Data files are made up: nothing is converted, so that what is measured is the commit alone.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from headgate.adapters.aws.host import SystemClock
from headgate.adapters.memory import ManualClock, MemoryCatalog, MemoryEventBus, MemoryObjectStore
from headgate.domain.dataset import ColumnStats, DataFile, Drop, SourceRef
from headgate.domain.file_table import ReadSegment, table_of
from headgate.domain.manifest import Manifest
from headgate.domain.version import CommitView
from headgate.ports import DatasetCatalog, ObjectStore
from headgate.services.versions.commit_version import (
    Authorship,
    CommitVersion,
    Line,
    Proposal,
    Propose,
    schema_of,
)
from headgate.services.versions.manifests import Manifests, data_key
from headgate.services.versions.take_in import Accepted, take_in

from tests.bench import csv_file
from tests.bench.measuring import WORK, CountedCalls, say, seconds_of
from tests.bench.on_emulator import LAKE, OnEmulator
from tests.bench.results import Row

VERSIONS = 2000
FILES = 100_000
WINDOW = 100
MANY = "many_files"
MOST_RATIO = 1.1
MOST_READS = 3
LATENCY_SECONDS = 0.005
"""Of a request to memory: S3 and DynamoDB answer in 5 to 20 ms."""
BY = Authorship("bench")


def rows() -> list[Row]:
    root = WORK / "growth"
    try:
        return [*_in_memory(root / "versions", VERSIONS), *_many_files(root / "files"), *_on_emulator()]
    finally:
        shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True)
class Commits:
    """Commits of one file each; ``requests`` counts what an act asks of the adapters."""

    versions: CommitVersion
    requests: Callable[[Callable[[], object]], Mapping[str, int]]
    numbers: count[int]

    def one(self, dataset: str) -> tuple[float, int]:
        """(seconds, requests) of a commit, with its publication."""
        accepted = made_up(next(self.numbers))
        seconds: list[float] = []
        sent = self.requests(lambda: seconds.append(seconds_of(lambda: self._commit(dataset, accepted))))
        return seconds[0], sum(sent.values())

    def _commit(self, dataset: str, accepted: Accepted) -> None:
        line, sources = Line(csv_file.PRODUCT, dataset), [accepted.source]
        self.versions.publish(
            self.versions.commit(line, take_in(csv_file.contract(), [accepted]), BY, sources)
        )

    def many(self, dataset: str, commits: int) -> None:
        for number in range(1, commits + 1):
            took, _ = self.one(dataset)
            if number % 500 == 0:
                say(f"  {number} versions, {took * 1e3:.1f} ms the last")

    def in_turns(self, old: str, young: str) -> tuple[float, float, float, float]:
        """Seconds a commit of an old and of a young dataset, then requests of each, over one window."""
        pairs = [(self.one(young), self.one(old)) for _ in range(WINDOW)]
        firsts, lasts = [first for first, _ in pairs], [last for _, last in pairs]
        mean = [sum(one[part] for one in ones) / WINDOW for part in (0, 1) for ones in (lasts, firsts)]
        return mean[0], mean[1], mean[2], mean[3]


def made_up(number: int) -> Accepted:
    """A drop of 50 KB that became a file of 12 KB, with statistics of eight columns."""
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    key = f"{csv_file.PRODUCT}/{csv_file.DATASET}/{number:06d}.csv"
    source = SourceRef("landing", key, f"version-{number}", sha256, 50_000)
    columns = tuple(
        ColumnStats(name, kind, 0, str(number), "9" * 12) for name, kind in csv_file.TYPES.items()
    )
    lake_key = data_key(csv_file.PRODUCT, csv_file.DATASET, sha256)
    file = DataFile(lake_key, 12_000, sha256, 626, columns, source, (0, 626))
    checks = tuple(
        {"name": f"not_null:{name}", "severity": "error", "passed": True, "rows": 0}
        for name in csv_file.TYPES
    )
    return Accepted(
        (Drop(source.bucket, key, source.version_id, 50_000, str(number)),), source, file, checks, 0.0
    )


def _memory(root: Path) -> tuple[Commits, MemoryCatalog, MemoryObjectStore, CountedCalls]:
    calls = CountedCalls()
    catalog, lake = MemoryCatalog(calls), MemoryObjectStore("lake", root, calls)
    versions = CommitVersion(catalog, lake, MemoryEventBus(calls), ManualClock())
    return Commits(versions, calls.during, count()), catalog, lake, calls


def _in_memory(root: Path, versions: int) -> list[Row]:
    say(f"{versions} versions of a file each, adapters in memory")
    commits, catalog, lake, calls = _memory(root)
    commits.many(csv_file.DATASET, versions - 2 * WINDOW)
    rows = _with_and_without_latency(f"v1 to v{versions}", commits, calls)
    return [*rows, _reads(versions, catalog, lake, calls.during)]


def _many_files(root: Path) -> list[Row]:
    say(f"{FILES} files in one dataset, adapters in memory")
    commits, _, _, calls = _memory(root)
    commits.versions.commit(Line(csv_file.PRODUCT, csv_file.DATASET), _all_at_once(FILES), BY)
    return _with_and_without_latency(f"{FILES} files over none", commits, calls)


def _with_and_without_latency(name: str, commits: Commits, calls: CountedCalls) -> list[Row]:
    """The last two windows: what a commit takes, and what of it is this machine's own work."""
    bare = _flat(name, commits.in_turns(csv_file.DATASET, csv_file.TWIN))[0]
    calls.latency = LATENCY_SECONDS
    rows = _flat(
        f"{name}, in memory, {LATENCY_SECONDS * 1e3:.0f} ms a request",
        commits.in_turns(csv_file.DATASET, f"{csv_file.TWIN}_too"),
    )
    calls.latency = 0.0
    work = f"the commit's own work alone, {name}"
    return [*rows, replace(bare, name=work, target=None, note="the same without latency")]


def _all_at_once(files: int) -> Propose:
    """A version of so many files, as an import makes it."""
    many = [made_up(10_000_000 + number).file for number in range(files)]
    contract = csv_file.contract()

    def propose(view: CommitView, parent: Manifest | None, read: ReadSegment) -> Proposal:
        visible = ((view.next_ordinal, view.next_ordinal),)
        return Proposal("import", table_of(many), schema_of(contract), contract.version, visible, 626 * files)

    return propose


def _on_emulator() -> list[Row]:
    with OnEmulator.started() as emulator:
        made = emulator.versions
        versions = CommitVersion(made.catalog, made.lake, made.bus, SystemClock())
        commits = Commits(versions, emulator.requests.during, count())
        say(f"{VERSIONS} versions of a file each, adapters of AWS on the emulator")
        commits.many(csv_file.DATASET, VERSIONS - WINDOW)
        rows = _flat(f"v1 to v{VERSIONS}, emulator", commits.in_turns(csv_file.DATASET, csv_file.TWIN))
        reads = _reads(VERSIONS, emulator.catalog, emulator.store(LAKE), emulator.requests.during)
        say(f"{FILES} files in one dataset, adapters of AWS on the emulator")
        versions.commit(Line(csv_file.PRODUCT, MANY), _all_at_once(FILES), BY)
        many = _flat(f"{FILES} files over none, emulator", commits.in_turns(MANY, f"{csv_file.TWIN}_too"))
    return [*rows, *many, reads]


def _flat(name: str, measured: tuple[float, float, float, float]) -> list[Row]:
    """Two rows: time and requests, last over first."""
    last, first, last_requests, first_requests = measured
    note = f"means of {WINDOW} commits in turns, folds of the file list among them; nothing is converted"
    return [
        Row(f"commit time, {name}", last * 1e3, "ms", first * 1e3, "first", MOST_RATIO, "ratio", note),
        Row(
            f"commit requests, {name}",
            last_requests,
            "requests",
            first_requests,
            "first",
            MOST_RATIO,
            "ratio",
            "4 a commit; each 45th also reads and writes a segment",
        ),
    ]


def _reads(
    versions: int,
    catalog: DatasetCatalog,
    lake: ObjectStore,
    requests: Callable[[Callable[[], object]], Mapping[str, int]],
) -> Row:
    """The list of files of versions of every age, each named by its ordinal."""
    manifests = Manifests(lake, csv_file.PRODUCT, csv_file.DATASET)
    most = 0
    for ordinal in (1, WINDOW, versions // 2, versions - WINDOW - 1, versions - WINDOW):
        found: list[int] = []

        def read(ordinal: int = ordinal, found: list[int] = found) -> None:
            record = catalog.dataset_version(csv_file.PRODUCT, csv_file.DATASET, ordinal)
            found.append(len(manifests.files(manifests.load(record.digest))))

        most = max(most, sum(requests(read).values()))
        if found != [ordinal]:
            raise RuntimeError(f"v{ordinal} lists {found} files")
    return Row(
        f"the file list of an old version, of {versions}",
        most,
        "requests",
        target=MOST_READS,
        note="the version's record, its manifest, its one open segment: the most over versions of every age",
    )
