"""A trainer's manifest: what must be in it, and that the rest is the trainer's own affair."""

import json
from typing import Any

import pytest
from headgate.domain.errors import Corrupted, InvalidRequest
from headgate.domain.trainer_manifest import read_trainer_manifest
from hypothesis import given
from hypothesis import strategies as st

RUN = "a" * 64
MANIFEST: dict[str, Any] = {
    "format": "headgate.model/1",
    "run": RUN,
    "model": "buys",
    "files": {"model.onnx": {"sha256": "1" * 64, "bytes": 5}},
    "signature": {
        "inputs": [{"name": "size", "datatype": "FP32", "shape": [-1, 1]}],
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}],
    },
    "metrics": {"auc": 0.7},
    "seconds": {"fit": 1.5},
    "environment": {"python": "3.13"},
}


def test_what_matters_is_read() -> None:
    found = read_trainer_manifest(json.dumps(MANIFEST).encode(), RUN)
    assert found.sha256("model.onnx") == "1" * 64
    assert found.inputs == ("size",)
    assert found.metrics == {"auc": 0.7}
    with pytest.raises(Corrupted, match=r"names no file reference\.json"):
        found.sha256("reference.json")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "headgate.model/2"}, "headgate.model/1 is needed"),
        ({"run": None}, "run: a string is needed"),
        ({"files": []}, "files: an object is needed"),
        ({"files": {"model.onnx": {"sha256": "1" * 63}}}, "64 lower-case hex digits"),
        ({"files": {"model.onnx": {"sha256": "1" * 64, "bytes": -1}}}, "at least 0"),
        ({"signature": {"inputs": [], "outputs": []}}, "at least 1 needed"),
        ({"signature": None}, "signature: an object is needed"),
        ({"metrics": [1]}, "metrics: an object is needed"),
    ],
)
def test_what_is_malformed_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_trainer_manifest(json.dumps({**MANIFEST, **changes}).encode(), RUN)
    assert reason in str(refused.value)


def test_another_runs_manifest_is_refused() -> None:
    with pytest.raises(Corrupted, match="is of run aaaaaaaaaaaa"):
        read_trainer_manifest(json.dumps(MANIFEST).encode(), "b" * 64)


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda t: json.dumps([t]).encode()))
def test_any_bytes_are_a_manifest_or_refused(body: bytes) -> None:
    with pytest.raises((InvalidRequest, Corrupted)):
        read_trainer_manifest(body, RUN)
