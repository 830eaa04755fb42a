"""The newest online row of one entity for people: its values, and whether a prediction would use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headgate.domain.entity_key import entity_key
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.feature import FeatureView
from headgate.domain.feature_masking import Hidden
from headgate.domain.identity import Principal
from headgate.domain.online_space import online_space
from headgate.ports import OnlineRow, OnlineStore
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_sets import READ, FeatureSets, GrantedSet
from headgate.services.features.row_times import MISSING, as_of, known_from, unusable

NOT_BUILT = "the view was declared anew and is not built yet"


@dataclass(frozen=True)
class ReadOnline:
    """The use case. Values of restricted columns are masked."""

    sets: FeatureSets
    online: OnlineStore

    def get(
        self,
        principal: Principal,
        product: str,
        feature_set: str,
        view: str,
        keys: Sequence[str],
        at: str | None,
    ) -> dict[str, Any]:
        """One request to the store, and where it has no row a look at the newest version. ``keys`` are the
        values of the view's entity columns in their order, ``at`` an ISO-8601 instant, now when it is None.

        ``{"view", "entity", "key", "at", "usable", "why", "values", "event_time", "known_at", "age_seconds",
        "max_age_seconds", "feature_version"}``; from ``values`` on None without a row. Raises AccessDenied,
        NotFound, InvalidRequest, Throttled.
        """
        granted = self.sets.allow(principal, READ, product, feature_set)
        asked, moment = _online_view(granted, view), self._moment(at)
        if len(keys) != len(asked.entity):
            raise InvalidRequest(
                f"view {view} is by {', '.join(asked.entity)}: {len(asked.entity)} key(s) are needed in this "
                f"order, found {len(keys)}"
            )
        types = {c.name: c.type for c in granted.feature_set.request}
        key = entity_key(list(keys), [types.get(column) for column in asked.entity])
        place = (online_space(granted.feature_set, asked), key)
        found = self.online.read(product, [place]).get(place)
        row = None if found is None else as_of(asked, found, iso(moment))
        why = self._missing(granted, place[0]) if row is None else unusable(asked, row, iso(moment))
        return {
            "view": view,
            "entity": dict(zip(asked.entity, keys, strict=True)),
            "key": key,
            "at": iso(moment),
            "usable": why is None,
            "why": why or "",
            "max_age_seconds": asked.max_age_seconds,
            **_told(asked, row, moment, granted.hidden),
        }

    def _missing(self, granted: GrantedSet, space: str) -> str:
        """Why there is no row: none of the entity, or none of any since the view was declared anew."""
        head = self.sets.catalog.feature_head(granted.product, granted.name)
        if head is None:
            return "nothing is built yet"
        return MISSING if space in self.sets.manifest(head).spaces else NOT_BUILT

    def _moment(self, at: str | None) -> datetime:
        try:
            return self.sets.clock.now() if at is None else parse_iso(at).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"{at!r} is no instant: 2013-10-01T05:00:00Z is needed") from error


def _online_view(granted: GrantedSet, name: str) -> FeatureView:
    found = next((v for v in granted.feature_set.views if v.name == name), None)
    online = [v.name for v in granted.feature_set.views if v.online]
    if found is None:
        raise NotFound(
            f"feature set {granted.name} joins no view {name!r}; online are {', '.join(online) or 'none'}"
        )
    if not found.online:
        raise InvalidRequest(
            f"view {name} has no online rows: its header does not say online: true; online are "
            f"{', '.join(online) or 'none'}"
        )
    return found


def _told(view: FeatureView, row: OnlineRow | None, at: datetime, hidden: Hidden) -> dict[str, Any]:
    if row is None:
        names = ("values", "event_time", "known_at", "age_seconds", "feature_version")
        return dict.fromkeys(names)
    times: dict[str, Any] = {"event_time": None, "known_at": None, "age_seconds": None}
    if (known := known_from(view, row.event_time, row.known_at)) is not None:
        times = {
            "event_time": row.event_time,
            "known_at": iso(known),
            "age_seconds": round((at - parse_iso(row.event_time)).total_seconds(), 3),
        }
    return {"values": hidden.row(row.values), **times, "feature_version": row.feature_version}
