"""An array job's workers share one argument and each do the run of their index."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from headgate_trainer.__main__ import main
from headgate_trainer.errors import BadSpec
from headgate_trainer.journal import Journal
from headgate_trainer.storage import FileStorage
from headgate_trainer.trials import spec_uri_of

from tests.unit.trainer.small_runs import SmallRun

RUNS = [f"s3://models/shops/runs/{character * 64}/spec.json" for character in "abc"]


def listed(folder: Path, **changes: Any) -> str:
    path = folder / "experiments/7/trials.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": "headgate.trials/1", "runs": RUNS, **changes}))
    return path.as_uri()


def test_each_worker_takes_the_run_of_its_index(tmp_path: Path) -> None:
    uri = listed(tmp_path)

    found = [spec_uri_of(uri, {"AWS_BATCH_JOB_ARRAY_INDEX": str(index)}, FileStorage()) for index in range(3)]

    assert found == RUNS


def test_a_single_run_is_its_own_argument(tmp_path: Path) -> None:
    assert spec_uri_of(RUNS[0], {}, FileStorage()) == RUNS[0]
    assert spec_uri_of(listed(tmp_path, runs=RUNS[:1]), {}, FileStorage()) == RUNS[0]


@pytest.mark.parametrize(
    ("changes", "index", "reason"),
    [
        ({}, {}, "AWS_BATCH_JOB_ARRAY_INDEX is not set"),
        ({}, {"AWS_BATCH_JOB_ARRAY_INDEX": "3"}, "lists 3 runs"),
        ({}, {"AWS_BATCH_JOB_ARRAY_INDEX": "-1"}, "lists 3 runs"),
        ({"format": "trials"}, {}, "no headgate.trials/1"),
        ({"runs": []}, {}, "a list of run specs is needed"),
        ({"runs": "all"}, {}, "a list of run specs is needed"),
        ({"runs": ["s3://models/shops/spec.json"]}, {}, "is no run spec"),
    ],
)
def test_a_list_without_a_run_for_the_worker_is_refused(
    tmp_path: Path, changes: dict[str, Any], index: dict[str, str], reason: str
) -> None:
    with pytest.raises(BadSpec, match=reason):
        spec_uri_of(listed(tmp_path, **changes), index, FileStorage())


def test_workers_of_an_array_do_not_all_do_one_run() -> None:
    with pytest.raises(BadSpec, match="a list of trials is needed"):
        spec_uri_of(RUNS[0], {"AWS_BATCH_JOB_ARRAY_INDEX": "0"}, FileStorage())


def test_the_program_does_the_trial_of_its_index(small_run: SmallRun) -> None:
    uri = listed(small_run.folder, runs=[RUNS[0], small_run.write()])
    stream = io.StringIO()
    environ = {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ATTEMPT": "3"}

    assert main([uri], Journal(stream), environ=environ) == 0

    manifest = json.loads((small_run.out / "manifest.json").read_bytes())
    assert (manifest["run"], manifest["attempt"]) == (small_run.out.parent.name, 3)
