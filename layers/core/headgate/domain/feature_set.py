"""Feature sets: the views that make a training table, and the graph that views make."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import (
    PLATFORM_PREFIX,
    REQUEST_TABLE,
    WATERMARK_TABLE,
    FeatureView,
    ViewKind,
)


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
        if name.lower() == WATERMARK_TABLE or name.startswith(PLATFORM_PREFIX):
            yield name, "name", f"{name!r} is no name for a view: SQL calls something else so"
        for other in sorted(known | set(views)):
            if other != name and other.lower() == name.lower():
                yield (
                    name,
                    "name",
                    f"{name!r} and {other!r} are one name to SQL, which knows no case",
                )
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
