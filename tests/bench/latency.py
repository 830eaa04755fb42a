"""One commit of a file of 11.6 MB with 25 ms of latency added to each request; how many requests it makes."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from statistics import median

from headgate.domain.contract import Contract
from headgate.domain.dataset import ColumnStats, DataFile, Drop, SourceRef
from headgate.services.file_digest import file_sha256
from headgate.services.versions.commit_version import Authorship, Line
from headgate.services.versions.manifests import data_key
from headgate.services.versions.take_in import Accepted, take_in

from tests.bench import csv_file
from tests.bench.measuring import WORK, say, seconds_of
from tests.bench.on_emulator import LAKE, OnEmulator
from tests.bench.results import Row

MEGABYTES = 11.6
LATENCY_SECONDS = 0.025
ROUNDS = 5
MOST_REQUESTS = 5
COMMIT_ROWS = 145_000
"""Of a CSV of 11.6 MB."""


def rows() -> list[Row]:
    WORK.mkdir(parents=True, exist_ok=True)
    with OnEmulator.started() as emulator:
        emulator.apply(csv_file.bundle())
        say(f"a commit of {MEGABYTES} MB with {LATENCY_SECONDS * 1e3:.0f} ms a request")
        emulator.requests.latency = LATENCY_SECONDS
        return [*_commits(emulator), *_drops(emulator)]


def _commits(emulator: OnEmulator) -> list[Row]:
    seconds, requests, made = [], [], []
    for number in range(ROUNDS + 1):
        path = WORK / "commit.parquet"
        path.write_bytes(os.urandom(int(MEGABYTES * 1e6)))
        before = emulator.requests.sent.copy()
        took = seconds_of(lambda path=path, number=number: _append(emulator, path, number))  # type: ignore[misc]
        if number:
            sent = emulator.requests.sent - before
            seconds.append(took)
            requests.append(sum(sent.values()))
            made.append(", ".join(f"{name} {count}" for name, count in sorted(sent.items())))
    path.unlink()
    waiting = max(requests) * LATENCY_SECONDS * 1e3
    return [
        Row(
            f"commit of {MEGABYTES} MB: requests",
            max(requests),
            "requests",
            target=MOST_REQUESTS,
            note=f"from a finished file on disk to a published version: {made[-1]}",
        ),
        Row(
            f"commit of {MEGABYTES} MB, {LATENCY_SECONDS * 1e3:.0f} ms a request",
            median(seconds) * 1e3,
            "ms",
            waiting,
            "waiting",
            note=f"median of {ROUNDS} on the emulator; waiting is latency alone; the rest mostly uploads",
        ),
    ]


def _append(emulator: OnEmulator, path: Path, number: int) -> None:
    """What ingest does with a file that has passed its checks."""
    line, contract = Line(csv_file.PRODUCT, csv_file.DATASET), csv_file.contract()
    lake, versions = emulator.store(LAKE), emulator.versions
    accepted = _accepted(path, number, contract)
    lake.upload(path, accepted.file.key)
    view = emulator.catalog.commit_view(line.product, line.dataset, line.branch, [accepted.source])
    record = versions.commit(
        line, take_in(contract, [accepted]), Authorship("bench"), [accepted.source], view
    )
    versions.publish(record)


def _accepted(path: Path, number: int, contract: Contract) -> Accepted:
    sha256, size = file_sha256(path), path.stat().st_size
    key = f"{csv_file.PRODUCT}/{csv_file.DATASET}/{number}.csv"
    source = SourceRef("bench-landing", key, str(number), hashlib.sha256(key.encode()).hexdigest(), size)
    columns = tuple(ColumnStats(c.name, c.type, 0, "0", "1") for c in contract.columns)
    file = DataFile(
        data_key(csv_file.PRODUCT, csv_file.DATASET, sha256),
        size,
        sha256,
        COMMIT_ROWS,
        columns,
        source,
        (0, COMMIT_ROWS),
    )
    return Accepted((Drop(source.bucket, key, str(number), size, key),), source, file, (), 0.0)


def _drops(emulator: OnEmulator) -> list[Row]:
    """Whole drops of that size, warm: what a dropper waits for besides the queue."""
    ingest, seconds = emulator.ingest(), []
    sent: Counter[str] = Counter()
    source = WORK / "sales.csv"
    for number in range(3):
        csv_file.write_csv(source, (number + 1) * COMMIT_ROWS, COMMIT_ROWS)
        drop = emulator.drop(f"{csv_file.PRODUCT}/{csv_file.TWIN}/{number}.csv", source.read_bytes())
        before = emulator.requests.sent.copy()
        seconds.append(seconds_of(lambda drop=drop: ingest.ingest([drop])))  # type: ignore[misc]
        sent = emulator.requests.sent - before
    source.unlink()
    return [
        Row(
            f"drop of {MEGABYTES} MB, landed to published, {LATENCY_SECONDS * 1e3:.0f} ms a request",
            min(seconds[1:]) * 1e3,
            "ms",
            note=f"{sum(sent.values())} requests: " + ", ".join(f"{n} {c}" for n, c in sorted(sent.items())),
        )
    ]
