"""Whether a spine's labels are where its windows say, so that none is lost between partitions.

A partition is made of the inputs that its windows reach, perhaps by itself in a later build. A label of it
that comes from other rows would be there in one build and lost in silence in the next.
"""

from dataclasses import replace
from datetime import datetime

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.view_maker import ViewMaker
from headgate.domain.errors import InvalidRequest
from headgate.domain.partition import LAST, before
from headgate.ports import Source, ViewTask

MARGIN_SECONDS = 2 * 86400
"""So far from a partition's edge rows of the inputs are tried."""
MOST_EDGES = 24


def require_reach(maker: ViewMaker, task: ViewTask) -> None:
    """Raises InvalidRequest where labels on one side of an edge of the task's partitions come from rows of
    inputs that reach the other side alone. Of a spine with an input that is read whole nothing can be told.
    The names of the inputs are bound to other rows afterwards.
    """
    if not task.partitions or any(task.view.window(s.name) is None for s in task.sources):
        return
    edges = [task.partitions[0].start, *(cut.end for cut in task.partitions)]
    for edge in [each for each in edges if each != LAST][-MOST_EDGES:]:
        _require(maker, task, edge, later=True)
        _require(maker, task, edge, later=False)


def _require(maker: ViewMaker, task: ViewTask, edge: datetime, later: bool) -> None:
    """``later``: labels from the edge on, made of rows that reach none of them."""
    relations = {s.name: _beyond(task, s, edge, later) for s in task.sources}
    time = identifier(task.view.event_time or "")
    side = f"{time} {'>=' if later else '<'} {sql.instant(edge)}"
    maker.bind(task, relations)
    maker.run(
        f"SELECT count(*), min({time}) FROM ({sql.view_query(task.view)}) WHERE {side}",
        task.view,
    )
    count, first = maker.connection.fetchone() or (0, None)
    if count:
        windows = ", ".join(f"{w.input} {w.earliest}s..{w.latest}s" for w in task.view.windows)
        raise InvalidRequest(
            f"view {task.view.name}: {count} labels, the first of {first}, come from rows that its windows "
            f"({windows}) do not let reach them: a build of their partition alone would lose them"
        )


def _beyond(task: ViewTask, source: Source, edge: datetime, later: bool) -> str:
    """The rows near the edge that reach no instant on its other side."""
    window = task.view.window(source.name)
    assert window is not None and source.start is not None and source.end is not None
    if later:
        end = before(edge, window.latest)
        start = before(end, MARGIN_SECONDS)
    else:
        start = before(edge, window.earliest)
        end = before(start, -MARGIN_SECONDS)
    near = replace(source, start=max(start, source.start), end=min(end, source.end))
    return sql.input_relation(near)
