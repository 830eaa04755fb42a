"""What every trainer keeps: learning, parity with its artifact, repeatable bytes, going on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headgate_trainer import metrics
from headgate_trainer.errors import BadSpec

from tests.unit.trainer.fitting import Fitting, KeptCheckpoints, Killed
from tests.unit.trainer.small_runs import SmallRun

TRAINERS = ("lightgbm", "xgboost", "torch")


@pytest.fixture
def fitting(small_run: SmallRun, tmp_path: Path) -> Fitting:
    return Fitting(small_run, tmp_path / "scratch")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would wait for each other over rows as few as these."""
    monkeypatch.setenv("HEADGATE_THREADS", "1")


@pytest.fixture(params=TRAINERS)
def trainer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name != "lightgbm":
        pytest.importorskip(name, reason=f"{name} is not in .envs/trainer; `make setup` says why")
    return name


def test_it_learns_and_its_artifact_says_the_same(fitting: Fitting, trainer: str) -> None:
    fitting.prepare(trainer)

    model = fitting.fit()

    scores = model.score(fitting.holdout.matrix)
    assert metrics.auc(fitting.data.holdout.labels, scores) > 0.65
    importance = model.importance()
    assert set(importance) == set(fitting.encoding.names)
    assert sum(importance.values()) == pytest.approx(1.0)
    assert importance["nothing"] == 0.0
    assert {"kind", "engine"} <= model.facts().keys()


def test_nulls_and_unknown_texts_go_the_same_way_in_the_artifact(fitting: Fitting, trainer: str) -> None:
    fitting.prepare(trainer)
    model = fitting.fit()

    parity = fitting.parity(model, fitting.artifact())

    parity.require()
    assert parity.holdout.max_abs_error < 2e-6
    assert parity.probes.rows > 300
    # a shop that no training row had is among the held-out rows
    assert (fitting.holdout.matrix[:, 0] == -1).any()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_equal_runs_make_equal_bytes(
    fitting: Fitting, trainer: str, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_THREADS", threads)
    fitting.prepare(trainer)

    assert fitting.artifact() == fitting.artifact()


def test_another_seed_makes_another_model(fitting: Fitting, trainer: str) -> None:
    fitting.prepare(trainer)
    first = fitting.artifact()

    fitting.prepare(trainer, seed=8)

    assert fitting.artifact() != first


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_run_goes_on_to_the_bytes_of_an_unbroken_one(
    fitting: Fitting, trainer: str, killed_after: int
) -> None:
    # Given a run that was killed after some of its checkpoints
    fitting.prepare(trainer, checkpoint_minutes=1)
    broken = KeptCheckpoints(most=killed_after)
    with pytest.raises(Killed):
        fitting.artifact(broken)

    # When it goes on from the latest
    resumed = fitting.artifact(KeptCheckpoints(kept=list(broken.kept)))
    steps_of_the_rest = [done for done, _, _ in fitting.told]

    # Then it does not learn again what it had learnt, and ends as if nothing had happened
    assert min(steps_of_the_rest) > broken.kept[-1].steps
    assert resumed == fitting.artifact(KeptCheckpoints())


def test_when_a_checkpoint_is_taken_changes_nothing(fitting: Fitting, trainer: str) -> None:
    class NeverDue(KeptCheckpoints):
        def due(self) -> bool:
            return False

    fitting.prepare(trainer, checkpoint_minutes=1)

    assert fitting.artifact(NeverDue()) == fitting.artifact(KeptCheckpoints())


def test_progress_ends_at_the_end_with_held_out_metrics(fitting: Fitting, trainer: str) -> None:
    fitting.prepare(trainer)

    fitting.fit()

    done, total, last = fitting.told[-1]
    assert done == total
    assert last["holdout_auc"] > 0.6
    assert all(np.isfinite(value) for value in last.values())


@pytest.mark.parametrize("trainer_name", ["xgboost", "torch"])
@pytest.mark.filterwarnings("ignore:.*Device is changed from GPU to CPU")
def test_the_card_tells_which_device_learnt(fitting: Fitting, trainer_name: str) -> None:
    """A GPU's class on a machine without one learns on the processor."""
    torch = pytest.importorskip("torch", reason="torch tells whether there is a GPU")
    pytest.importorskip(trainer_name)
    fitting.prepare(trainer_name, compute_class="gpu")

    facts = fitting.fit().facts()

    assert facts["device"] == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("trainer_name", "params", "reason"),
    [
        ("xgboost", {"booster": "gblinear"}, "no right ONNX form"),
        ("xgboost", {"booster": "dart"}, "no right ONNX form"),
        ("xgboost", {"num_parallel_tree": 4}, "forests of boosted trees"),
        ("xgboost", {"rounds": 0}, "rounds is 0"),
        ("xgboost", {"nthread": 4}, "nthread cannot be set for xgboost"),
        ("xgboost", {"subsample": 7.0}, "xgboost refuses"),
        ("torch", {"epochs": 0}, "epochs is 0"),
        ("torch", {"hidden": "wide"}, "hidden is 'wide'"),
        ("torch", {"dropout": 1.0}, "dropout is 1.0"),
        ("torch", {"layers": 3}, "layers cannot be set for torch"),
        ("torch", {"processes": 2, "batch_rows": 1}, "batch_rows"),
    ],
)
def test_parameters_that_cannot_be_honoured_are_refused(
    fitting: Fitting, trainer_name: str, params: dict[str, object], reason: str
) -> None:
    if trainer_name == "xgboost":
        pytest.importorskip(trainer_name, reason="xgboost is not in .envs/trainer; `make setup` makes it")
    fitting.prepare(trainer_name, params=params)

    with pytest.raises(BadSpec, match=reason):
        fitting.fit()


def test_dart_is_not_resumed(fitting: Fitting) -> None:
    fitting.prepare("lightgbm", params={"boosting": "dart"}, checkpoint_minutes=1)

    with pytest.raises(BadSpec, match="dart changes trees it made before"):
        fitting.fit()
