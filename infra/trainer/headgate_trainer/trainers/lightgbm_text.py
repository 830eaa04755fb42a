"""LightGBM's models as text: thresholds made float32, and the trees of several models joined into one."""

import re
from collections.abc import Sequence

import numpy as np

_THRESHOLDS = re.compile(r"^threshold=(.*)$", re.MULTILINE)
_TREE_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_END = "end of trees\n"


def with_float32_thresholds(model: str) -> str:
    """The model's text with every threshold rounded down to float32.

    ONNX trees compare float32. A double threshold between two neighbouring floats would round up onto the
    upper one and send it the other way; rounded down, ``x <= threshold`` holds for the same float32 values
    as before. Categorical thresholds are small indices and stay as they are. The list of tree sizes (in
    bytes) goes: it would no longer be true.
    """

    def floored(found: re.Match[str]) -> str:
        values = np.array([float(text) for text in found.group(1).split()])
        narrow = values.astype(np.float32)
        narrow = np.where(
            narrow.astype(np.float64) > values, np.nextafter(narrow, np.float32(-np.inf)), narrow
        )
        return "threshold=" + " ".join(repr(float(value)) for value in narrow)

    return _THRESHOLDS.sub(floored, _TREE_SIZES.sub("", model))


def joined(models: Sequence[str]) -> str:
    """One model whose score is the sum of theirs: the first one's text with the trees of all, in order."""
    if len(models) == 1:
        return models[0]
    head = _TREE_SIZES.sub("", _TREE.split(models[0], maxsplit=1)[0].partition(_END)[0])
    trees = [tree for model in models for tree in _TREE.split(model.partition(_END)[0])[1:]]
    numbered = "".join(f"Tree={number}\n{tree}" for number, tree in enumerate(trees))
    return f"{head}{numbered}{_END}{models[0].partition(_END)[2]}"
