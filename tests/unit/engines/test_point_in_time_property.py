"""Training rows against a plain search: each label gets what was known by its time, whatever comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from headgate.domain.feature import FeatureView, Window
from headgate.domain.feature_set import FeatureSet
from headgate.domain.partition import Grain
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.local_features import build_locally, planned_input
from tests.unit.engines.test_feature_engine import feature_set

EVENING = datetime(2024, 1, 31, 22)
"""Two hours later another day begins, and another month."""
QUARTER = 900
SENSOR = pa.schema(
    [
        ("shop", pa.string()),
        ("bay", pa.int32()),
        ("happened", pa.timestamp("us")),
        ("said", pa.timestamp("us")),
        ("warmth", pa.float64()),
        ("people", pa.int32()),
    ]
)
VISITS = pa.schema(
    [
        ("visit_id", pa.string()),
        ("visited_at", pa.timestamp("us")),
        ("shop", pa.string()),
        ("bay", pa.int32()),
    ]
)
SPINE = "SELECT visit_id, visited_at, shop, bay, 1 AS bought FROM visits"


@dataclass(frozen=True)
class Reading:
    shop: str | None
    bay: int | None
    happened: datetime | None
    said: datetime | None
    warmth: float | None
    people: int | None

    @property
    def values(self) -> tuple[float | None, int | None]:
        return self.warmth, self.people


@dataclass(frozen=True)
class Visit:
    visited_at: datetime
    shop: str | None
    bay: int | None


@dataclass(frozen=True)
class Header:
    """What the view says of itself."""

    available_after: int
    max_age: int | None
    says_when: bool
    grain: Grain
    incremental: bool

    def view(self, like: FeatureView) -> FeatureView:
        said = "said, " if self.says_when else ""
        return replace(
            like,
            entity=("shop", "bay"),
            event_time="happened",
            known_at="said" if self.says_when else None,
            available_after=self.available_after,
            max_age_seconds=self.max_age,
            partition=self.grain,
            sql=f"SELECT shop, bay, happened, {said}warmth, people FROM sensor",
            **self.built_by("sensor"),
        )

    def built_by(self, name: str) -> dict[str, Any]:
        if not self.incremental:
            return {"build": "full", "windows": ()}
        return {"build": "incremental", "windows": (Window(name, 0, 0),)}

    def set(self) -> FeatureSet:
        declared = feature_set()
        spine = replace(declared.spine, sql=SPINE, partition=self.grain, **self.built_by("visits"))
        return replace(
            declared,
            spine=spine,
            on_demand=None,
            views=tuple(self.view(view) for view in declared.views),
            event_times={"sensor": "happened", "visits": "visited_at"},
        )


# Few instants, keys and values, so that ties and the very limits are common; what is missing is rare.
instants = st.builds(
    lambda quarter, after: EVENING + timedelta(seconds=quarter * QUARTER, microseconds=after),
    st.integers(0, 12),
    st.sampled_from([0, 0, 0, 0, 1, 999_999]),
)
shops, bays = st.sampled_from([*["north"] * 7, "south", None]), st.sampled_from([*[1] * 7, 2, None])
said = st.sampled_from([None, *(quarters * QUARTER for quarters in (-3, -2, -1, 0, 0, 1, 1, 2, 3, 5))])


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    there, after = draw(st.sampled_from([*[True] * 9, False])), draw(said)
    happened = draw(instants) if there else None
    when = None if happened is None or after is None else happened + timedelta(seconds=after)
    warmth, people = draw(st.sampled_from([0.5, 1.5, 2.5, None])), draw(st.sampled_from([0, 1, None]))
    return Reading(draw(shops), draw(bays), happened, when, warmth, people)


visits = st.builds(Visit, instants, shops, bays)
headers = st.builds(
    Header,
    available_after=st.sampled_from([0, 0, QUARTER, 3600]),
    max_age=st.sampled_from([None, QUARTER, 3600, 7200]),
    says_when=st.booleans(),
    grain=st.sampled_from(["day", "month"]),
    incremental=st.booleans(),
)


def known(header: Header, visit: Visit, read: list[Reading]) -> tuple[float | None, int | None]:
    """Of what was known by the visit the newest event, of that event the last word, of equal ones the least
    values, null last; nothing if it happened too long before.
    """
    found: list[tuple[tuple[Any, ...], Reading]] = []
    for reading in read:
        if None in (visit.shop, visit.bay) or (reading.shop, reading.bay) != (visit.shop, visit.bay):
            continue
        if reading.happened is None:
            continue
        at = reading.happened + timedelta(seconds=header.available_after)
        word = reading.said if header.says_when else None
        if max(at, word or at) <= visit.visited_at:
            newest = (reading.happened, word or datetime.min)
            found.append(((newest, [(v is not None, -(v or 0)) for v in reading.values]), reading))
    if not found:
        return None, None
    _, best = max(found, key=lambda each: each[0])
    assert best.happened is not None
    age = (visit.visited_at - best.happened).total_seconds()
    return (None, None) if header.max_age is not None and age > header.max_age else best.values


def written(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def training_rows(
    folder: Path, header: Header, read: list[Reading], came: list[Visit]
) -> list[dict[str, Any]]:
    """As the platform makes them, of readings in two files."""
    visits = [{"visit_id": f"v{n}", **vars(visit)} for n, visit in enumerate(came)]
    sensor = [
        written(folder / f"sensor-{n}.parquet", [vars(r) for r in read[n::2]], SENSOR) for n in range(2)
    ]
    inputs = {
        "visits": planned_input("visits", [written(folder / "v.parquet", visits, VISITS)], "visited_at"),
        "sensor": planned_input("sensor", sensor, "happened"),
    }
    return build_locally(header.set(), inputs, folder / "build").rows


# A case takes a tenth of a second: making one that fails smaller would take minutes.
@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    header=headers,
    read=st.lists(readings(), min_size=8, max_size=40),
    came=st.lists(visits, min_size=6, max_size=20),
)
def test_every_label_is_one_row_with_what_was_known_by_its_time(
    header: Header, read: list[Reading], came: list[Visit]
) -> None:
    with TemporaryDirectory() as folder:
        rows = training_rows(Path(folder), header, read, came)
    found = {row["visit_id"]: (row["warmth"], row["people"]) for row in rows}
    assert len(rows) == len(came)
    assert found == {f"v{n}": known(header, visit, read) for n, visit in enumerate(came)}
