"""What differs between two versions, as far as schemas, files and their statistics tell."""

import json
from typing import Any

import duckdb
import pytest
from headgate.domain.canonical import canonical_json
from headgate.domain.column_summary import (
    ColumnSummary,
    StatisticsChange,
    statistics_changes,
    summaries,
    value_order,
)
from headgate.domain.contract import Contract
from headgate.domain.dataset import ColumnStats, DataFile, SourceRef
from headgate.domain.errors import InvalidRequest
from headgate.domain.manifest import SchemaColumn
from headgate.domain.row_diff import ChangedRow, DuplicateKey, RowDiff, SampleRow, Samples
from headgate.domain.schema_diff import SchemaChange, pair_columns, schema_changes
from headgate.domain.version_diff import (
    DiffedVersion,
    DiffReport,
    FileChange,
    SharedFiles,
    hidden_columns,
)
from hypothesis import given
from hypothesis import strategies as st

SOURCE = SourceRef("landing", "shops/visits/1.csv", "v", "5" * 64, 10)


def column(name: str, kind: str = "INTEGER", *former: str, **changes: Any) -> SchemaColumn:
    fields: dict[str, Any] = {"required": False, "classification": "internal", **changes}
    return SchemaColumn(name, kind, former_names=former, **fields)


def stats(name: str, kind: str, nulls: int, low: str, high: str) -> ColumnStats:
    return ColumnStats(name, kind, nulls, low, high)


def file(name: str, rows: int, *columns: ColumnStats) -> DataFile:
    return DataFile(f"shops/visits/{name}", 10, name, rows, columns, SOURCE, (0, rows))


# --- schemas


def test_columns_come_go_are_renamed_and_widened() -> None:
    old = (column("id"), column("town", "VARCHAR"), column("fax", "VARCHAR"))
    new = (
        column("id", "BIGINT", required=True),
        column("city", "VARCHAR", "town", classification="restricted"),
        column("zip", "VARCHAR"),
    )

    pairs = pair_columns(old, new)

    assert [(p.before.name, p.after.name, p.type) for p in pairs] == [
        ("id", "id", "BIGINT"),
        ("town", "city", "VARCHAR"),
    ]
    assert schema_changes(old, new, pairs) == (
        SchemaChange("fax", "removed", "VARCHAR", None),
        SchemaChange("id", "type_widened", "INTEGER", "BIGINT"),
        SchemaChange("id", "required", "optional", "required"),
        SchemaChange("city", "renamed", "town", "city"),
        SchemaChange("city", "classification", "internal", "restricted"),
        SchemaChange("zip", "added", None, "VARCHAR"),
    )


def test_backwards_the_later_versions_former_names_tell_renames() -> None:
    early, late = (column("town", "VARCHAR"),), (column("city", "VARCHAR", "town"),)
    (pair,) = pair_columns(late, early, after_is_newer=False)
    assert (pair.before.name, pair.after.name) == ("city", "town")
    assert pair_columns(late, early, after_is_newer=True) == ()


def test_a_name_that_was_given_to_another_column_since_is_that_other_column() -> None:
    old, new = (column("price"),), (column("net", "INTEGER", "price"), column("price"))
    pairs = pair_columns(old, new)
    assert [(p.before.name, p.after.name) for p in pairs] == [("price", "net")]
    assert [c.kind for c in schema_changes(old, new, pairs)] == ["renamed", "added"]


@pytest.mark.parametrize(
    ("old", "new", "compared", "kind"),
    [
        ("INTEGER", "BIGINT", "BIGINT", "type_widened"),
        ("BIGINT", "INTEGER", "BIGINT", "type_narrowed"),
        ("DATE", "TIMESTAMP", "TIMESTAMP", "type_widened"),
        ("DOUBLE", "VARCHAR", "VARCHAR", "type_changed"),
        ("BOOLEAN", "DATE", "VARCHAR", "type_changed"),
    ],
)
def test_values_are_compared_in_the_type_that_holds_both(
    old: str, new: str, compared: str, kind: str
) -> None:
    before, after = (column("a", old),), (column("a", new),)
    (pair,) = pair_columns(before, after)
    (change,) = schema_changes(before, after, (pair,))
    assert (pair.type, change.kind) == (compared, kind)


def test_a_column_that_is_only_comparable_as_text_says_so() -> None:
    (number,) = pair_columns((column("a"),), (column("a", "BIGINT"),))
    (text,) = pair_columns((column("a", "BOOLEAN"),), (column("a", "DATE"),))
    assert (number.comparable, text.comparable) == (True, False)


