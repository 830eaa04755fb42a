"""`make bench`: measures, prints a table for each area, and saves it: `python -m tests.bench [area …]`.

An area's numbers are saved as build/bench/<area>.json. ``--only part …`` measures some parts of the areas.
Missing a target is said in the table and in the file, and is no failure of the command: a number is a number.
What cannot be measured at all ends it with status 1, after the other parts were measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench import growth, ingest_file, latency, many_drops, storage
from tests.bench.features import incremental, join, large, online
from tests.bench.measuring import ROOT, WORK, say
from tests.bench.results import Row, not_measured, save, table
from tests.bench.training import fits, jobs

Measure = Callable[[], list[Row]]


@dataclass(frozen=True)
class Area:
    """``asked`` areas are measured only when they are named."""

    parts: dict[str, Measure]
    asked: bool = False


AREAS = {
    "data": Area(
        {
            "ingest": ingest_file.rows,
            "drops": many_drops.rows,
            "latency": latency.rows,
            "growth": growth.rows,
            "storage": storage.rows,
        }
    ),
    "features": Area({"join": join.rows, "incremental": incremental.rows, "online": online.rows}),
    "training": Area({"fits": fits.rows, "jobs": jobs.rows}),
    "features_large": Area({"large": large.rows}, asked=True),
}
PARTS = [part for area in AREAS.values() for part in area.parts]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    usual = [name for name, area in AREAS.items() if not area.asked]
    parser.add_argument(
        "areas", nargs="*", metavar="area", help=f"{', '.join(AREAS)}; {' and '.join(usual)} if none"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.areas) - set(AREAS)):
        parser.error(f"no such area: {', '.join(unknown)}; known: {', '.join(AREAS)}")
    say(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    chosen = {
        name: {part: measure for part, measure in AREAS[name].parts.items() if part in arguments.only}
        for name in arguments.areas or usual
    }
    measured = [_area(name, parts) for name, parts in chosen.items() if parts]
    return 0 if all(measured) else 1


def _area(name: str, parts: dict[str, Measure]) -> bool:
    """Measures, prints and saves one area; whether all of it could be measured."""
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    rows, complete = _measured(parts)
    shutil.rmtree(WORK, ignore_errors=True)
    saved = ROOT / f"build/bench/{name}.json"
    save(rows, saved)
    print(table(rows))
    missed = [row.name for row in rows if not row.ok]
    seconds = time.monotonic() - started
    print(f"{name}: {len(rows) - len(missed)} of {len(rows)} ok, {seconds:.0f} s, saved as {saved}")
    for row in missed:
        print(f"MISSED: {row}")
    return complete


def _measured(parts: dict[str, Measure]) -> tuple[Sequence[Row], bool]:
    rows: list[Row] = []
    complete = True
    for part, measure in parts.items():
        try:
            rows += measure()
        except Exception as error:  # the other parts are worth measuring all the same
            traceback.print_exc()
            rows.append(not_measured(part, "", f"{type(error).__name__}: {str(error).splitlines()[-1:]}"))
            complete = False
    return rows, complete


if __name__ == "__main__":
    sys.exit(main())
