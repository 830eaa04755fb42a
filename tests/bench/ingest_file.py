"""Ingest of one large CSV with its contract, against DuckDB's own COPY of the same file in the same run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.bench import csv_file
from tests.bench.measuring import WORK, in_own_process, say
from tests.bench.results import Row

MEGABYTES = 500
ROUNDS, FEWEST_ROUNDS = 5, 3
MOST_SECONDS = 120
"""After this long no further round begins."""
MOST_RATIO = 1.3
MOST_MEGABYTES = 700.0
Measured = dict[str, list[dict[str, Any]]]


def rows(megabytes: int = MEGABYTES) -> list[Row]:
    source = WORK / "sales.csv"
    say(f"ingest of {megabytes} MB: making the file")
    csv_file.write_csv(source, 0, megabytes * csv_file.ROWS_A_MEGABYTE)
    size = source.stat().st_size / 1e6
    try:
        measured = _measured(source)
    finally:
        source.unlink()
    what = f"{size:.0f} MB CSV with its contract"
    return [*_of_engine(what, size, measured), *_of_service(what, measured)]


def _of_engine(what: str, size: float, measured: Measured) -> list[Row]:
    engine, copy = _typical_round(measured, "engine")
    note = (
        f"{measured['engine'][0]['rows']:,} rows, 8 columns: not null on all, one unique, five in ranges. "
        f"{size / engine:.0f} MB/s, COPY alone {size / copy:.0f} MB/s; the round of median ratio of "
        f"{len(measured['engine'])}; processor time {_processor_ratio(measured):.2f}x"
    )
    peak, peak_of_copy = (max(m["peak_mb"] for m in measured[way]) for way in ("engine", "copy"))
    memory = "resident memory of a process that does nothing else, interpreter included"
    return [
        Row(f"{what}: the engine", engine, "s", copy, "COPY", MOST_RATIO, "ratio", note),
        Row(f"{what}: peak memory", peak, "MB", peak_of_copy, "COPY", MOST_MEGABYTES, note=memory),
    ]


def _of_service(what: str, measured: Measured) -> list[Row]:
    service, copy = _typical_round(measured, "service")
    note = (
        "IngestDrops on in-memory adapters: also copies and hashes the source, hashes and stores the result, "
        "commits, publishes"
    )
    peak = max(m["peak_mb"] for m in measured["service"])
    return [
        Row(f"{what}: landed object to version", service, "s", copy, "COPY", note=note),
        Row(f"{what}: its peak memory", peak, "MB", target=MOST_MEGABYTES),
    ]


def _typical_round(measured: Measured, way: str) -> tuple[float, float]:
    """Seconds of ``way`` and of COPY in the round whose ratio is the median: compared is what was near."""
    pairs = [(m["seconds"], c["seconds"]) for m, c in zip(measured[way], measured["copy"], strict=True)]
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]


def _processor_ratio(measured: Measured) -> float:
    """As the neighbours of a busy machine do not change it."""
    engine, copy = (min(m["cpu_seconds"] for m in measured[way]) for way in ("engine", "copy"))
    return float(engine / copy)


def _measured(source: Path) -> Measured:
    """Every way once to warm the page cache, which is not counted, then in turns: all share one machine's
    moods.
    """
    found: Measured = {"copy": [], "engine": [], "service": []}
    began = time.monotonic()
    for number in range(ROUNDS + 1):
        if number > FEWEST_ROUNDS and time.monotonic() - began > MOST_SECONDS:
            break
        for way, results in found.items():
            if number == 0 and way == "service":
                continue
            result = in_own_process("tests.bench.ingest_file_process", way, str(source))
            numbers = (result["seconds"], result["cpu_seconds"], result["peak_mb"])
            say("{:<8} {:6.2f} s, {:5.1f} s of processors, {:5.0f} MB".format(way, *numbers))
            if number:
                results.append(result)
    return found
