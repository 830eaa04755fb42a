"""The same appends by others: `python -m tests.bench.peers dvc|pyiceberg <drops> <scratch> <seconds>`.

Runs in the environment `.envs/bench`, which holds the peers and nothing of this project: this module imports
the standard library, and a peer where it is measured. As with ours, the last appends are measured in turns
with the first of a twin. Prints ``{"version", "appends", "first", "last"}``, seconds of 100 appends each.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

WINDOW = 100
Append = Callable[[Path], None]


def by_dvc(scratch: Path) -> Append:
    """A directory under DVC that a file is added to; no Git around it, whose commits would only add time."""
    os.environ["DVC_NO_ANALYTICS"] = "1"
    from dvc.repo import Repo  # type: ignore[import-not-found]

    os.chdir(scratch)
    repository = Repo.init(no_scm=True)
    data = scratch / "data"
    data.mkdir()

    def append(file: Path) -> None:
        os.chdir(scratch)
        shutil.copyfile(file, data / file.name)
        repository.add("data")

    return append


def by_pyiceberg(scratch: Path) -> Append:
    """A table of a SQLite catalog on local disk, with pyiceberg's own settings; the file is read as CSV."""
    from pyarrow import csv
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("bench", uri=f"sqlite:///{scratch}/catalog.db", warehouse=f"file://{scratch}/lake")
    catalog.create_namespace("bench")
    tables: list[object] = []

    def append(file: Path) -> None:
        rows = csv.read_csv(file)
        if not tables:
            tables.append(catalog.create_table("bench.sales", schema=rows.schema))
        tables[0].append(rows)  # type: ignore[attr-defined]

    return append


PEERS: dict[str, Callable[[Path], Append]] = {"dvc": by_dvc, "pyiceberg": by_pyiceberg}


def main(peer: str, drops: Path, scratch: Path, most_seconds: float) -> None:
    files = sorted(drops.resolve().glob("*.csv"))
    old, young = (_made(peer, scratch.resolve() / name) for name in ("old", "young"))
    appends, began = 0, time.perf_counter()
    while appends < len(files) - WINDOW and time.perf_counter() - began < most_seconds:
        old(files[appends])
        appends += 1
    first, last = 0.0, 0.0
    for number in range(WINDOW):
        first += _seconds(young, files[number])
        last += _seconds(old, files[appends + number])
    os.chdir("/")
    shutil.rmtree(scratch.resolve())
    found = {"version": metadata.version(peer), "appends": appends + WINDOW, "first": first, "last": last}
    print(json.dumps(found))


def _made(peer: str, scratch: Path) -> Append:
    scratch.mkdir(parents=True)
    return PEERS[peer](scratch)


def _seconds(append: Append, file: Path) -> float:
    started = time.perf_counter()
    append(file)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
