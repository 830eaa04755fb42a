"""Whether the views of a feature set fit together: keys, names, and what an on-demand view reads.

Works on the columns that `headgate.cli.bind_views` found. A view that has none is told of there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate.cli.bind_views import Columns, bind_view
from headgate.cli.compile_descriptor import Descriptor
from headgate.cli.compile_view import ViewSource
from headgate.cli.yaml_source import FieldPath, YamlSource
from headgate.domain.column_type import ColumnType, UnknownType, parse_type
from headgate.domain.feature import REQUEST_TABLE

Problems = Iterator[tuple[FieldPath, str]]
"""(path within the feature set, message)."""


def bind_sets(
    views: Mapping[str, ViewSource],
    bound: Mapping[str, Columns],
    descriptor: Descriptor,
    source: YamlSource,
) -> None:
    """Notes in ``source`` what does not fit a set, and in an on-demand view's own what it cannot read.

    ``bound`` are the columns of the stored views that can run.
    """
    for name, declared in descriptor.feature_sets.items():
        spine = bound.get(str(declared["spine"]))
        if spine is None:
            continue
        found = dict(bound)
        on_demand = views.get(str(declared["on_demand"]))
        if on_demand is not None and on_demand.view.kind == "on_demand":
            columns = _bind_on_demand(on_demand, spine, declared)
            found |= {on_demand.name: columns} if columns else {}
        for path, message in _problems(declared, spine, views, found):
            source.problem((*descriptor.set_paths[name], *path), message)


def _bind_on_demand(source: ViewSource, spine: Columns, declared: Mapping[str, Any]) -> Columns | None:
    """Over the spine's rows as offline, and over what a call brings."""
    offline = {c: kind for c, kind in spine.items() if c != declared["label"]}
    columns = bind_view(source, {REQUEST_TABLE: offline})
    sent = {str(column.get("name")) for column in declared["request"]}
    online = {c: kind for c, kind in offline.items() if c in sent}
    if columns is None or not online:
        return columns
    return bind_view(source, {REQUEST_TABLE: online})


def _problems(
    declared: Mapping[str, Any],
    spine: Columns,
    views: Mapping[str, ViewSource],
    bound: Mapping[str, Columns],
) -> Problems:
    label = declared["label"]
    if label is not None and label not in spine:
        yield ("label",), f"the spine {declared['spine']} yields no column {label!r}"
    for position, column in enumerate(declared["request"]):
        yield from ((("request", position), m) for m in _request_problem(column, spine, declared))
    joined: list[tuple[FieldPath, str]] = [(("views", n), str(v)) for n, v in enumerate(declared["views"])]
    if declared["on_demand"]:
        joined.insert(0, (("on_demand",), str(declared["on_demand"])))
    makers = {column.lower(): str(declared["spine"]) for column in spine}
    for path, name in joined:
        if name not in bound:
            continue
        view = views[name].view
        for message in _entity_problems(name, view.entity, bound[name], spine):
            yield path, message
        for feature in bound[name]:
            if feature in view.entity or feature in view.times:
                continue
            other = makers.setdefault(feature.lower(), name)
            if other != name:
                yield path, f"the column {feature} of {name} is made by {other} already; call one otherwise"


def _request_problem(column: Mapping[str, Any], spine: Columns, declared: Mapping[str, Any]) -> Iterator[str]:
    name, kind = str(column.get("name")), str(column.get("type"))
    if name == declared["label"]:
        yield f"{name} is the label, which no call can know"
    elif name not in spine:
        yield f"the spine {declared['spine']} yields no column {name!r}"
    elif _canonical(kind) != _canonical(spine[name]):
        yield f"{name} is {kind}, and {spine[name]} in the spine {declared['spine']}"


def _canonical(kind: str) -> str:
    found = _type(kind)
    return kind if found is None else str(found)


def _type(kind: str) -> ColumnType | None:
    """None for engine types that no column of a contract has."""
    try:
        return parse_type(kind)
    except UnknownType:
        return None


def _entity_problems(name: str, entity: Sequence[str], columns: Columns, spine: Columns) -> Iterator[str]:
    for column in entity:
        if column in columns and column not in spine:
            yield f"{name} is joined by {column}, which the spine lacks; it yields {', '.join(spine)}"
        elif column in columns and not _comparable(columns[column], spine[column]):
            yield (
                f"{name} is joined by {column}, which is {columns[column]} in it and {spine[column]} in the "
                "spine; cast one"
            )


def _comparable(one: str, other: str) -> bool:
    """Whether equal values are equal in both types. The engine would compare a number with a text, too."""
    mine, theirs = _type(one), _type(other)
    if mine is None or theirs is None:
        return one == other
    return mine.holds(theirs) or theirs.holds(mine)
