"""Types of columns: how they are written, how they nest, and which holds every value of which."""

import pytest
from headgate.domain.column_type import ColumnType, UnknownType, parse_type
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "City", "zip_2"])


def types() -> st.SearchStrategy[ColumnType]:
    scalars = st.sampled_from(["INTEGER", "BIGINT", "VARCHAR", "DATE", "TIMESTAMP", "DOUBLE"]).map(ColumnType)
    decimals = st.integers(1, 38).flatmap(
        lambda p: st.integers(0, p).map(lambda s: ColumnType("DECIMAL", p, s))
    )

    def nested(inner: st.SearchStrategy[ColumnType]) -> st.SearchStrategy[ColumnType]:
        fields = st.dictionaries(NAMES, inner, min_size=1, max_size=3)
        structs = fields.map(lambda f: ColumnType("STRUCT", fields=tuple(f.items())))
        return structs | inner.map(lambda item: ColumnType("LIST", item=item))

    return st.recursive(scalars | decimals, nested, max_leaves=5)


@given(types())
def test_a_type_reads_back_as_itself(kind: ColumnType) -> None:
    assert parse_type(str(kind)) == kind
    assert parse_type(str(kind).lower().replace("city", "City")) == kind


@given(types(), types())
def test_types_that_hold_each_other_are_the_same_but_for_the_order_of_fields(
    one: ColumnType, other: ColumnType
) -> None:
    assert one.holds(one)
    if one.holds(other) and other.holds(one):
        assert sorted(str(one)) == sorted(str(other))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("int", "INTEGER"),
        ("timestamp with time zone", "TIMESTAMPTZ"),
        ("decimal( 10 , 2 )", "DECIMAL(10,2)"),
        ("struct(a int, b text[])[]", 'STRUCT("a" INTEGER, "b" VARCHAR[])[]'),
    ],
)
def test_people_may_write_a_type_their_way(text: str, meant: str) -> None:
    assert str(parse_type(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "MONEY", "HUGEINT", "DECIMAL", "DECIMAL(39,0)", "DECIMAL(2,3)", "DECIMAL(10,2", "STRUCT()"),
        *("STRUCT(a INT", "STRUCT(a INT, A INT)", "INTEGER]", "INTEGER VARCHAR", "VARCHAR; DROP TABLE x"),
        "STRUCT(a " * 12 + "INT" + ")" * 12,
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(UnknownType):
        parse_type(text)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        *(("BIGINT", "INTEGER"), ("DOUBLE", "INTEGER"), ("DOUBLE", "FLOAT"), ("TIMESTAMP", "DATE")),
        *(
            ("DECIMAL(12,2)", "DECIMAL(10,2)"),
            ("DECIMAL(12,3)", "DECIMAL(10,2)"),
            ("DECIMAL(12,2)", "INTEGER"),
        ),
        ("STRUCT(a BIGINT, b VARCHAR)", "STRUCT(a INTEGER)"),
        ("BIGINT[]", "INTEGER[]"),
    ],
)
def test_a_wider_type_holds_the_narrower_and_not_the_other_way(wide: str, narrow: str) -> None:
    assert parse_type(wide).holds(parse_type(narrow))
    assert not parse_type(narrow).holds(parse_type(wide))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            ("DOUBLE", "BIGINT"),
            ("FLOAT", "INTEGER"),
            ("VARCHAR", "INTEGER"),
            ("DECIMAL(12,3)", "DECIMAL(12,2)"),
        ),
        *(("TIMESTAMPTZ", "TIMESTAMP"), ("STRUCT(b INTEGER)", "STRUCT(a INTEGER)")),
    ],
)
def test_a_type_that_would_lose_values_holds_nothing(one: str, other: str) -> None:
    assert not parse_type(one).holds(parse_type(other))
