"""Ingest of one large CSV with its contract, against DuckDB's own COPY of the same file in the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench import csv_file
from tests.bench.measuring import WORK, in_own_process, say
from tests.bench.results import Row

MEGABYTES = 500
ROUNDS = 5
MOST_RATIO = 1.3
MOST_MEGABYTES = 700.0


def rows(megabytes: int = MEGABYTES) -> list[Row]:
    source = WORK / "sales.csv"
    say(f"ingest of {megabytes} MB: making the file")
    csv_file.write_csv(source, 0, megabytes * csv_file.ROWS_A_MEGABYTE)
    size = source.stat().st_size / 1e6
    try:
        measured = _measured(source)
    finally:
        source.unlink()
    engine, engine_copy = _typical_round(measured, "engine")
    service, service_copy = _typical_round(measured, "service")
    peaks = {way: max(m["peak_mb"] for m in found) for way, found in measured.items()}
    count = measured["engine"][0]["rows"]
    what = f"{size:.0f} MB CSV with its contract"
    return [
        Row(
            f"{what}: the engine",
            engine,
            "s",
            engine_copy,
            "COPY",
            MOST_RATIO,
            "ratio",
            f"{count:,} rows, 8 columns: not null on all, unique on one, ranges on five; of {ROUNDS} rounds "
            f"in processes of their own the one of median ratio: {size / engine:.0f} MB/s, COPY alone "
            f"{size / engine_copy:.0f} MB/s",
        ),
        Row(
            f"{what}: peak memory of the engine",
            peaks["engine"],
            "MB",
            peaks["copy"],
            "COPY",
            MOST_MEGABYTES,
            note="resident memory of the whole process, interpreter included",
        ),
        Row(
            f"{what}: landed object to version",
            service,
            "s",
            service_copy,
            "COPY",
            note="IngestDrops on in-memory adapters: also copies and hashes the source, hashes and stores "
            "the result, commits, publishes",
        ),
        Row(
            f"{what}: peak memory, landed object to version",
            peaks["service"],
            "MB",
            target=MOST_MEGABYTES,
        ),
    ]


def _typical_round(measured: dict[str, list[dict[str, Any]]], way: str) -> tuple[float, float]:
    """Seconds of ``way`` and of COPY in the round whose ratio is the median: what was measured together is
    compared.
    """
    pairs = [(m["seconds"], c["seconds"]) for m, c in zip(measured[way], measured["copy"], strict=True)]
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]


def _measured(source: Path) -> dict[str, list[dict[str, Any]]]:
    """Every way once to warm the page cache and its own code, then in turns, so that all share one machine's
    moods.
    """
    found: dict[str, list[dict[str, Any]]] = {"copy": [], "engine": [], "service": []}
    for number in range(ROUNDS + 1):
        for way, results in found.items():
            if number == 0 and way == "service":
                continue
            result = in_own_process("tests.bench.ingest_file_process", way, str(source))
            say(
                f"{way:<8} {result['seconds']:6.2f} s  {result['peak_mb']:5.0f} MB"
                + (" (warm-up)" if not number else "")
            )
            if number:
                results.append(result)
    return found
