"""Which files reach a partition, and which partitions a label may see: as a plain search says, and fast."""

import time
from datetime import UTC, datetime, timedelta

from headgate.domain.dataset_input import InputFile
from headgate.domain.feature import FeatureView, Window
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import Partition, ViewVersion
from headgate.domain.manifest import SchemaColumn
from headgate.domain.partition import Grain, Span, before
from headgate.services.clock import iso
from headgate.services.features.feature_plan import SeenPartitions, plan_view
from headgate.services.features.planned_input import PlannedFile, PlannedInput, span_of
from hypothesis import given
from hypothesis import strategies as st

BEGIN = datetime(2010, 1, 1, tzinfo=UTC)
spans = st.lists(st.tuples(st.integers(0, 24 * 90), st.integers(0, 24 * 40)), max_size=12)


def view(grain: Grain, earliest: int, latest: int, max_age: int | None = None) -> FeatureView:
    windows = (Window("d", earliest, latest),)
    fixed = {"windows": windows, "build": "incremental", "partition": grain}
    return FeatureView("v", "feature", ("d",), ("k",), "t", max_age, False, "SELECT 1", **fixed)  # type: ignore[arg-type]


def dataset(found: list[Span]) -> PlannedInput:
    files = [PlannedFile(InputFile(f"u{n}", ()), f"{n:064d}", 1, span) for n, span in enumerate(found)]
    return PlannedInput("d", (SchemaColumn("t", "TIMESTAMP", True, "internal"),), tuple(files), "t")


def a_set(of: FeatureView) -> FeatureSet:
    return FeatureSet("f", of, None, (), None, (), event_times={"d": "t"})


def hours(first: int, length: int) -> Span:
    return Span(BEGIN + timedelta(hours=first), BEGIN + timedelta(hours=first + length))


@given(
    files=spans,
    grain=st.sampled_from(["day", "month", "year"]),
    earliest=st.integers(-50, 50),
    length=st.integers(0, 90),
)
def test_a_step_counts_the_bytes_of_just_the_files_that_reach_its_partition(
    files: list[tuple[int, int]], grain: Grain, earliest: int, length: int
) -> None:
    of = view(grain, earliest * 3600, (earliest + length) * 3600)
    read = dataset([hours(*each) for each in files])

    plan = plan_view(a_set(of), of, {"d": read}, "e")

    for step in plan.steps if files else ():
        assert step.cut is not None
        start = before(step.cut.start, (earliest + length) * 3600)
        reaching = read.within(start, before(step.cut.end, earliest * 3600))
        assert step.bytes == len(reaching) > 0
        assert plan.task([step]).sources[0].data.files == tuple(f.file for f in reaching)


@given(built=spans, spine=st.tuples(st.integers(0, 2500), st.integers(0, 900)), age=st.integers(0, 900))
def test_a_label_sees_what_was_known_by_its_end_and_not_older_than_the_cap(
    built: list[tuple[int, int]], spine: tuple[int, int], age: int
) -> None:
    for max_age in (None, age * 3600):
        parts = [partition(str(n), hours(*each)) for n, each in enumerate(built)]
        label = partition("spine", hours(*spine))
        at = span_of(label)
        assert at is not None
        wanted = [
            p
            for p in parts
            if (s := span_of(p))
            and s.first <= at.last
            and (max_age is None or s.last >= before(at.first, max_age))
        ]
        for order in (parts, sorted(parts, key=lambda p: (p.min_event_time, p.max_event_time))):
            seen = SeenPartitions(view("day", 0, 0, max_age), ViewVersion("v", "r", (), tuple(order), None))
            assert seen.of(label) == tuple(p for p in order if p in wanted)


def test_ten_years_of_days_are_planned_in_no_time() -> None:
    of = view("day", 0, 27 * 3600, 6 * 3600)
    started = time.monotonic()
    plan = plan_view(a_set(of), of, {"d": dataset([hours(24 * n, 23) for n in range(3650)])}, "e")
    parts = [
        partition(s.name, Span(s.cut.start, s.cut.end - timedelta(hours=1))) for s in plan.steps if s.cut
    ]
    seen = SeenPartitions(of, ViewVersion("v", "r", (), tuple(parts), None))
    assert sum(len(seen.of(label)) for label in parts) < 3 * len(parts)
    # every file looked at for every partition took a minute here
    assert time.monotonic() - started < 10


def partition(name: str, span: Span) -> Partition:
    return Partition(name, name, name, name, 1, 1, None, iso(span.first), iso(span.last))
