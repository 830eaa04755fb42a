"""The same appends by others: `python -m tests.bench.peers dvc|pyiceberg <drops> <scratch> <seconds>`.

Runs in the environment `.envs/bench`, which holds the peers and nothing of this project: this module imports
the standard library, and a peer where it is measured. Prints ``{"version", "seconds": [a float an append]}``.
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

Append = Callable[[Path], None]


def by_dvc(scratch: Path) -> Append:
    """A directory under DVC that a file is added to; no Git around it, whose commits would only add time."""
    os.environ["DVC_NO_ANALYTICS"] = "1"
    os.chdir(scratch)
    from dvc.repo import Repo  # type: ignore[import-not-found]

    repository = Repo.init(no_scm=True)
    data = scratch / "data"
    data.mkdir()

    def append(file: Path) -> None:
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
    scratch = scratch.resolve()
    files = sorted(drops.resolve().glob("*.csv"))
    scratch.mkdir(parents=True)
    append, seconds, began = PEERS[peer](scratch), [], time.perf_counter()
    for file in files:
        started = time.perf_counter()
        append(file)
        seconds.append(time.perf_counter() - started)
        if time.perf_counter() - began > most_seconds:
            break
    os.chdir("/")
    shutil.rmtree(scratch)
    print(json.dumps({"version": metadata.version(peer), "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
