"""Strict JSON and shapes: what is refused, and that the place is named."""

from typing import Any

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.shape import (
    DEEPEST,
    Check,
    any_text,
    either,
    enforce,
    flag,
    items,
    mapping,
    nullable,
    number,
    one_of,
    parse_json,
    record,
    text,
    whole,
)

BAD_JSON = {
    "truncated": ('{"a": ', "not JSON"),
    "a key twice": ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
    "a key twice further in": ('[{"b": {"a": 1, "a": 2}}]', "the key 'a' stands twice"),
    "not a number": ('{"a": NaN}', "NaN is no JSON number"),
    "an infinity": ("[-Infinity]", "is no JSON number"),
    "a number too large": ("[1e999]", "1e999 is too large"),
    "half a surrogate pair": ('["\\ud800"]', "not UTF-8"),
    "bytes of another encoding": (b'["\xe9"]', "not UTF-8"),
    "too deep": ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested deeper"),
    "far too deep": ("[" * 100_000, "nested deeper"),
    "digits without end": ("[" + "9" * 5000 + "]", "not JSON"),
    "nothing": ("", "not JSON"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_ambiguous_json_is_refused(case: str) -> None:
    source, sentence = BAD_JSON[case]

    with pytest.raises(InvalidRequest, match="^body: ") as refused:
        parse_json(source, "body")

    assert sentence in str(refused.value)


@pytest.mark.parametrize("source", ['{"a": [1, 2.5, null, true, "é\\ud83d\\ude00"]}', b"{}", "7", '"x"'])
def test_good_json_is_read(source: str | bytes) -> None:
    parse_json(source, "body")


def test_the_deepest_json_is_read() -> None:
    assert parse_json("[" * DEEPEST + "]" * DEEPEST, "body")


REFUSED: list[tuple[Check, Any, str]] = [
    (text, "  ", "v: a string with something in it is needed"),
    (text, 5, "v: a string is needed, found a number"),
    (any_text, None, "v: a string is needed, found null"),
    (flag, 1, "v: a boolean is needed, found a number"),
    (number, True, "v: a number is needed, found a boolean"),
    (number, "1", "v: a number is needed, found a string"),
    (whole(1), 1.0, "v: a whole number is needed, found a number"),
    (whole(1), True, "v: a whole number is needed, found a boolean"),
    (whole(1), 0, "v: a whole number at least 1 is needed, found 0"),
    (whole(1, 3), 4, "v: a whole number between 1 and 3 is needed, found 4"),
    (one_of("a", "b"), "c", "v: one of a, b is needed, found 'c'"),
    (one_of("a"), ["a"], "v: one of a is needed, found a list"),
    (items(text), {"0": "a"}, "v: a list is needed, found an object"),
    (items(text), ["a", 1], "v[1]: a string is needed, found a number"),
    (items(text, least=1), [], "v: at least 1 needed, found 0"),
    (mapping(flag), {"a": True, "b": 0}, "v.b: a boolean is needed, found a number"),
    (nullable(text), 0, "v: a string is needed, found a number"),
    (either(number, text), [], "v: a string is needed, found a list"),
    (record({"alias": text}), {}, "v.alias: missing"),
    (record({}, {"alias": text}), {"alais": "x"}, "v: unknown field 'alais'; did you mean \"alias\"?"),
    (record({}), [], "v: an object is needed, found a list"),
]


@pytest.mark.parametrize(("check", "value", "sentence"), REFUSED)
def test_a_value_of_another_shape_is_refused_with_its_place(check: Check, value: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        enforce(check, value, "v")

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (nullable(text), None),
        (either(number, text), 1.5),
        (either(number, text), "1.5"),
        (whole(0), 0),
        (items(text), []),
        (record({"a": text}, {"b": flag}), {"a": "x"}),
    ],
)
def test_a_value_of_the_shape_is_taken(check: Check, value: Any) -> None:
    enforce(check, value, "v")


def test_several_problems_are_told_at_once_but_not_all_of_many() -> None:
    with pytest.raises(InvalidRequest) as refused:
        enforce(items(text), [1] * 50, "v")

    assert str(refused.value).count("a string is needed") == 5
    assert str(refused.value).endswith("; and more")
