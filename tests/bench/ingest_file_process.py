"""One ingest of one file in a process of its own: `python -m tests.bench.ingest_file_process <way> <csv>`.

Prints ``{"seconds", "cpu_seconds", "peak_mb", "rows"}``.

The ways: ``copy`` is DuckDB's own COPY, told the types, with as many threads as ingest has; ``engine`` is the
product's ingest engine; ``service`` is the whole use case, from the landed object to the committed version
and its events, on in-memory adapters.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.bootstrap import MEMORY_SHARE
from headgate.domain.dataset import Drop

from tests.bench import csv_file
from tests.bench.measuring import peak_megabytes, seconds_of
from tests.support.memory_platform import MemoryPlatform

THREADS = 2
FUNCTION_MEGABYTES = 2048
"""MemorySize of IngestFunction in template.yaml."""

Prepared = Callable[[], int]


def limits() -> Limits:
    """What bootstrap gives the engine in a function of that size."""
    return Limits(int(FUNCTION_MEGABYTES * 1024**2 * MEMORY_SHARE), THREADS)


def by_copy(source: Path, scratch: Path) -> Prepared:
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute("SET enable_progress_bar = false")
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in csv_file.TYPES.items())
    reader = f"read_csv('{source}', auto_detect=false, header=true, columns={{{types}}})"
    copy = f"COPY (SELECT * FROM {reader}) TO '{scratch / 'out.parquet'}' (FORMAT parquet, COMPRESSION zstd)"

    def act() -> int:
        row = connection.execute(copy).fetchone()
        return int(row[0]) if row else 0

    return act


def by_engine(source: Path, scratch: Path) -> Prepared:
    inside = scratch / "source"
    inside.hardlink_to(source)
    engine, contract = DuckDbIngestEngine(limits()), csv_file.contract()
    return lambda: engine.convert(inside, "sales.csv", contract, scratch / "out.parquet").rows


def by_service(source: Path, scratch: Path) -> Prepared:
    platform = MemoryPlatform(scratch)
    platform.limits = limits()
    platform.restart()
    platform.apply_product(csv_file.bundle())
    key = f"{csv_file.PRODUCT}/{csv_file.DATASET}/sales.csv"
    platform.landing.upload(source, key)
    drop = Drop("landing", key, platform.landing.version_ids(key)[-1], source.stat().st_size, "message-1")

    def act() -> int:
        report = platform.ingest_now(drop)
        if len(report.committed) != 1:
            raise RuntimeError(f"not taken in: {report.quarantined or report.failed}")
        return report.committed[0].rows

    return act


WAYS: dict[str, Callable[[Path, Path], Prepared]] = {
    "copy": by_copy,
    "engine": by_engine,
    "service": by_service,
}


def main(way: str, source: Path) -> None:
    import duckdb  # noqa: F401 - the time of its import is no part of any way

    with tempfile.TemporaryDirectory(dir=source.parent) as scratch:
        act = WAYS[way](source, Path(scratch))
        rows: list[int] = []
        cpu = time.process_time()
        seconds = seconds_of(lambda: rows.append(act()))
        cpu = time.process_time() - cpu
    found = {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak_megabytes(), "rows": rows[0]}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
