"""Point-in-time joins of millions of labels: a build beside SQL by hand, polars, pandas and Feast."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.features.label_data import VIEWS, write
from tests.bench.measuring import ROOT, WORK, in_own_process, say
from tests.bench.results import Row, not_measured

LABELS, FEAST_LABELS = 5_000_000, 100_000
ROUNDS = 3
MOST_RATIO = 1.3
MOST_OF_FEAST = 0.2
FEAST_BYTES = 8_000_000_000
PEER_SECONDS = 300
PEERS = ("polars", "pandas")
PYTHON = ROOT / ".envs" / "bench" / "bin" / "python"
COLUMNS = ("entity_id", "label", *(n for view in VIEWS for n in view.numbers))
Measured = dict[str, Any]


def rows() -> list[Row]:
    folder = WORK / "join"
    try:
        return [*_of_many(folder / "many"), *_beside_feast(folder / "few")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Table:
    """What is in the Parquet files that one way left: its rows, and a number that the same rows share in
    whatever order they are.
    """

    rows: int
    content: int

    @classmethod
    def below(cls, folder: Path) -> Table:
        with duckdb.connect() as connection:
            connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            values = f"hash(CAST(event_time AS TIMESTAMP), {', '.join(COLUMNS)})"
            read = f"read_parquet('{folder}/*.parquet')"
            found = connection.execute(f"SELECT count(*), sum({values} // 1024) FROM {read}").fetchone()
        assert found is not None
        return cls(int(found[0]), int(found[1]))


WAYS = ("hand", "labels", "hand_ordered", "labels_ordered", "ours")


def _of_many(folder: Path) -> list[Row]:
    say(f"{LABELS:,} labels: making the files")
    data = write(folder / "data", LABELS).folder
    rounds = [{way: _ours(way, data, folder / way) for way in WAYS} for _ in range(ROUNDS)]
    by_hand = Table.below(folder / "hand")
    for way in ("labels", "labels_ordered", "ours"):
        if (found := Table.below(folder / way)) != by_hand:
            raise RuntimeError(f"{way}: {found.rows} rows, other ones than the {by_hand.rows} by hand")
    typical = _typical(rounds, "labels", "hand")
    peers = [_beside(peer, data, folder, typical["labels"], by_hand) for peer in PEERS]
    return [*_beside_hand(rounds), *peers]


def _typical(rounds: list[dict[str, Measured]], way: str, other: str) -> dict[str, Measured]:
    """The round of median ratio."""
    return sorted(rounds, key=lambda each: each[way]["seconds"] / each[other]["seconds"])[ROUNDS // 2]


def _beside_hand(rounds: list[dict[str, Measured]]) -> list[Row]:
    what = f"{LABELS / 1e6:.0f}M labels, two views"
    cpu = {way: min(r[way]["cpu_seconds"] for r in rounds) for way in WAYS}
    peak = {way: max(r[way]["peak_mb"] for r in rounds) for way in WAYS}

    def row(name: str, way: str, other: str, target: float | None, note: str) -> Row:
        found = _typical(rounds, way, other)
        told = f"{note}; the round of median ratio of {ROUNDS}; processor time {cpu[way] / cpu[other]:.2f}x"
        seconds = (found[way]["seconds"], "s", found[other]["seconds"], "by hand")
        return Row(f"{what}: {name}", *seconds, target, "ratio", told)

    return [
        row(
            "the point-in-time join",
            "labels",
            "hand",
            MOST_RATIO,
            "labels of the reader's own with the stored views of a version, as the client joins them; by hand: "
            "views made one row a key, two ASOF joins of DuckDB, to a zstd Parquet file, its rows in no order",
        ),
        row(
            "the same, in one order",
            "labels_ordered",
            "hand_ordered",
            MOST_RATIO,
            "in the order that the labels came in; by hand with ORDER BY entity and time",
        ),
        row(
            "a whole build",
            "ours",
            "hand_ordered",
            None,
            "views of 200,000 rows and labels made one row a key and stored by months, joined month by month "
            "in one order, described, hashed and put in the store",
        ),
        Row(
            f"{what}: peak memory of the join",
            peak["labels"],
            "MB",
            peak["hand"],
            "by hand",
            note=f"a whole build {peak['ours']:.0f} MB; the same limit and threads",
        ),
    ]


def _beside(peer: str, data: Path, folder: Path, ours: Measured, table: Table) -> Row:
    name = f"{LABELS / 1e6:.0f}M labels, two views: beside {peer}"
    if (reason := _no_peers()) is not None:
        return not_measured(name, "s", reason)
    found = _peer(peer, data, folder / peer)
    note = f"{peer} {found['version']}, all in memory: {found['peak_mb']:.0f} MB; "
    note += _compared(Table.below(folder / peer), table, LABELS)
    return Row(name, ours["seconds"], "s", found["seconds"], peer, note=note)


def _beside_feast(folder: Path) -> list[Row]:
    name = f"{FEAST_LABELS:,} labels, two views: the point-in-time join"
    say(f"{FEAST_LABELS:,} labels: making the files")
    data = write(folder / "data", FEAST_LABELS).folder
    tries = [_ours("labels", data, folder / "labels") for _ in range(ROUNDS)]
    ours = sorted(tries, key=lambda m: m["seconds"])[ROUNDS // 2]
    table = Table.below(folder / "labels")
    lost = Row(f"labels lost of {FEAST_LABELS:,}", FEAST_LABELS - table.rows, "labels", target=0)
    if (reason := _no_peers()) is not None:
        return [lost, not_measured(name, "s", reason)]
    try:
        feast = _peer("feast", data, folder / "feast", FEAST_BYTES)
    except RuntimeError as error:
        return [lost, not_measured(name, "s", f"Feast: {str(error).splitlines()[-1]}")]
    theirs = Table.below(folder / "feast")
    note = (
        f"get_historical_features of Feast {feast['version']}, its file offline store (dask), "
        f"{feast['peak_mb']:.0f} MB; {_compared(theirs, table, FEAST_LABELS)}"
    )
    beside = Row(name, ours["seconds"], "s", feast["seconds"], "Feast", MOST_OF_FEAST, "ratio", note)
    return [beside, Row(lost.name, lost.value, lost.unit, FEAST_LABELS - theirs.rows, "Feast", target=0)]


def _compared(theirs: Table, ours: Table, labels: int) -> str:
    if theirs == ours:
        return "the same rows as ours"
    return (
        f"{labels - theirs.rows:,} of {labels:,} labels lost"
        if theirs.rows != labels
        else "other values than ours"
    )


def _ours(way: str, data: Path, out: Path) -> Measured:
    found = in_own_process("tests.bench.features.join_process", way, str(data), str(out))
    numbers = (found["seconds"], found["cpu_seconds"], found["peak_mb"])
    say("{:<12} {:6.2f} s, {:5.1f} s of processors, {:5.0f} MB".format(way, *numbers))
    return found


def _peer(peer: str, data: Path, out: Path, most_bytes: int = 0) -> Measured:
    arguments = (peer, str(data), str(out), str(most_bytes))
    module = "tests.bench.features.peer_joins"
    found = in_own_process(module, *arguments, python=PYTHON, most_seconds=PEER_SECONDS)
    say(f"{peer:<12} {found['seconds']:6.2f} s, {found['peak_mb']:5.0f} MB")
    return found


def _no_peers() -> str | None:
    return None if PYTHON.exists() else f"{PYTHON.relative_to(ROOT)} does not exist; `make bench` makes it"
