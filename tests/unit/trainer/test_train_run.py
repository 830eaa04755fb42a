"""A run from spec to manifest: what it leaves behind, that it repeats, and that the platform can use it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_evaluation import DuckDbEvaluationEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
from headgate.ports import RowWindow
from headgate_trainer.errors import TryAgain
from headgate_trainer.storage import FileStorage

from tests.unit.trainer.small_runs import MONTHS, SmallRun

OUTPUTS = {"model.onnx", "metrics.json", "reference.json", "holdout_scores.parquet", "card.json", "card.md"}


@dataclass
class WatchedStorage(FileStorage):
    """Remembers what was written, and can fail at one name."""

    fails_at: str | None = None
    written: list[str] = field(default_factory=list)

    def write(self, uri: str, path: Path) -> None:
        if path.name == self.fails_at:
            raise TryAgain(f"{uri} cannot be written now")
        super().write(uri, path)
        self.written.append(path.name)


def read(run: SmallRun, name: str) -> Any:
    return json.loads((run.out / name).read_bytes())


def test_a_run_leaves_every_output_and_the_manifest_last(small_run: SmallRun) -> None:
    storage = WatchedStorage()

    metrics = small_run.run(storage)

    assert set(storage.written[:-1]) == OUTPUTS
    assert storage.written[-1] == "manifest.json"
    manifest = read(small_run, "manifest.json")
    assert manifest["format"] == "headgate.model/1"
    assert manifest["run"] == small_run.out.parent.name
    assert manifest["metrics"]["auc"] == metrics["auc"] > 0.6
    for name, entry in manifest["files"].items():
        content = (small_run.out / name).read_bytes()
        assert (entry["sha256"], entry["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_a_run_that_cannot_write_everything_leaves_no_manifest(small_run: SmallRun, name: str) -> None:
    with pytest.raises(TryAgain):
        small_run.run(WatchedStorage(fails_at=name))

    assert not (small_run.out / "manifest.json").exists()


def test_the_same_spec_gives_the_same_bytes(small_run: SmallRun) -> None:
    small_run.run()
    first = {name: (small_run.out / name).read_bytes() for name in OUTPUTS}

    small_run.run()

    assert {name: (small_run.out / name).read_bytes() for name in OUTPUTS} == first


def test_another_seed_gives_another_model(small_run: SmallRun, tmp_path: Path) -> None:
    other = SmallRun(tmp_path / "other")
    other.folder.mkdir()
    for run, seed in ((small_run, 7), (other, 8)):
        run.document["params"] |= {"bagging_fraction": 0.5, "bagging_freq": 1}
        run.document["seed"] = seed
        run.run()

    assert (small_run.out / "model.onnx").read_bytes() != (other.out / "model.onnx").read_bytes()


def test_the_serving_runtime_says_of_held_out_rows_what_the_trained_model_said(small_run: SmallRun) -> None:
    small_run.run()
    model = OnnxModelRuntime().load(small_run.out / "model.onnx")
    rows = pq.read_table(small_run.partition_file("2024-03")).to_pydict()
    names = [each["name"] for each in read(small_run, "manifest.json")["signature"]["inputs"]]

    scores = model.score({name: rows[name] for name in names})

    claimed = pq.read_table(small_run.out / "holdout_scores.parquet").to_pydict()
    assert claimed["visit"] == rows["visit"]
    assert claimed["late"] == rows["late"]
    assert max(abs(a - b) for a, b in zip(scores, claimed["score"], strict=True)) < 1e-6


def test_a_served_row_may_have_an_unknown_category_or_nothing_at_all(small_run: SmallRun) -> None:
    small_run.run()
    model = OnnxModelRuntime().load(small_run.out / "model.onnx")

    def score(**row: Any) -> float:
        empty = {"shop": None, "temp": None, "people": None, "ratio": None, "nothing": None}
        return model.score({name: [value] for name, value in (empty | row).items()})[0]

    assert 0 < score() < 1
    assert score(shop="never seen", temp=5.0) == score(shop="east", temp=5.0)
    assert score(shop="south", temp=5.0) > score(shop="north", temp=5.0)


def test_categories_of_the_holdout_alone_stay_out_of_the_model(small_run: SmallRun) -> None:
    small_run.run()

    assert "east" in pq.read_table(small_run.partition_file("2024-03")).to_pydict()["shop"]
    assert read(small_run, "reference.json")["features"]["shop"]["categories"] == ["north", "south", "west"]
    assert b"east" not in (small_run.out / "model.onnx").read_bytes()


def test_training_rows_show_no_drift_against_their_own_reference(small_run: SmallRun) -> None:
    """The monitor counts with DuckDB what the trainer counted with numpy: both must find the same bins."""
    small_run.run()
    reference = read(small_run, "reference.json")["features"]
    uris = tuple(str(small_run.partition_file(month)) for month in MONTHS)
    window = RowWindow(uris, "at", ("visit",), "2024-01-01", "2024-03-01")
    engine = DuckDbEvaluationEngine(Limits(2**28, 1), small_run.folder)

    found = engine.histograms(window, reference)

    for name, entry in reference.items():
        others = [] if entry["kind"] == "numeric" else [0]
        assert found[name] == [*entry["counts"], *others, entry["nulls"]], name


def test_a_column_without_any_value_trains_and_is_told(small_run: SmallRun) -> None:
    small_run.run()

    expected = {"kind": "numeric", "edges": [], "counts": [0], "nulls": 1400}
    assert read(small_run, "reference.json")["features"]["nothing"] == expected
    card = read(small_run, "card.json")
    assert any("lack" in sentence and "nothing" in sentence for sentence in card["limits"])
    assert "| shop | categorical |" in (small_run.out / "card.md").read_text()


def test_baselines_are_those_that_registration_computes(small_run: SmallRun) -> None:
    small_run.run()
    uris = tuple(str(small_run.partition_file(month)) for month in MONTHS)
    train = RowWindow(uris, "at", ("visit",), "2024-01-01", "2024-03-01")
    holdout = RowWindow(uris, "at", ("visit",), "2024-03-01", "2024-04-01")
    engine = DuckDbEvaluationEngine(Limits(2**28, 1), small_run.folder)
    means = engine.group_means(train, holdout, "late", ["shop"])
    labels = [v for batch in engine.rows(holdout, ["late"]) for v in batch["late"]]

    pairs = [
        (a, b)
        for a, x in zip(means, labels, strict=True)
        if x
        for b, y in zip(means, labels, strict=True)
        if not y
    ]
    auc = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)

    metrics = read(small_run, "metrics.json")
    assert metrics["baselines"]["by_shop"]["auc"] == pytest.approx(auc)
    assert metrics["baselines"]["constant"]["auc"] == 0.5


def test_progress_is_told_as_json_lines(small_run: SmallRun) -> None:
    small_run.run()

    lines = [json.loads(line) for line in small_run.log.getvalue().splitlines()]
    training = [line for line in lines if line["event"] == "training"]
    assert [line["iteration"] for line in training] == list(range(2, 21, 2))
    assert all(line["iterations"] == 20 and line["holdout_auc"] > 0.5 for line in training)
    assert {line["run"] for line in lines} == {small_run.out.parent.name}
