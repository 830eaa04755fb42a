"""Models on ONNX Runtime: what is fed to them, and what is refused."""

import math
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.engines.onnx_runtime import OnnxLoadedModel, OnnxModelRuntime
from headgate.domain.errors import Corrupted, InvalidRequest

MODELS = Path(__file__).resolve().parents[2] / "support/models"


@pytest.fixture(scope="module")
def model() -> OnnxLoadedModel:
    return OnnxModelRuntime().load(MODELS / "tiny.onnx")


def logistic(total: float) -> float:
    return 1 / (1 + math.exp(-total))


@pytest.mark.parametrize(
    ("size", "colour", "total"),
    [
        (4.0, "red", 3.0),
        (4, "blue", 2.0),
        (True, "blue", 0.5),
        (Decimal("1.5"), "blue", 0.75),
        (None, "blue", 1.0),
        (0.0, None, -1.0),
        (0.0, "", -1.0),
        (0.0, 5, 3.0),
        (0.0, True, 2.0),
        (0.0, False, 0.0),
        (0.0, date(2024, 1, 1), 0.0),
        (1e300, "blue", math.inf),
        (10**400, "blue", math.inf),
        (-(10**400), "blue", -700.0),
    ],
)
def test_values_are_fed_as_training_saw_them(
    model: OnnxLoadedModel, size: Any, colour: Any, total: float
) -> None:
    assert model.score({"size": [size], "colour": [colour]}) == [pytest.approx(logistic(total), abs=1e-6)]


def test_rows_keep_their_order(model: OnnxLoadedModel) -> None:
    sizes = [float(n) for n in range(-50, 50)]
    found = model.score({"size": sizes, "colour": ["red"] * 100})
    assert found == [pytest.approx(logistic(0.5 * size + 1), abs=1e-6) for size in sizes]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"size": [1.0]}, r"missing \['colour'\], unknown none"),
        ({"size": [1.0], "colour": ["red"], "shape": ["x"]}, r"missing none, unknown \['shape'\]"),
        ({"size": [1.0, 2.0], "colour": ["red"]}, r"different numbers of rows: \[1, 2\]"),
        ({"size": ["1.0"], "colour": ["red"]}, "size, row 0: a number is needed"),
        ({"size": [1.0, [2.0]], "colour": ["red", "red"]}, "size, row 1: a number is needed"),
        ({"size": [1.0], "colour": [1.5]}, "colour, row 0: a text or whole number is needed"),
        ({"size": [1.0], "colour": [b"red"]}, "colour, row 0: a text or whole number is needed"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    model: OnnxLoadedModel, columns: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        model.score(columns)


@pytest.mark.parametrize("body", [b"", b"no model", b"\x08\x08\x12\x00", None])
def test_bytes_that_are_no_model_are_corrupted(tmp_path: Path, body: bytes | None) -> None:
    artifact = tmp_path / "model.onnx"
    artifact.write_bytes((MODELS / "tiny.onnx").read_bytes()[:200] if body is None else body)
    with pytest.raises(Corrupted, match=r"model\.onnx is no model ONNX Runtime can load"):
        OnnxModelRuntime().load(artifact)


@pytest.mark.parametrize(
    ("name", "reason"), [("double.onnx", r"size: tensor\(double\)"), ("unnamed.onnx", "answer")]
)
def test_a_model_of_another_shape_is_corrupted(name: str, reason: str) -> None:
    with pytest.raises(Corrupted, match=reason):
        OnnxModelRuntime().load(MODELS / name)


def test_an_artifact_tells_its_own_signature(model: OnnxLoadedModel) -> None:
    assert model.signature() == {
        "inputs": [
            {"name": "size", "datatype": "FP32", "shape": [-1, 1]},
            {"name": "colour", "datatype": "BYTES", "shape": [-1, 1]},
        ],
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}],
    }
