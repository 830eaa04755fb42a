"""Lineage of columns through views, and the facet that tells it."""

from __future__ import annotations

from typing import Any

import pytest
from headgate.domain.column_lineage import ColumnSource, column_lineage_facet, of_rows, through
from headgate.domain.errors import LineageUnknown
from headgate.domain.lineage import Node, edges_of, run_event


def direct(subtype: str, column: str = "x", dataset: str = "raw") -> ColumnSource:
    return ColumnSource(dataset, column, "DIRECT", subtype)


def indirect(subtype: str, column: str = "x", dataset: str = "raw") -> ColumnSource:
    return ColumnSource(dataset, column, "INDIRECT", subtype)


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("IDENTITY", "IDENTITY", "IDENTITY"),
        ("TRANSFORMATION", "IDENTITY", "TRANSFORMATION"),
        ("IDENTITY", "TRANSFORMATION", "TRANSFORMATION"),
        ("AGGREGATION", "IDENTITY", "AGGREGATION"),
        ("AGGREGATION", "TRANSFORMATION", "AGGREGATION"),
        ("TRANSFORMATION", "AGGREGATION", "AGGREGATION"),
    ],
)
def test_a_view_of_a_view_changes_a_value_as_much_as_the_stronger_of_both(
    inner: str, outer: str, expected: str
) -> None:
    found = through({"v": {"y": (direct(inner),)}}, {"z": (direct(outer, "y", "v"),)})

    assert found == {"z": (direct(expected),)}


def test_what_is_indirect_on_the_way_stays_indirect() -> None:
    views = {"v": {"kept": (direct("IDENTITY"),), "chosen": (indirect("CONDITIONAL", "a"),)}}

    found = through(
        views, {"z": (indirect("WINDOW", "kept", "v"),), "w": (direct("AGGREGATION", "chosen", "v"),)}
    )

    assert found == {"z": (indirect("WINDOW"),), "w": (indirect("CONDITIONAL", "a"),)}


def test_views_are_followed_down_to_datasets_and_other_tables_stay() -> None:
    views = {
        "low": {"y": (direct("IDENTITY"), direct("IDENTITY", "w"))},
        "high": {"y": (direct("TRANSFORMATION", "y", "low"), direct("IDENTITY", "k", "other"))},
    }

    found = through(views, {"z": (direct("IDENTITY", "y", "high"),)})

    assert found == {
        "z": (
            direct("IDENTITY", "k", "other"),
            direct("TRANSFORMATION", "w"),
            direct("TRANSFORMATION"),
        )
    }


def test_what_decides_the_rows_of_a_view_decides_those_of_what_reads_it() -> None:
    rows = indirect("FILTER", "kept")
    views = {"v": {"y": tuple(sorted((direct("IDENTITY"), rows))), "other": (rows,)}}

    found = through(views, {"z": (direct("IDENTITY", "y", "v"),), "one": ()})

    assert found == {"z": (rows, direct("IDENTITY")), "one": (rows,)}


def test_views_that_read_each_other_are_refused() -> None:
    views = {"a": {"x": (direct("IDENTITY", "x", "b"),)}, "b": {"x": (direct("IDENTITY", "x", "a"),)}}

    with pytest.raises(LineageUnknown, match="the view a reads itself"):
        through(views, {"x": (direct("IDENTITY", "x", "a"),)})


def test_a_column_that_a_view_does_not_make_is_refused() -> None:
    with pytest.raises(LineageUnknown, match="the view v makes no column y"):
        through({"v": {"x": ()}}, {"z": (direct("IDENTITY", "y", "v"),)})


def test_rows_are_what_every_column_names_indirectly() -> None:
    rows = indirect("FILTER", "k")

    assert of_rows({"a": (direct("IDENTITY"), rows), "b": (rows, indirect("WINDOW"))}) == {rows}
    assert of_rows({"a": (rows,), "b": ()}) == frozenset()
    assert of_rows({}) == frozenset()


def test_the_facet_says_once_what_concerns_all_rows() -> None:
    rows = indirect("JOIN", "k")
    lineage = {
        "total": (direct("AGGREGATION"), indirect("CONDITIONAL"), rows),
        "id": (direct("IDENTITY", "id"), rows),
    }

    facet = column_lineage_facet(lambda dataset: ("headgate", f"dataset/flights/{dataset}"), lineage)

    def field(column: str, *how: tuple[str, str]) -> dict[str, object]:
        return {
            "namespace": "headgate",
            "name": "dataset/flights/raw",
            "field": column,
            "transformations": [{"type": kind, "subtype": subtype} for kind, subtype in how],
        }

    assert facet == {
        "_producer": "https://headgate.dev/headgate",
        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json"
        "#/$defs/ColumnLineageDatasetFacet",
        "fields": {
            "id": {"inputFields": [field("id", ("DIRECT", "IDENTITY"))]},
            "total": {"inputFields": [field("x", ("DIRECT", "AGGREGATION"), ("INDIRECT", "CONDITIONAL"))]},
        },
        "dataset": [field("k", ("INDIRECT", "JOIN"))],
    }


def test_an_output_carries_facets_beside_its_facts_and_edges_are_the_same() -> None:
    def event(output: Node) -> dict[str, Any]:
        source = Node("dataset/p/raw/v1", {"sha256": "ab"})
        return run_event(job="build", run_key="1", time="2024-01-01", inputs=[source], outputs=[output])

    facet = column_lineage_facet(lambda name: ("headgate", name), {"x": (direct("IDENTITY"),)})

    plain = event(Node("features/p/s/1", {"rows": 3}))
    rich = event(Node("features/p/s/1", {"rows": 3}, {"columnLineage": facet}))

    facts = plain["outputs"][0]["facets"]
    assert set(facts) == {"headgate_facts"}
    assert rich["outputs"][0]["facets"] == {**facts, "columnLineage": facet}
    assert edges_of(rich) == edges_of(plain) != ()
