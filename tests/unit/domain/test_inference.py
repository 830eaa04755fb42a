"""The inference protocol's requests: what is taken, what is refused, and that nothing else can happen."""

import json
import math
from typing import Any

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.inference import DATATYPES, MAX_ENTITY_ROWS, MAX_ROWS, parse_request, response
from headgate.domain.shape import parse_json
from hypothesis import given, settings
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["a", "b", "", "x" * 200]) | JSON
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "shape": st.sampled_from([[1], [2], [1, 1], [2, 1], [0], [-1], [1, 2], [True]]) | JSON,
        "datatype": st.sampled_from([*sorted(DATATYPES), "FP8"]) | JSON,
        "data": st.lists(JSON, max_size=3) | JSON,
        "parameters": JSON,
        "extra": JSON,
    },
)
REQUEST = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=3) | JSON,
        "inputs": st.lists(TENSOR | JSON, max_size=3) | JSON,
        "outputs": st.just([{"name": "score"}]) | JSON,
        "parameters": st.sampled_from([{"input": "entity"}, {"input": "tensor"}, {}]) | JSON,
        "extra": JSON,
    },
)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "size", "shape": [1], "datatype": "FP32", "data": [1.0], **changes}


@given(REQUEST | JSON)
@settings(max_examples=200, deadline=None)
def test_any_document_is_a_request_or_refused(document: Any) -> None:
    try:
        request = parse_request(document)
    except InvalidRequest as refused:
        assert str(refused)
        assert len(str(refused)) < 2000
    else:
        assert 1 <= request.rows <= MAX_ROWS
        assert {len(values) for values in request.columns.values()} == {request.rows}
        # What was taken can be logged and answered: it is JSON again
        json.dumps(dict(request.columns), allow_nan=False)


@given(st.text(max_size=60) | REQUEST.map(json.dumps))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_request_or_refused(body: str) -> None:
    try:
        parse_request(parse_json(body, "body"))
    except InvalidRequest as refused:
        assert str(refused)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_what_is_no_number_is_refused_in_a_body(literal: str) -> None:
    body = json.dumps({"inputs": [tensor(data=["*"])]}).replace('"*"', literal)
    with pytest.raises(InvalidRequest):
        parse_request(parse_json(body, "body"))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("datatype", sorted(DATATYPES))
def test_what_is_no_number_is_refused_in_a_document(value: float, datatype: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_request({"inputs": [tensor(datatype=datatype, data=[value])]})


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", [True, False, None]),
        ("INT8", [-128, 127]),
        ("UINT8", [0, 255]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("UINT64", [0, 2**64 - 1]),
        ("FP16", [65504.0, -65504, 1]),
        ("FP32", [3.4028234663852886e38, 7]),
        ("FP64", [1e308, -1.5, None]),
        ("BYTES", ["", "é", None, "x" * 4096]),
    ],
)
def test_a_value_that_fits_its_datatype_is_taken_as_it_is(datatype: str, values: list[Any]) -> None:
    request = parse_request({"inputs": [tensor(datatype=datatype, data=values, shape=[len(values), 1])]})
    assert list(request.columns["size"]) == values


