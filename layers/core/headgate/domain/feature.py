"""Feature views and feature sets: what is declared, and the graph they make.

What was built of them is in `headgate.domain.feature_version`, how time is cut into partitions in
`headgate.domain.partition`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from headgate.domain.canonical import digest
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
        if self.partition not in GRAINS:
            yield "partition", f"partition is {self.partition!r}; known: {', '.join(GRAINS)}"
        if self.known_at and not self.event_time:
            yield "known_at", "known_at needs an event_time: the newest of what is known is the value"
        if self.available_after and not self.event_time:
            yield "available_after", "available_after needs an event_time that it counts from"
        if self.build not in ("incremental", "full"):
            yield "build", f"build is {self.build!r}; known: incremental, full"
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


@dataclass(frozen=True)
class RequestColumn:
    """One column a caller sends for an entity row; ``type`` is a DuckDB scalar type."""

    name: str
    type: str


@dataclass(frozen=True)
class FeatureSet:
    """A training table: the spine with its on-demand features and the as-of joined views.

    ``helpers`` are views that others read and that are not joined themselves; ``event_times`` maps dataset to
    the column that says when a row of it happened. ``seed`` is what ``seed()`` gives in a view's SQL.
    """

    name: str
    spine: FeatureView
    on_demand: FeatureView | None
    views: tuple[FeatureView, ...]
    label: str | None
    request: tuple[RequestColumn, ...]
    helpers: tuple[FeatureView, ...] = ()
    event_times: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    @classmethod
    def from_document(
        cls,
        document: Mapping[str, Any],
        views: Mapping[str, FeatureView],
        event_times: Mapping[str, str] | None = None,
    ) -> "FeatureSet":
        """Raises InvalidRequest when it names a view that is missing or of the wrong kind."""

        def view(name: str, kind: ViewKind) -> FeatureView:
            found = views.get(name)
            if found is None:
                raise InvalidRequest(
                    f"feature set {document['name']}: no view {name!r}; known: {', '.join(sorted(views))}"
                )
            if found.kind != kind:
                raise InvalidRequest(
                    f"feature set {document['name']}: view {name!r} is {found.kind}, {kind} is needed"
                )
            return found

        on_demand = document.get("on_demand")
        spine = view(document["spine"], "spine")
        joined = tuple(view(v, "feature") for v in document["views"])
        needed = in_order([spine, *joined], views)
        helpers = tuple(v for v in needed if v not in (spine, *joined))
        datasets = {i for v in needed for i in v.inputs}
        return cls(
            name=document["name"],
            spine=spine,
            on_demand=view(on_demand, "on_demand") if on_demand else None,
            views=joined,
            label=document.get("label"),
            request=tuple(RequestColumn(**c) for c in document.get("request", ())),
            helpers=helpers,
            event_times={d: c for d, c in sorted((event_times or {}).items()) if d in datasets},
            seed=document.get("seed", 0),
        )

    @property
    def built(self) -> tuple[FeatureView, ...]:
        """Everything that is stored, what is read before what reads it."""
        everything = [*self.helpers, self.spine, *self.views]
        return in_order(everything, {v.name: v for v in everything})

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every dataset the set reads, sorted."""
        views = {v.name for v in (self.spine, *self.views, *self.helpers)}
        read = {i for v in (self.spine, *self.views, *self.helpers) for i in v.inputs}
        return tuple(sorted(read - views - {WATERMARK_TABLE}))

    def event_time_of(self, name: str) -> str | None:
        """The column of an input, dataset or view, that says when a row of it happened."""
        view = next((v for v in (*self.helpers, self.spine, *self.views) if v.name == name), None)
        return self.event_times.get(name) if view is None else view.event_time

    def whole_because(self, view: FeatureView) -> str | None:
        """Why every build makes the whole view: what its header says, or that an input has no event time."""
        if (reason := view.whole_because) is not None:
            return reason
        for window in view.windows:
            if self.event_time_of(window.input) is None:
                return f"{window.input} has no event time: its contract names none"
        return None

    def recipe_digest(self) -> str:
        """Digest of everything declared: SQL, headers, label, request columns and seed."""
        return digest(asdict(self))


def in_order(wanted: Sequence[FeatureView], views: Mapping[str, FeatureView]) -> tuple[FeatureView, ...]:
    """``wanted`` and all views they read, each after what it reads. Raises InvalidRequest for a cycle."""
    done: dict[str, FeatureView] = {}

    def visit(view: FeatureView, path: tuple[str, ...]) -> None:
        if view.name in path:
            raise InvalidRequest(f"views read each other in a circle: {circle_text((*path, view.name))}")
        if view.name not in done:
            for name in view.inputs:
                if name in views and view.kind != "on_demand":
                    visit(views[name], (*path, view.name))
            done[view.name] = view

    for view in wanted:
        visit(view, ())
    return tuple(done.values())


def circle_text(path: Sequence[str]) -> str:
    """``a -> b -> a``: the part of ``path`` from the first time it meets its last name."""
    return " -> ".join(path[path.index(path[-1]) :])


def graph_problems(
    views: Mapping[str, FeatureView], datasets: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """What is wrong between the views of a product: (view, header key, problem)."""
    known = set(datasets)
    for name in sorted(known & set(views)):
        yield name, "name", f"{name!r} is a dataset and a view: SQL could not tell them apart"
    for name in views:
        if name == WATERMARK_TABLE:
            yield name, "name", f"{name!r} is no name for a view: SQL calls something else so"
    for view in views.values():
        for name in view.inputs:
            if (problem := _input_problem(view, name, views, known)) is not None:
                yield view.name, "inputs", problem
        try:
            in_order([] if view.kind == "on_demand" else [view], views)
        except InvalidRequest as circle:
            yield view.name, "inputs", str(circle)


def _input_problem(
    view: FeatureView, name: str, views: Mapping[str, FeatureView], datasets: set[str]
) -> str | None:
    if view.kind == "on_demand":
        return None if name == REQUEST_TABLE else f"an on_demand view reads {REQUEST_TABLE} alone, not {name}"
    if name == WATERMARK_TABLE or name in datasets:
        return None
    if name not in views:
        return f"reads {name}, which is neither a dataset nor a view of the product"
    if views[name].kind == "on_demand":
        return f"reads {name}, which is computed of each request and stored nowhere"
    return None


def entity_key(parts: Sequence[Any]) -> str:
    """The online store's key of an entity: its columns' values, escaped and joined by ``|``.

    Equal values have one key: null is not the empty text, and 5.0 is 5.
    """
    return "|".join(map(_key_part, parts))


def _key_part(part: Any) -> str:
    if part is None:
        return "\\N"
    if isinstance(part, float) and part.is_integer():
        part = int(part)
    return str(part).replace("\\", "\\\\").replace("|", "\\|")
