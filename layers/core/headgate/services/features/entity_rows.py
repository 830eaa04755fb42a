"""Features of entity rows: what a caller sent, what the on-demand SQL makes of it, and what the online store
knew by then.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from headgate.domain.entity_key import entity_key
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.inference import InferRequest, names
from headgate.domain.online_space import online_spaces
from headgate.ports import Clock, FeatureEngine, OnlineRow, OnlineStore
from headgate.services.clock import iso, parse_iso
from headgate.services.features.row_times import MISSING, as_of, unusable

Row = dict[str, Any]


@dataclass(frozen=True)
class ViewAnswer:
    """What the online rows of one view gave a request: the feature versions that its values are of, and how
    many of the request's rows have none, by reason.
    """

    versions: tuple[str, ...]
    without: Mapping[str, int]


@dataclass(frozen=True)
class AssembledRows:
    """One row of features for each row of the request, the online rows that they rest on, and by view what
    they are of.
    """

    rows: Sequence[Row]
    used: tuple[OnlineRow, ...]
    views: Mapping[str, ViewAnswer]


@dataclass(frozen=True)
class EntityRows:
    """The use case."""

    online: OnlineStore
    engine: FeatureEngine
    clock: Clock

    def assemble(self, product: str, feature_set: FeatureSet, request: InferRequest) -> AssembledRows:
        """``feature_set`` as the model learnt from it. Raises InvalidRequest for columns that are missing,
        unknown, or do not fit their types.
        """
        types = {c.name: c.type for c in feature_set.request}
        event_time = feature_set.spine.event_time or ""
        unknown = set(request.columns) - set(types)
        missing = set(types) - set(request.columns) - {event_time}
        if unknown or missing:
            raise InvalidRequest(f"entity columns: missing {names(missing)}, unknown {names(unknown)}")
        now = iso(self.clock.now())
        rows = [
            {event_time: now, **_row(request, types, position, event_time)}
            for position in range(request.rows)
        ]
        if feature_set.on_demand is not None:
            computed = self.engine.on_demand(feature_set.on_demand, rows, types, feature_set.seed)
            rows = [{**row, **made} for row, made in zip(rows, computed, strict=True)]
        return self._looked_up(product, feature_set, rows)

    def _looked_up(self, product: str, feature_set: FeatureSet, rows: Sequence[Row]) -> AssembledRows:
        """One read for the whole request; values not yet known or too old are left out, as offline."""
        types, spaces = {c.name: c.type for c in feature_set.request}, online_spaces(feature_set)
        views = [view for view in feature_set.views if view.online]
        places = [[_name(spaces[view.name], view, row, types) for row in rows] for view in views]
        wanted = {name for each in places for name in each if name is not None}
        stored = self.online.read(product, sorted(wanted)) if wanted else {}
        event_time = feature_set.spine.event_time or ""
        found = [dict(row) for row in rows]
        used: dict[tuple[str, str], OnlineRow] = {}
        answers = {}
        for view, place in zip(views, places, strict=True):
            without: Counter[str] = Counter()
            versions = set()
            for row, name in zip(found, place, strict=True):
                entry = stored.get(name) if name is not None else None
                entry = None if entry is None else as_of(view, entry, row[event_time])
                why = MISSING if entry is None else unusable(view, entry, row[event_time])
                if name is None or entry is None or why is not None:
                    without[why or MISSING] += 1
                else:
                    used[name] = entry
                    versions.add(entry.feature_version)
                    row.update(entry.values)
            answers[view.name] = ViewAnswer(tuple(sorted(versions)), dict(without))
        return AssembledRows(found, tuple(used.values()), answers)


def _row(request: InferRequest, types: Mapping[str, str], position: int, event_time: str) -> Row:
    """What was sent of one row; instants are UTC, and an event time that is null is left to the clock."""
    row = {}
    for column, values in request.columns.items():
        value = values[position]
        if column == event_time and value is None:
            continue
        is_instant = column == event_time or types[column].upper().startswith("TIMESTAMP")
        row[column] = _instant(column, position, value) if is_instant and value is not None else value
    return row


def _instant(column: str, position: int, value: Any) -> str:
    """DuckDB's JSON reader drops an offset in silence: it must be gone before."""
    try:
        return parse_iso(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"input {column!r}, row {position}: an instant such as 2013-10-01T05:00:00Z is needed"
        ) from error


def _name(
    space: str, view: FeatureView, row: Mapping[str, Any], types: Mapping[str, str]
) -> tuple[str, str] | None:
    """Where the view's values of this row would be; null joins nothing. Raises InvalidRequest naming the
    columns of a value that does not fit its type.
    """
    parts = [row.get(column) for column in view.entity]
    if any(part is None for part in parts):
        return None
    try:
        return space, entity_key(parts, [types.get(column) for column in view.entity])
    except InvalidRequest as problem:
        raise InvalidRequest(f"{', '.join(view.entity)}: {problem}") from problem
