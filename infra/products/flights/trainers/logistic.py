"""A logistic regression by scikit-learn, as an example of a program of one's own:

    trainer: command
    command: [python, -m, flights.trainers.logistic]
    params: {C: 0.1}

What it reads and writes stands in headgate_trainer/program.py. Numbers are imputed and scaled, texts one-hot
encoded, inside the pipeline and so inside the graph.
"""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from headgate_trainer.program import FACTS, MODEL, REFUSED, SCORE, Task, refuse_unsound
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

KNOWN = {"C", "max_iter"}


def main() -> None:
    task = Task.from_environment()
    if unknown := sorted(set(task.document["params"]) - KNOWN):
        print(
            f"params: {', '.join(unknown)} cannot be set; known: {', '.join(sorted(KNOWN))}", file=sys.stderr
        )
        raise SystemExit(REFUSED)
    if task.is_training:
        train(task)
    else:
        score(task)


def train(task: Task) -> None:
    table = pq.read_table(task.file("train"))
    model = pipeline(task)
    refuse_unsound(model)
    model.fit(rows(task, table), table.column(task.document["label"]).to_numpy())
    (task.file("state") / "model.pickle").write_bytes(pickle.dumps(model))
    (task.file("outputs") / MODEL).write_bytes(graph(task, model))
    facts = {"kind": "logistic regression", "engine": "scikit-learn", "importance": importance(task, model)}
    (task.file("outputs") / FACTS).write_text(json.dumps(facts))


def score(task: Task) -> None:
    model = pickle.loads((task.file("state") / "model.pickle").read_bytes())  # noqa: S301 - its own, of this run
    chances = model.predict_proba(rows(task, pq.read_table(task.file("rows"))))[:, 1]
    pq.write_table(pa.table({SCORE: chances}), task.file("scores"))


def pipeline(task: Task) -> Pipeline:
    """By position: texts first, as `rows` lays them out."""
    texts, numbers = len(task.categorical), len(task.numeric)
    numeric = make_pipeline(SimpleImputer(strategy="mean", keep_empty_features=True), StandardScaler())
    prepared = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(range(texts))),
            ("numbers", numeric, list(range(texts, texts + numbers))),
        ]
    )
    params = {"C": 1.0, "max_iter": 500, **task.document["params"]}
    return make_pipeline(prepared, LogisticRegression(random_state=task.document["seed"], **params))


def rows(task: Task, table: pa.Table) -> np.ndarray:
    """One object column a feature: texts first, then numbers."""
    columns = [*task.categorical, *task.numeric]
    return np.column_stack([table.column(name).to_numpy().astype(object) for name in columns])


def graph(task: Task, model: Pipeline) -> bytes:
    """One input a feature; of the two outputs of the converted classifier, the chance of a 1."""
    inputs = [(name, StringTensorType([None, 1])) for name in task.categorical]
    inputs += [(name, FloatTensorType([None, 1])) for name in task.numeric]
    converted = to_onnx(model, initial_types=inputs, options={"zipmap": False}, target_opset=15)
    return with_one_score(select_model_inputs_outputs(converted, outputs=["probabilities"]))


def with_one_score(model: object) -> bytes:
    """The second column of ``probabilities`` as ``score``."""
    from onnx import ModelProto, TensorProto, helper, numpy_helper

    assert isinstance(model, ModelProto)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "second"))
    model.graph.node.append(helper.make_node("Gather", ["probabilities", "second"], [SCORE], axis=1))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, [None, 1]))
    return bytes(model.SerializeToString(deterministic=True))


def importance(task: Task, model: Pipeline) -> dict[str, float]:
    """The spread of what each feature adds to the logit: weights are of scaled numbers and of ones."""
    encoder = model[0].named_transformers_["texts"] if task.categorical else None
    widths = [len(each) for each in encoder.categories_] if encoder is not None else []
    parts = np.split(model[-1].coef_[0], np.cumsum([*widths, *[1] * len(task.numeric)])[:-1])
    told = [float(np.std(part) if len(part) > 1 else abs(part[0])) for part in parts]
    return dict(zip([*task.categorical, *task.numeric], told, strict=True))


if __name__ == "__main__":
    main()
