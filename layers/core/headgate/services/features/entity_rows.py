"""Features of entity rows: what a caller sent, what the on-demand SQL makes of it, and what the online store
knew by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView, entity_key
from headgate.domain.feature_set import FeatureSet
from headgate.domain.inference import InferRequest, names
from headgate.ports import Clock, FeatureEngine, OnlineRow, OnlineStore
from headgate.services.clock import iso, parse_iso

Row = dict[str, Any]


@dataclass(frozen=True)
class AssembledRows:
    """One row of features for each row of the request, and the online rows that they rest on."""

    rows: Sequence[Row]
    used: tuple[OnlineRow, ...]


@dataclass(frozen=True)
class EntityRows:
    """The use case."""

    online: OnlineStore
    engine: FeatureEngine
    clock: Clock

    def assemble(self, product: str, feature_set: FeatureSet, request: InferRequest) -> AssembledRows:
        """Raises InvalidRequest for columns that are missing, unknown, or do not fit their types."""
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
        online = [view for view in feature_set.views if view.online]
        return self._looked_up(product, online, rows, event_time)

    def _looked_up(
        self, product: str, views: Sequence[FeatureView], rows: Sequence[Row], event_time: str
    ) -> AssembledRows:
        """One read for the whole request; values not yet known or too old are left out, as offline."""
        wanted = {name for view in views for row in rows if (name := _name(view, row)) is not None}
        stored = self.online.read(product, sorted(wanted)) if wanted else {}
        used: dict[tuple[str, str], OnlineRow] = {}
        found = []
        for row in rows:
            values: Row = {}
            for view in views:
                name = _name(view, row)
                entry = stored.get(name) if name is not None else None
                if name is None or entry is None:
                    continue
                if unusable(view, entry, row[event_time]) is None:
                    used[name] = entry
                    values.update(entry.values)
            found.append({**row, **values})
        return AssembledRows(found, tuple(used.values()))


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


def _name(view: FeatureView, row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Where the view's values of this row would be; null joins nothing."""
    parts = [row.get(column) for column in view.entity]
    return None if None in parts else (view.name, entity_key(parts))


def unusable(view: FeatureView, row: OnlineRow, at: str) -> str | None:
    """Why a row is not used at the instant ``at`` (ISO-8601), or None when it is: a value is known
    ``available_after`` seconds after it happened, and its age counts from when it happened, as offline.
    """
    if not row.event_time:
        return None
    age = (parse_iso(at) - parse_iso(row.event_time)).total_seconds()
    if age < view.available_after:
        return "it is not known yet"
    if view.max_age_seconds is not None and age > view.max_age_seconds:
        return "it is stale"
    return None
