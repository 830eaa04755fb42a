"""Column lineage: which columns of what was read each column of a result comes from, and how; as OpenLineage
says it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headgate.domain.errors import LineageUnknown
from headgate.domain.lineage import PRODUCER

FACET_URL = (
    "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
)
DIRECT, INDIRECT = "DIRECT", "INDIRECT"
_CHANGED = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
"""Subtypes of DIRECT, each farther from the value than the one before."""


@dataclass(frozen=True, order=True)
class ColumnSource:
    """One column that was read. ``dataset`` is what the SQL calls the table: a dataset or a view.

    ``type`` and ``subtype`` are OpenLineage's: DIRECT (IDENTITY, TRANSFORMATION, AGGREGATION) where values
    come from it, INDIRECT (JOIN, GROUP_BY, FILTER, SORT, WINDOW, CONDITIONAL) where it decides which do.
    """

    dataset: str
    column: str
    type: str
    subtype: str

    def under(self, outer: "ColumnSource") -> "ColumnSource":
        """This source of a column that is itself read as ``outer`` says."""
        if outer.type == INDIRECT:
            return replace(self, type=INDIRECT, subtype=outer.subtype)
        if self.type == INDIRECT:
            return self
        return replace(self, subtype=max(self.subtype, outer.subtype, key=_CHANGED.index))


ColumnLineage = Mapping[str, tuple[ColumnSource, ...]]
"""Sources of each output column, sorted, none twice. What decides which rows there are is a source of every
column.
"""


def of_rows(lineage: ColumnLineage) -> frozenset[ColumnSource]:
    """The INDIRECT sources that every column has."""
    found = [{s for s in sources if s.type == INDIRECT} for sources in lineage.values()]
    return frozenset(set.intersection(*found)) if found else frozenset()


def through(views: Mapping[str, ColumnLineage], lineage: ColumnLineage) -> ColumnLineage:
    """``lineage`` with the columns of ``views`` replaced by their own sources, until only datasets are left.

    What decides the rows of a view that any column names is a source of all columns. A view of which no
    column is named at all leaves no trace. Raises LineageUnknown for a column that a view does not make, and
    for views that read each other.
    """
    return _through(views, lineage, ())


def _through(
    views: Mapping[str, ColumnLineage], lineage: ColumnLineage, path: tuple[str, ...]
) -> ColumnLineage:
    read = sorted({s.dataset for sources in lineage.values() for s in sources} & set(views))
    if again := [name for name in read if name in path]:
        raise LineageUnknown(f"the view {again[0]} reads itself, through {' and '.join(path)}")
    resolved = {name: _through(views, views[name], (*path, name)) for name in read}
    rows = {source for name in read for source in of_rows(resolved[name])}
    return {
        column: tuple(sorted({*rows, *(made for s in sources for made in _replaced(s, resolved))}))
        for column, sources in lineage.items()
    }


def _replaced(source: ColumnSource, views: Mapping[str, ColumnLineage]) -> Iterable[ColumnSource]:
    view = views.get(source.dataset)
    if view is None:
        return [source]
    if source.column not in view:
        raise LineageUnknown(f"the view {source.dataset} makes no column {source.column}")
    return [inner.under(source) for inner in view[source.column]]


def column_lineage_facet(
    namespace_of: Callable[[str], tuple[str, str]], lineage: ColumnLineage
) -> dict[str, Any]:
    """The ``columnLineage`` facet of OpenLineage (ColumnLineageDatasetFacet 1-2-0) for an output dataset.

    ``namespace_of`` gives the (namespace, name) of a dataset. What concerns all rows is said once, under
    ``dataset``.
    """
    rows = of_rows(lineage)
    facet: dict[str, Any] = {
        "_producer": PRODUCER,
        "_schemaURL": FACET_URL,
        "fields": {
            column: {"inputFields": _input_fields(namespace_of, set(sources) - rows)}
            for column, sources in sorted(lineage.items())
        },
    }
    return facet | ({"dataset": _input_fields(namespace_of, rows)} if rows else {})


def _input_fields(
    namespace_of: Callable[[str], tuple[str, str]], sources: Iterable[ColumnSource]
) -> list[dict[str, Any]]:
    how: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for source in sorted(sources):
        said = {"type": source.type, "subtype": source.subtype}
        how.setdefault((source.dataset, source.column), []).append(said)
    named = [(*namespace_of(dataset), column, said) for (dataset, column), said in how.items()]
    return [
        {"namespace": namespace, "name": name, "field": column, "transformations": said}
        for namespace, name, column, said in named
    ]
