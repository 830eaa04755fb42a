"""Every check that a contract can declare, passed and failed, as an error and as a warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from headgate.domain.errors import ConfigurationError, DropRefused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engines.checking import checked, context, contract, seen

ID = {"name": "id", "type": "INTEGER"}
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("minimum", {"type": "INTEGER", "minimum": 3}, "3", "2"),
    ("maximum", {"type": "DOUBLE", "maximum": 0.5}, "0.5", "nan"),
    ("exclusive_minimum", {"type": "INTEGER", "exclusive_minimum": 3}, "4", "3"),
    ("exclusive_maximum", {"type": "DATE", "exclusive_maximum": "2024-06-01"}, "2024-05-31", "2024-06-01"),
    ("min_length", {"type": "VARCHAR", "min_length": 2}, "éé", "é"),
    ("max_length", {"type": "VARCHAR", "max_length": 2}, "éé", "abc"),
    ("multiple_of", {"type": "DECIMAL(9,2)", "multiple_of": 0.25}, "1.75", "1.8"),
    ("pattern", {"type": "VARCHAR", "pattern": "[a-z]+"}, "abc", "abc1"),
    ("allowed", {"type": "VARCHAR", "allowed": ["a", "b"]}, "a", "c"),
]
NAMES = [case[0] for case in CASES]


@pytest.mark.parametrize(("check", "column", "good", "bad"), CASES, ids=NAMES)
def test_an_error_refuses_with_the_rows_that_fail(
    tmp_path: Path, check: str, column: dict[str, Any], good: str, bad: str
) -> None:
    declared = contract([ID, {"name": "x", **column}])
    rows = [{"id": 1, "x": good}, {"id": 2}]

    assert checked(tmp_path, declared, rows)[f"{check}:x"] == {
        "name": f"{check}:x",
        "severity": "error",
        "passed": True,
        "rows": 0,
    }
    with pytest.raises(DropRefused) as refused:
        checked(tmp_path, declared, [*rows, {"id": 3, "x": bad}, {"id": 4, "x": bad}])

    assert (refused.value.rule, refused.value.rows) == (f"{check}:x", 2)
    assert [row["id"] for row in refused.value.sample] == ["3", "4"]


@pytest.mark.parametrize(("check", "column", "good", "bad"), CASES, ids=NAMES)
def test_a_warning_stays_with_the_version(
    tmp_path: Path, check: str, column: dict[str, Any], good: str, bad: str
) -> None:
    declared = contract([ID, {"name": "x", **column, "warn": [check]}])

    found = checked(tmp_path, declared, [{"id": 1, "x": good}, {"id": 2, "x": bad}])[f"{check}:x"]

    assert (found["severity"], found["passed"], found["rows"]) == ("warning", False, 1)
    assert "1 rows fail" in found["said"]


def test_a_key_that_repeats_is_an_error_or_a_warning(tmp_path: Path) -> None:
    unique = {**ID, "unique": True}
    rows = [{"id": 1}, {"id": 1}, {"id": ""}, {"id": ""}, {"id": 2}]

    with pytest.raises(DropRefused, match="2 rows share 1 keys") as refused:
        checked(tmp_path, contract([unique]), rows)
    found = checked(tmp_path, contract([{**unique, "warn": ["unique"]}]), rows)

    assert refused.value.sample == ({"id": "1", "copies": "2"},)
    assert (found["unique:id"]["passed"], found["unique:id"]["rows"]) == (False, 2)


def test_every_error_is_named_beside_the_first(tmp_path: Path) -> None:
    declared = contract(
        [{**ID, "minimum": 0, "unique": True}, {"name": "x", "type": "VARCHAR", "required": True}],
        rules=[{"name": "few", "sql": "SELECT count(*) > 2 FROM this"}],
    )

    with pytest.raises(DropRefused) as refused:
        checked(tmp_path, declared, [{"id": -1, "x": "a"}, {"id": 7, "x": "b"}, {"id": 7}])

    assert refused.value.rule == "minimum:id"
    assert str(refused.value).endswith("; so do not_null:x (1), unique:id (2), rule:few (1)")


def test_a_rule_that_stumbles_has_shown_nothing(tmp_path: Path) -> None:
    rule = {"name": "numbers", "sql": "SELECT sum(CAST(x AS INTEGER)) < 0 FROM this"}
    columns = [{"name": "x", "type": "VARCHAR"}]

    with pytest.raises(DropRefused, match="rule numbers cannot be answered: Conversion Error") as refused:
        checked(tmp_path, contract(columns, rules=[rule]), [{"x": "one"}])
    warned = checked(tmp_path, contract(columns, rules=[{**rule, "severity": "warning"}]), [{"x": "one"}])

    assert refused.value.rule == "rule:numbers"
    assert warned["rule:numbers"]["passed"] is False


@pytest.mark.parametrize(
    ("kind", "newest", "fresh"),
    [
        ("TIMESTAMP", "2024-06-01 11:00:00", True),
        ("TIMESTAMP", "2024-06-01 09:59:59", False),
        ("TIMESTAMP", "2024-07-01 00:00:00", True),
        ("TIMESTAMPTZ", "2024-06-01 12:30:00+02", True),
        ("TIMESTAMPTZ", "2024-06-01 11:30:00+02", False),
        ("DATE", "2024-06-01", True),
        ("DATE", "2024-05-31", False),
    ],
)
def test_the_newest_value_may_be_so_old(tmp_path: Path, kind: str, newest: str, fresh: bool) -> None:
    declared = contract(
        [{"name": "at", "type": kind}],
        freshness=[{"column": "at", "max_age_seconds": 7200, "severity": "warning"}],
    )
    rows = [{"at": newest}, {"at": "2020-01-01 00:00:00" if kind == "TIMESTAMP" else ""}]

    found = checked(tmp_path, declared, rows, context())["freshness:at"]

    assert found["passed"] is fresh


def test_what_is_stale_is_refused_in_words(tmp_path: Path) -> None:
    declared = contract(
        [{"name": "at", "type": "TIMESTAMP"}], freshness=[{"column": "at", "max_age_seconds": 3600}]
    )

    with pytest.raises(DropRefused) as refused:
        checked(tmp_path, declared, [{"at": "2024-05-30 12:00:00"}], context())
    with pytest.raises(DropRefused, match="at has no value"):
        checked(tmp_path, declared, [{"at": ""}, {"at": ""}], context())

    assert str(refused.value) == (
        "the newest at is 2024-05-30 12:00:00, 2 d before the drop arrived; at most 60 min are allowed"
    )


REFERS = {"references": [{"columns": ["shop"], "dataset": "shops", "key": ["name"]}]}
COLUMNS = [ID, {"name": "shop", "type": "VARCHAR"}]


def test_a_reference_is_looked_up_in_the_head_of_the_other_dataset(tmp_path: Path) -> None:
    shops = seen(tmp_path, "shops", {"name": "VARCHAR"}, [["north"], ["south"]], 12)
    rows = [{"id": 1, "shop": "north"}, {"id": 2, "shop": ""}]

    found = checked(tmp_path, contract(COLUMNS, **REFERS), rows, context(shops=shops))
    with pytest.raises(DropRefused) as refused:
        checked(
            tmp_path, contract(COLUMNS, **REFERS), [*rows, {"id": 3, "shop": "west"}], context(shops=shops)
        )

    assert found["reference:shop->shops.name"]["against"] == {"shops": 12}
    assert str(refused.value) == "1 rows hold shop that are no name of v12 of shops"
    assert refused.value.sample == ({"id": "3", "shop": "west"},)


def test_a_dataset_without_a_version_has_nothing_to_refer_to(tmp_path: Path) -> None:
    nothing = context(shops=seen(tmp_path, "shops", {"name": "VARCHAR"}, None))

    with pytest.raises(DropRefused, match="no name of shops, which has no version yet"):
        checked(tmp_path, contract(COLUMNS, **REFERS), [{"id": 1, "shop": "north"}], nothing)

    assert checked(tmp_path, contract(COLUMNS, **REFERS), [{"id": 1}], nothing)


def test_a_drop_may_refer_to_itself_and_to_what_the_dataset_has(tmp_path: Path) -> None:
    declared = contract(
        [ID, {"name": "boss", "type": "INTEGER"}],
        references=[{"columns": ["boss"], "dataset": "orders", "key": ["id"]}],
    )
    held = context(orders=seen(tmp_path, "orders", {"id": "INTEGER", "boss": "INTEGER"}, [[1, None]]))

    assert checked(tmp_path, declared, [{"id": 2, "boss": 1}, {"id": 3, "boss": 2}], held)
    with pytest.raises(DropRefused, match="1 rows hold boss"):
        checked(tmp_path, declared, [{"id": 2, "boss": 1}, {"id": 3, "boss": 9}], held)


PAIRS = st.lists(
    st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mine=PAIRS, theirs=PAIRS)
def test_references_of_several_columns_are_a_matter_of_sets(
    tmp_path: Path, mine: list[tuple[Any, Any]], theirs: list[tuple[Any, Any]]
) -> None:
    declared = contract(
        [{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "INTEGER"}],
        references=[{"columns": ["a", "b"], "dataset": "pairs", "key": ["x", "y"], "severity": "warning"}],
    )
    pairs = seen(tmp_path, "pairs", {"x": "BIGINT", "y": "BIGINT"}, theirs)
    rows = [{"a": "" if a is None else a, "b": "" if b is None else b} for a, b in mine]
    whole = [pair for pair in mine if None not in pair]

    found = checked(tmp_path, declared, [*rows, {"a": 0}], context(pairs=pairs))["reference:a+b->pairs.x+y"]

    assert found["rows"] == len([pair for pair in whole if pair not in set(theirs)])


def test_a_rule_reads_other_datasets(tmp_path: Path) -> None:
    rule = {
        "name": "as_many_as_shops",
        "sql": "SELECT (SELECT count(*) FROM this) <> (SELECT count(*) FROM shops)",
        "datasets": ["shops"],
    }
    shops = context(shops=seen(tmp_path, "shops", {"name": "VARCHAR"}, [["a"], ["b"]], 3))

    found = checked(tmp_path, contract([ID], rules=[rule]), [{"id": 1}, {"id": 2}], shops)

    assert found["rule:as_many_as_shops"]["against"] == {"shops": 3}
    with pytest.raises(DropRefused, match="as_many_as_shops"):
        checked(tmp_path, contract([ID], rules=[rule]), [{"id": 1}], shops)


def test_a_key_may_be_unique_in_the_whole_history(tmp_path: Path) -> None:
    declared = contract([{**ID, "primary_key": True}], unique_across_versions=True)
    held = context(orders=seen(tmp_path, "orders", {"id": "INTEGER"}, [[1], [2]], 5))

    assert checked(tmp_path, declared, [{"id": 3}], held)
    with pytest.raises(DropRefused) as refused:
        checked(tmp_path, declared, [{"id": 3}, {"id": 2}], held)

    assert refused.value.rule == "unique_across_versions:id"
    assert str(refused.value) == "1 rows have a id that v5 has already"


def test_nothing_is_skipped_where_what_it_looks_at_is_not_given(tmp_path: Path) -> None:
    fresh = contract([{"name": "at", "type": "DATE"}], freshness=[{"column": "at", "max_age_seconds": 3600}])

    with pytest.raises(ConfigurationError, match="shops"):
        checked(tmp_path, contract(COLUMNS, **REFERS), [{"id": 1}], context())
    with pytest.raises(ConfigurationError, match="the time of arrival"):
        checked(tmp_path, fresh, [{"at": "2024-01-01"}])


@pytest.mark.parametrize(
    "sql",
    [
        *("DROP VIEW this; SELECT 0", "SELECT 0 FROM read_csv('x.csv')", "SELECT getenv('HOME') IS NULL"),
        *(
            "SELECT sleep_ms(60000) FROM this",
            "SELECT 0 FROM customers",
            "SELECT json_structure(id) FROM this",
        ),
    ],
)
def test_a_rule_that_is_more_than_a_select_over_the_drop_fails(tmp_path: Path, sql: str) -> None:
    declared = contract([{"name": "id", "type": "INTEGER"}], rules=[{"name": "odd", "sql": sql}])

    with pytest.raises(DropRefused, match="rule odd: ") as refused:
        checked(tmp_path, declared, [{"id": 1}])

    assert refused.value.rule == "rule:odd"


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=12))
def test_rows_that_share_a_key_are_counted_as_a_person_counts(
    tmp_path_factory: pytest.TempPathFactory, values: list[int | None]
) -> None:
    unique = {"name": "k", "type": "INTEGER", "unique": True, "warn": ["unique"]}
    columns = [{"name": "n", "type": "INTEGER"}, unique]
    rows = [{"n": n, "k": "" if value is None else value} for n, value in enumerate(values)]

    found = checked(tmp_path_factory.mktemp("keys"), contract(columns), rows)["unique:k"]

    repeated = sum(values.count(value) > 1 for value in values if value is not None)
    assert (found["rows"], found["passed"]) == (repeated, repeated == 0)


def test_a_check_that_cannot_run_refuses_the_drop(tmp_path: Path) -> None:
    """The command finds it before; a bundle may have been made without it. The drop can be replayed."""
    broken = contract([{"name": "x", "type": "VARCHAR", "pattern": "(["}])

    with pytest.raises(DropRefused, match="the contract's checks cannot run: .*missing") as refused:
        checked(tmp_path, broken, [{"x": "a"}])

    assert refused.value.rule == "unanswerable"


@pytest.mark.parametrize("end", [";", " -- all of them", "\n; -- all of them\n"])
def test_a_rule_that_ends_in_a_semicolon_or_comment_shows_its_rows(tmp_path: Path, end: str) -> None:
    declared = contract([ID], rules=[{"name": "small", "sql": f"SELECT * FROM this WHERE id > 1{end}"}])

    with pytest.raises(DropRefused) as refused:
        checked(tmp_path, declared, [{"id": 1}, {"id": 2}])

    assert (refused.value.rule, refused.value.sample) == ("rule:small", ({"id": "2"},))
