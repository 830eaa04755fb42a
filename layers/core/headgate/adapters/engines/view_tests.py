"""The generated tests of a view over one of its partitions: more of its inputs changes nothing, and what
became known later changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.leak_futures import before_all
from headgate.adapters.engines.leak_test import Leak, LeakInput, find_leaks
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.adapters.engines.view_maker import ViewMaker, watermark_row
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import WATERMARK_TABLE, FeatureView
from headgate.ports import Source, ViewFiles, ViewTask

LEAK_MARGIN = timedelta(days=1)
GROWN = 400 * 86400
"""So many seconds later the watermark is when there is more data: in another year."""
LEAK_INSTANTS = 5
"""So many are tried in a partition: a leak shows only while something is told and not known yet."""
RARE_INSTANTS = 2
"""So many more of each feature that nearly always has one value: a leak may be in the few other rows."""


def view_tests(
    maker: ViewMaker, task: ViewTask, wide: ViewTask, built: ViewFiles, label: str | None
) -> Iterator[Mapping[str, Any]]:
    """What each test found. The inputs are read once, and kept while the tests run."""
    if task.view.event_time is None and not any(_leak_input(s, "").dated for s in wide.sources):
        return
    given = {source.name: _kept(maker, wide, n, source) for n, source in enumerate(wide.sources)}
    if task.partitions:
        needed = {s.name: sql.rows_within(s, given[s.name]) for s in task.sources}
        for relations in (needed, given):
            rows = _window_test(maker, task, built, relations)
        yield {"name": "window", "passed": True, "rows": rows}
    if task.view.event_time is None:
        yield _always_known_test(maker, wide, given)
    else:
        yield _leak_test(maker, wide, built, given, label)
    for n in range(len(wide.sources)):
        maker.connection.execute(f"DROP TABLE {_table(n)}")


def _kept(maker: ViewMaker, task: ViewTask, number: int, source: Source) -> str:
    maker.run(f"CREATE OR REPLACE TEMP TABLE {_table(number)} AS {sql.input_relation(source)}", task.view)
    return f"SELECT * FROM {_table(number)}"


def _table(number: int) -> str:
    return identifier(f"__given_{number}")


def _window_test(maker: ViewMaker, task: ViewTask, built: ViewFiles, relations: Mapping[str, str]) -> int:
    """The rows of the partition, made of ``relations``, which must be those that were built."""
    view, name = task.view, task.partitions[0].name
    maker.make(replace(task, everything=False), relations)
    rows = relation_sql(built.data.files, built.data.schema)
    made = f"SELECT * FROM {sql.CHUNK}"
    one, other = f"(({made}) EXCEPT ALL ({rows}))", f"(({rows}) EXCEPT ALL ({made}))"
    most = f"greatest((SELECT count(*) FROM {one}), (SELECT count(*) FROM {other}))"
    maker.run(f"SELECT {most}, (SELECT count(*) FROM {sql.CHUNK})", view)
    different, count = maker.connection.fetchone() or (0, 0)
    if different:
        windows = ", ".join(f"{w.input} {w.earliest}s..{w.latest}s" for w in view.windows)
        raise InvalidRequest(
            f"view {view.name}: {different} rows of {name} change with how much of its inputs is read beyond "
            f"what its windows say ({windows}): declare wider ones, or build: full"
        )
    return int(count)


def _leak_test(
    maker: ViewMaker, task: ViewTask, built: ViewFiles, given: Mapping[str, str], label: str | None
) -> Mapping[str, Any]:
    """At instants when a row of the partition has just become known: a value that is told too early is
    one that is not known yet at just such an instant. Of a spine the label is left out, and which rows there
    are: both are told by the future.
    """
    view = task.view
    if label is not None:
        view = replace(view, sql=f"SELECT * EXCLUDE ({identifier(label)}) FROM {sql.rows_of(view)}")
    read = WATERMARK_TABLE in view.inputs
    extra = {WATERMARK_TABLE: watermark_row(task)} if read else {}
    grown = {WATERMARK_TABLE: watermark_row(task, GROWN)} if read else {}
    instants = _instants(maker, view, built)
    for at in instants:
        inputs = [_leak_input(s, _around(task.view, s, at, given[s.name])) for s in task.sources]
        if leaks := find_leaks(maker.connection, view, inputs, at, extra, view.kind == "feature", grown):
            raise InvalidRequest(_told(task, leaks))
    return _passed(instants, task)


def _passed(instants: Sequence[datetime], task: ViewTask) -> dict[str, Any]:
    """``always_known`` are inputs that say nothing of when: of them no future can be made."""
    told = {"name": "leak", "passed": True, "instants": [f"{at.isoformat()}Z" for at in instants]}
    timeless = sorted(s.name for s in task.sources if not _leak_input(s, "").dated)
    return {**told, "always_known": timeless} if timeless else told


def _instants(maker: ViewMaker, view: FeatureView, built: ViewFiles) -> list[datetime]:
    maker.run(sql.some_instants(built, LEAK_INSTANTS), view)
    found = {row[0] for row in maker.connection.fetchall()}
    maker.run(f"CREATE OR REPLACE TEMP TABLE __seen AS {sql.known_rows(built)}", view)
    for feature in sql.feature_names(built):
        maker.run(sql.rare_instants("__seen", feature, RARE_INSTANTS), view)
        found |= {row[0] for row in maker.connection.fetchall()}
    maker.run("DROP TABLE __seen", view)
    return sorted(found)


def _always_known_test(maker: ViewMaker, task: ViewTask, given: Mapping[str, str]) -> Mapping[str, Any]:
    """A view without an event time is joined to labels of any time: it must be the same when nothing of its
    inputs that has a time is known yet.
    """
    view, inputs = task.view, [_leak_input(s, given[s.name]) for s in task.sources]
    befores = [before for each in inputs if (before := _before(maker, view, each)) is not None]
    if not befores:
        return _passed([], task)
    at = min(befores)
    if leaks := find_leaks(maker.connection, view, inputs, at):
        why = f"it has no event_time, so that rows of any time see it: give {view.name} one"
        raise InvalidRequest(f"{_told(task, leaks)}; {why}")
    return _passed([at], task)


def _before(maker: ViewMaker, view: FeatureView, given: LeakInput) -> datetime | None:
    if not given.dated:
        return None
    maker.run(before_all(given), view)
    row: tuple[datetime | None, ...] = maker.connection.fetchone() or (None,)
    return row[0]


def _told(task: ViewTask, leaks: Sequence[Leak]) -> str:
    restricted = any(c.classification == "restricted" for s in task.sources for c in s.data.schema)
    told = [replace(leak, example="hidden") if restricted else leak for leak in leaks]
    return "; ".join(leak.sentence for leak in told)


def _around(view: FeatureView, source: Source, at: datetime, rows: str) -> str:
    """Of a windowed input what reaches the days around ``at``: a leak shows in the rows just before it."""
    window = view.window(source.name)
    if window is None or source.time is None:
        return rows
    reach = timedelta(seconds=max(abs(window.earliest), abs(window.latest))) + LEAK_MARGIN
    near = replace(source, start=at - reach, end=at + reach)
    return sql.rows_within(near, rows)


def _leak_input(source: Source, relation: str) -> LeakInput:
    columns = tuple((c.name, c.type) for c in source.data.schema)
    known = (source.time, source.key, source.known_at, source.rows_known_at)
    return LeakInput(source.name, relation, columns, *known)