# --- statistics


def test_files_are_summed_up_as_readers_see_them() -> None:
    schema = (column("city", "VARCHAR", "town"), column("size"), column("late", "BOOLEAN"))
    files = [
        file("old", 3, stats("town", "VARCHAR", 1, "Bonn", "Ulm"), stats("size", "X", 0, "9", "9")),
        file(
            "new",
            2,
            stats("city", "VARCHAR", 0, "Aalen", "Jena"),
            stats("size", "X", 1, "10", "10"),
        ),
    ]
    assert summaries(schema, files) == {
        "city": ColumnSummary(1, "Aalen", "Ulm"),
        "size": ColumnSummary(1, "9", "10"),
        "late": ColumnSummary(5, None, None),
    }


def test_only_what_differs_is_told_and_the_same_number_is_the_same() -> None:
    old = (column("id", "INTEGER"), column("fax", "VARCHAR"), column("size"))
    new = (column("id", "DOUBLE"), column("size"), column("zip", "VARCHAR"))
    before = {
        "id": ColumnSummary(0, "1", "9"),
        "fax": ColumnSummary(2),
        "size": ColumnSummary(0, "1", "2"),
    }
    after = {
        "id": ColumnSummary(0, "1.0", "9.0"),
        "size": ColumnSummary(1, "1", "2"),
        "zip": ColumnSummary(0, "0", "9"),
    }
    assert statistics_changes(pair_columns(old, new), before, after) == (
        StatisticsChange("fax", ColumnSummary(2), None),
        StatisticsChange("size", ColumnSummary(0, "1", "2"), ColumnSummary(1, "1", "2")),
        StatisticsChange("zip", None, ColumnSummary(0, "0", "9")),
    )


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("BIGINT", ["-9", "10", "9"]),
        ("DECIMAL(38,2)", ["12345678901234567890123456.01", "12345678901234567890123456.02", "-1.00"]),
        ("DOUBLE", ["nan", "inf", "-inf", "1e300", "2.5", "-0.0"]),
        ("VARCHAR", ["a", "B", "ä", "z", "", "😀", "ﬀ"]),
        ("DATE", ["2024-01-05", "0001-01-01", "10000-01-01", "infinity", "-infinity", "0044-03-15 (BC)"]),
        ("TIMESTAMP", ["2024-01-05 10:00:00", "2024-01-05 10:00:00.5", "2024-01-05 10:00:00.45"]),
        ("TIMESTAMPTZ", ["2024-01-05 10:00:00+00", "2024-01-05 10:00:00.5+00", "10000-01-05 10:00:00+00"]),
        ("BOOLEAN", ["true", "false"]),
        ("UUID", ["0" * 8 + "-0000-0000-0000-" + "0" * 12, "f" * 8 + "-0000-0000-0000-" + "0" * 12]),
        ("TIME", ["10:00:00", "09:59:59.5"]),
    ],
)
def test_values_have_the_order_that_the_engine_gives_them(kind: str, values: list[str]) -> None:
    order = value_order(kind)
    assert order is not None
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            f"SELECT CAST(v AS VARCHAR) FROM (SELECT CAST(unnest(?) AS {kind}) AS v) ORDER BY v", [values]
        ).fetchall()
    printed = [row[0] for row in rows]
    backwards = printed[::-1]
    assert sorted(backwards, key=order) == printed


def test_a_type_whose_text_hides_its_order_has_no_least_value() -> None:
    schema = (column("a", "INTEGER[]"), column("b", "BLOB"))
    files = [file("x", 1, stats("a", "INTEGER[]", 0, "[1]", "[1]"), stats("b", "BLOB", 0, "a", "a"))]
    assert summaries(schema, files) == {"a": ColumnSummary(0), "b": ColumnSummary(0)}


# --- files


_names = st.lists(st.sampled_from("abcd"), max_size=6)


@given(_names, _names)
def test_files_are_shared_as_often_as_both_have_them(before: list[str], after: list[str]) -> None:
    old, new = [file(n, 1) for n in before], [file(n, 1) for n in after]
    found = SharedFiles.between(old, new)
    for side, alone in ((before, found.removed), (after, found.added)):
        assert sorted(side) == sorted(f.sha256 for f in (*found.shared, *alone))
    assert not {f.key for f in found.removed} & {f.key for f in found.added}


def test_files_are_counted_with_their_rows() -> None:
    found = SharedFiles.between([file("a", 1), file("b", 2)], [file("b", 2), file("c", 3), file("d", 4)])
    assert found.change == FileChange(1, 2, 1, 1, 2, 7)


