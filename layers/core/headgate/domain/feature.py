"""Feature views: what one ``.sql`` file declares.

What views make together is in `headgate.domain.feature_set`, what was built of them in
`headgate.domain.feature_version`, how time is cut into partitions in `headgate.domain.partition`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from headgate.domain.contract import IDENTIFIER
from headgate.domain.errors import InvalidRequest
from headgate.domain.partition import GRAINS, Grain

ViewKind = Literal["feature", "spine", "on_demand"]
BuildMode = Literal["incremental", "full"]
REQUEST_TABLE = "request"
"""What an on-demand view reads: the rows of one call, or offline those of the spine."""
WATERMARK_TABLE = "watermark"
WATERMARK_COLUMN = "reached"
"""One row ``(reached TIMESTAMP)``: how far the windowed inputs reach, the least of their newest event times.
A view that names it among its inputs may leave out rows later than ``reached``, and depend on it in no other
way.
"""
PLATFORM_PREFIX = "__"
"""What the platform calls its own tables and columns begins so."""
LONGEST_SECONDS = 36_525 * 86_400
"""A hundred years: sums of instants and longer durations may be no instants."""


@dataclass(frozen=True)
class Window:
    """How far a row of ``input`` reaches: it says something about event times from ``earliest`` to ``latest``
    seconds after its own, both included, and about no other.
    """

    input: str
    earliest: int
    latest: int


@dataclass(frozen=True)
class FeatureView:
    """One ``.sql`` file.

    ``event_time`` is the column that says when a row's values happened. They are known ``available_after``
    seconds later, or at ``known_at`` where a row says so itself and that is later still.
    ``max_age_seconds`` is the staleness cap: a value that happened longer ago counts as missing.
    ``windows`` says what a partition is made of; inputs without one are read whole. ``tests`` are SQL
    conditions that no row may fail.
    """

    name: str
    kind: ViewKind
    inputs: tuple[str, ...]
    entity: tuple[str, ...]
    event_time: str | None
    max_age_seconds: int | None
    online: bool
    sql: str
    known_at: str | None = None
    available_after: int = 0
    windows: tuple[Window, ...] = ()
    build: BuildMode = "full"
    partition: Grain = "month"
    tests: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "FeatureView":
        """Raises InvalidRequest naming the view and the field."""
        name, kind = document["name"], document["kind"]
        if kind not in ("feature", "spine", "on_demand"):
            raise InvalidRequest(f"view {name}: kind is {kind!r}; known: feature, spine, on_demand")
        times = [document[t] for t in ("event_time", "known_at") if document.get(t)]
        for column in [name, *document["entity"], *times, *document["inputs"]]:
            if not IDENTIFIER.match(column):
                raise InvalidRequest(f"view {name}: {column!r} is no identifier (letters, digits and _ only)")
        view = cls(
            name=name,
            kind=cast(ViewKind, kind),
            inputs=tuple(document["inputs"]),
            entity=tuple(document["entity"]),
            event_time=document.get("event_time"),
            max_age_seconds=document.get("max_age_seconds"),
            online=bool(document.get("online", False)),
            sql=document["sql"],
            known_at=document.get("known_at"),
            available_after=document.get("available_after", 0),
            windows=tuple(Window(**w) for w in document.get("windows", ())),
            build=document.get("build", "full"),
            partition=document.get("partition", "month"),
            tests=tuple(document.get("tests", ())),
        )
        for _, problem in view.problems():
            raise InvalidRequest(f"view {name}: {problem}")
        return view

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the header says that cannot be, each with the header's key."""
        if not self.entity:
            yield "entity", "no entity columns"
        if self.kind == "spine" and not self.event_time:
            yield "event_time", "a spine needs an event_time"
        if self.kind == "spine":
            yield from self._told_of_labels()
        if self.partition not in GRAINS:
            yield "partition", f"partition is {self.partition!r}; known: {', '.join(GRAINS)}"
        if self.known_at and not self.event_time:
            yield "known_at", "known_at needs an event_time: the newest of what is known is the value"
        if self.available_after and not self.event_time:
            yield "available_after", "available_after needs an event_time that it counts from"
        if self.max_age_seconds is not None and self.kind == "feature" and not self.event_time:
            yield "max_age", "max_age needs an event_time that the age counts from"
        if self.build not in ("incremental", "full"):
            yield "build", f"build is {self.build!r}; known: incremental, full"
        for key, seconds in (
            ("available_after", self.available_after),
            ("max_age", self.max_age_seconds or 0),
            *(("window", max(abs(w.earliest), abs(w.latest))) for w in self.windows),
        ):
            if seconds > LONGEST_SECONDS:
                yield key, f"{seconds // 86_400} days are too long; {LONGEST_SECONDS // 86_400}d are the most"
        for window in self.windows:
            if window.input not in self.inputs:
                yield "window", f"the window is of {window.input!r}, which is no input"
            if window.earliest > window.latest:
                yield "window", f"the window of {window.input} ends before it begins"
        if len({w.input for w in self.windows}) != len(self.windows):
            yield "window", "an input has two windows"
        if WATERMARK_TABLE in self.inputs and not self.windows:
            yield "inputs", "the watermark is that of inputs with a window; there is none"
        if self.build == "incremental" and (reason := self.whole_because) is not None:
            yield "build", f"cannot be incremental: {reason}"

    def _told_of_labels(self) -> Iterator[tuple[str, str]]:
        """A label's time is the prediction's: all of its columns are known by then, and none is too old."""
        told = {
            "known_at": self.known_at,
            "available_after": self.available_after,
            "max_age": self.max_age_seconds,
        }
        for key, value in told.items():
            if value:
                yield key, f"{key} is for feature views: what a spine yields is known at its event_time"

    @property
    def whole_because(self) -> str | None:
        """Why every build makes the whole view, or None when it is built by partitions."""
        if self.kind == "on_demand":
            return "it is computed of each request"
        if self.event_time is None:
            return "it has no event_time that would say which partition a row is in"
        if not self.windows:
            return "it declares no window: any row of an input may change any of its rows"
        return None if self.build == "incremental" else "its header says build: full"

    @property
    def incremental(self) -> bool:
        return self.whole_because is None

    def window(self, name: str) -> Window | None:
        return next((w for w in self.windows if w.input == name), None)

    @property
    def times(self) -> tuple[str, ...]:
        """Its columns that say when, not what."""
        return tuple(t for t in (self.event_time, self.known_at) if t)
