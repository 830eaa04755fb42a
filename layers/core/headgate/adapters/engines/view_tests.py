"""The generated tests of a view over one of its partitions: more of its inputs changes nothing, and what
became
known later changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.leak_test import LeakInput, find_leaks
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.adapters.engines.view_maker import ViewMaker, watermark_row
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import WATERMARK_TABLE
from headgate.ports import Source, ViewFiles, ViewTask

LEAK_INSTANTS = 5
"""So many are tried in a partition: a leak shows only while something is told and not known yet."""


def view_tests(maker: ViewMaker, task: ViewTask, built: ViewFiles) -> Iterator[Mapping[str, Any]]:
    """What each test found. The inputs are read once, and kept while the tests run."""
    view = task.view
    if view.event_time is None:
        return
    given = {source.name: _kept(maker, task, n, source) for n, source in enumerate(task.sources)}
    if task.partitions:
        yield _window_test(maker, task, built, given)
    if view.kind == "feature":
        yield _leak_test(maker, task, built, given)
    for n in range(len(task.sources)):
        maker.connection.execute(f"DROP TABLE {_table(n)}")


def _kept(maker: ViewMaker, task: ViewTask, number: int, source: Source) -> str:
    maker.run(f"CREATE OR REPLACE TEMP TABLE {_table(number)} AS {sql.input_relation(source)}", task.view)
    return f"SELECT * FROM {_table(number)}"


def _table(number: int) -> str:
    return identifier(f"__given_{number}")


def _window_test(
    maker: ViewMaker, task: ViewTask, built: ViewFiles, given: Mapping[str, str]
) -> Mapping[str, Any]:
    view, name = task.view, task.partitions[0].name
    maker.make(replace(task, everything=False), given)
    rows = relation_sql(built.data.files, built.data.schema)
    made = f"SELECT * FROM {sql.CHUNK}"
    query = f"(({made}) EXCEPT ALL ({rows})) UNION ALL (({rows}) EXCEPT ALL ({made}))"
    maker.run(f"SELECT count(*), (SELECT count(*) FROM {sql.CHUNK}) FROM ({query})", view)
    different, count = maker.connection.fetchone() or (0, 0)
    if different:
        windows = ", ".join(f"{w.input} {w.earliest}s..{w.latest}s" for w in view.windows)
        raise InvalidRequest(
            f"view {view.name}: {different} rows of {name} are others when more of its inputs is read "
            f"than its windows say ({windows}): declare wider ones, or build: full"
        )
    return {"name": "window", "passed": True, "rows": count}


def _leak_test(
    maker: ViewMaker, task: ViewTask, built: ViewFiles, given: Mapping[str, str]
) -> Mapping[str, Any]:
    """At instants when a row of the partition has just become known: a value that is told too early is
    one that is not known yet at just such an instant.
    """
    view = task.view
    extra = {WATERMARK_TABLE: watermark_row(task)} if WATERMARK_TABLE in view.inputs else {}
    inputs = [_leak_input(source, given[source.name]) for source in task.sources]
    restricted = any(c.classification == "restricted" for s in task.sources for c in s.data.schema)
    maker.run(sql.some_instants(built, LEAK_INSTANTS), view)
    instants = [row[0] for row in maker.connection.fetchall()]
    for at in instants:
        if leaks := find_leaks(maker.connection, view, inputs, at, extra):
            told = [replace(leak, example="hidden") if restricted else leak for leak in leaks]
            raise InvalidRequest("; ".join(leak.sentence for leak in told))
    return {"name": "leak", "passed": True, "instants": [f"{at.isoformat()}Z" for at in instants]}


def _leak_input(source: Source, relation: str) -> LeakInput:
    columns = tuple((c.name, c.type) for c in source.data.schema)
    return LeakInput(source.name, relation, columns, source.time, source.key, source.known_at)