@pytest.mark.parametrize(
    ("datatype", "value", "reason"),
    [
        ("BOOL", 1, "a number is no BOOL"),
        ("INT8", 128, "from -128 to 127"),
        ("UINT8", -1, "from 0 to 255"),
        ("UINT64", 2**64, "from 0 to 18446744073709551615"),
        ("INT32", 1.0, "takes whole numbers"),
        ("INT32", True, "a boolean is no INT32"),
        ("FP32", "1", "a text is no FP32"),
        ("FP32", 3.5e38, "too large for FP32"),
        ("FP64", 10**400, "too large for FP64"),
        ("FP16", 70000, "too large for FP16"),
        ("FP32", [1.0, 2.0], "an array is no FP32"),
        ("FP32", {"a": 1}, "an object is no FP32"),
        ("BYTES", 5, "a number is no BYTES"),
        ("BYTES", "x" * 4097, "at most 4096 characters, found 4097"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_row_and_kind(datatype: str, value: Any, reason: str) -> None:
    document = {"inputs": [tensor(datatype=datatype, data=[None, value], shape=[2])]}
    with pytest.raises(InvalidRequest, match=r"input 'size', row 1: ") as refused:
        parse_request(document)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "must be a JSON object"),
        ({"inputs": []}, "at least one tensor"),
        ({"inputs": [tensor()], "raw": 1}, "unknown field(s) 'raw'"),
        ({"inputs": [tensor()], "id": ""}, "id must be a string"),
        ({"inputs": [tensor()], "id": "x" * 129}, "id must be a string"),
        ({"inputs": [tensor()], "parameters": []}, "parameters must be"),
        ({"inputs": [tensor()], "parameters": {"input": "file"}}, "parameters.input is not known"),
        ({"inputs": [tensor()], "outputs": [{"name": "probability"}]}, "'score'"),
        ({"inputs": [tensor(), tensor()]}, "inputs[1]: the name 'size' stands twice"),
        ({"inputs": [tensor(), tensor(name="b", data=[1, 2], shape=[2])]}, "different numbers of rows: 1, 2"),
        ({"inputs": ["size"]}, "inputs[0] must be a JSON object"),
        ({"inputs": [tensor(name=5)]}, "inputs[0].name"),
        ({"inputs": [tensor(binary=True)]}, "inputs[0] has unknown field(s) 'binary'"),
        ({"inputs": [tensor(datatype=["FP32"])]}, "datatype is not known"),
        ({"inputs": [tensor(datatype="fp32")]}, "datatype is not known"),
        ({"inputs": [tensor(shape=[1, 2])]}, "shape must be [rows] or [rows, 1]"),
        ({"inputs": [tensor(shape=[1.0])]}, "shape must be"),
        ({"inputs": [tensor(shape=[True])]}, "shape must be"),
        ({"inputs": [tensor(shape=[2])]}, "shape says 2 rows, data has 1"),
        ({"inputs": [tensor(shape=[10**50])]}, "data has 1"),
        ({"inputs": [tensor(data={"0": 1})]}, "data must be an array"),
        ({"inputs": [tensor(data=[], shape=[0])]}, "0 rows; one request takes 1 to 5000"),
    ],
)
def test_what_is_wrong_is_said(document: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request(document)
    assert reason in str(refused.value)


@pytest.mark.parametrize(("by_entity", "most"), [(False, MAX_ROWS), (True, MAX_ENTITY_ROWS)])
def test_a_request_has_a_largest_size(by_entity: bool, most: int) -> None:
    def document(rows: int) -> dict[str, Any]:
        inputs = [tensor(data=[1.0] * rows, shape=[rows])]
        return {"inputs": inputs, "parameters": {"input": "entity" if by_entity else "tensor"}}

    assert parse_request(document(most)).rows == most
    with pytest.raises(InvalidRequest, match=f"1 to {most}"):
        parse_request(document(most + 1))


def test_nested_rows_are_flattened() -> None:
    request = parse_request({"inputs": [tensor(data=[[1.0], [None], 3.0], shape=[3, 1])]})
    assert request.columns["size"] == [1.0, None, 3.0]


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800"])
def test_a_message_stays_short_and_printable(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request({"inputs": [tensor()], **{f"{name}{n}": 1 for n in range(20)}})
    assert len(str(refused.value)) < 1500
    json.dumps({"error": str(refused.value)}).encode("utf-8")


def test_an_answer_is_one_tensor() -> None:
    answer = response(
        model="m", version=3, prediction="p", scores=[0.25, 0.5], parameters={"alias": "champion"}
    )
    assert answer == {
        "model_name": "m",
        "model_version": "3",
        "id": "p",
        "parameters": {"alias": "champion"},
        "outputs": [{"name": "score", "shape": [2, 1], "datatype": "FP32", "data": [0.25, 0.5]}],
    }
