"""`make bench`: measures, prints one table, and saves it: `python -m tests.bench [--only part …]`.

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
from collections.abc import Callable

from tests.bench import growth, ingest_file, latency, many_drops, storage
from tests.bench.measuring import ROOT, WORK, say
from tests.bench.results import Row, not_measured, save, table

PARTS: dict[str, Callable[[], list[Row]]] = {
    "ingest": ingest_file.rows,
    "drops": many_drops.rows,
    "latency": latency.rows,
    "growth": growth.rows,
    "storage": storage.rows,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure")
    wanted = parser.parse_args().only
    started = time.monotonic()
    say(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    shutil.rmtree(WORK, ignore_errors=True)
    rows, failed = [], False
    for part in wanted:
        try:
            rows += PARTS[part]()
        except Exception as error:  # the other parts are worth measuring all the same
            traceback.print_exc()
            rows.append(not_measured(part, "", f"{type(error).__name__}: {str(error).splitlines()[-1:]}"))
            failed = True
    shutil.rmtree(WORK, ignore_errors=True)
    saved = ROOT / "build/bench/data.json"
    save(rows, saved)
    print(table(rows))
    missed = [row.name for row in rows if not row.ok]
    print(
        f"{len(rows) - len(missed)} of {len(rows)} ok, {time.monotonic() - started:.0f} s, saved as {saved}"
    )
    for name in missed:
        print(f"MISSED: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