# --- the report


def report(**changes: Any) -> DiffReport:
    side = DiffedVersion(1, "a" * 64, "main", 2, 1, "2030-01-01T00:00:00.000Z")
    fields: dict[str, Any] = {
        "id": "d" * 64,
        "product": "shops",
        "dataset": "visits",
        "before": side,
        "after": DiffedVersion(2, "b" * 64, "main", 3, 2, "2030-01-02T00:00:00.000Z"),
        "key": ("id",),
        "limit": 20,
        "requested_by": "user/alice",
        "requested_at": "2030-01-02T00:00:00.000Z",
        **changes,
    }
    return DiffReport(**fields)


ROWS = RowDiff(
    added=1,
    changed=1,
    columns={"town": 1},
    duplicate_keys=1,
    samples=Samples(
        added=(SampleRow({"id": 1, "town": "Ulm"}),),
        changed=(ChangedRow({"id": 2}, {"town": "Bonn"}, {"town": None}),),
        duplicates=(DuplicateKey({"id": 3}, 2, 1),),
    ),
)
DONE = report(
    state="done",
    schema=(SchemaChange("zip", "added", None, "VARCHAR"),),
    statistics=(StatisticsChange("town", None, ColumnSummary(0, "Bonn", "Ulm")),),
    files=FileChange(1, 2, 0, 0, 1, 1),
    rows=ROWS,
    unchanged=1,
)


@pytest.mark.parametrize("each", [report(), DONE, report(state="failed", problem="no memory")])
def test_a_report_is_read_as_it_was_kept(each: DiffReport) -> None:
    assert DiffReport.from_document(json.loads(canonical_json(each.to_document()))) == each


def test_what_is_sent_to_be_computed_holds_no_value() -> None:
    message = DONE.to_message()
    assert message["kind"] == "diff_versions"
    assert DiffReport.from_document(json.loads(json.dumps(message))) == report()
    assert "Ulm" not in json.dumps(message)


def test_a_document_that_is_no_diff_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no diff of versions"):
        DiffReport.from_document({"kind": "diff_versions", "product": "shops"})


@pytest.mark.parametrize(
    ("each", "different"),
    [
        (report(), None),
        (report(schema=(), rows=RowDiff()), False),
        (report(schema=(), rows=RowDiff(removed=1)), True),
        (report(schema=(), rows=RowDiff(duplicate_keys=1)), True),
        (report(schema=(SchemaChange("a", "added", None, "DATE"),), rows=RowDiff()), True),
    ],
)
def test_a_schema_or_a_row_makes_a_difference(each: DiffReport, different: bool | None) -> None:
    assert each.different is different


def test_values_of_hidden_columns_are_not_shown_and_that_there_is_one_is() -> None:
    masked = DONE.masked(frozenset({"town"}))
    assert masked.rows is not None
    assert masked.rows.samples.added[0].values == {"id": 1, "town": "(restricted)"}
    assert masked.rows.samples.changed[0] == ChangedRow({"id": 2}, {"town": "(restricted)"}, {"town": None})
    assert masked.statistics == (
        StatisticsChange("town", None, ColumnSummary(0, "(restricted)", "(restricted)")),
    )
    assert "Ulm" not in str(masked)
    assert "3" not in str(DONE.masked(frozenset({"id"})).rows.samples.duplicates[0].key)  # type: ignore[union-attr]


def test_too_many_bytes_of_rows_are_fewer_rows() -> None:
    many = Samples(added=tuple(SampleRow({"id": n, "town": "x" * 100}) for n in range(64)))
    clipped = report(rows=RowDiff(added=64, samples=many)).clipped(2000)
    assert clipped.rows is not None
    assert (clipped.rows.added, len(clipped.rows.samples.added)) == (64, 8)
    assert report(rows=ROWS).clipped(2000).rows == ROWS


def test_a_column_is_hidden_under_every_name_once_any_version_or_today_restricts_it() -> None:
    contract = Contract.from_document(
        {
            "name": "visits",
            "version": "3",
            "format": "csv",
            "columns": [
                {
                    "name": "mail",
                    "type": "VARCHAR",
                    "classification": "restricted",
                    "former_names": ["email"],
                },
                {"name": "town", "type": "VARCHAR"},
            ],
        }
    )
    secret = column("phone", "VARCHAR", classification="restricted")
    old, new = (column("email", "VARCHAR"), secret), (column("tel", "VARCHAR", "phone"), column("town"))

    hidden = hidden_columns(contract, old, new, pair_columns(old, new))

    assert hidden == {"mail", "email", "phone", "tel"}
