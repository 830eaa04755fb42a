"""Training whose host is reclaimed: real processes under the local AWS Batch, with the retry rules of the
template.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from headgate_local.launch import PACKAGE_ROOT
from headgate_local.reclaim import reclaim
from headgate_local.template_source import read_template

from tests.integration.local.stack import eventually
from tests.unit.trainer.small_runs import SmallRun

ROOT = Path(__file__).resolve().parents[3]
TRAINER = ROOT / os.environ.get("HEADGATE_TRAINER_ENVIRONMENT", ".envs/trainer")
PATIENCE = 120.0
SAME = ("model.onnx", "metrics.json", "reference.json", "holdout_scores.parquet", "card.json", "card.md")


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Any]:
    """A client of a local Batch that runs the trainer, with a Spot queue and the template's retry rules."""
    if not TRAINER.exists():
        pytest.skip(f"{TRAINER} does not exist; `make setup` makes it")
    command = [sys.executable, "-m", "headgate_local.batch", "--image", f"trainer*={TRAINER}"]
    command += ["--python-path", str(ROOT / "infra/trainer"), "--minimum-timeout", "1", "--vcpus", "4"]
    process = subprocess.Popen(
        [*command, "--log-dir", str(tmp_path / "logs")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
    )
    assert process.stdout
    endpoint = json.loads(process.stdout.readline())["endpoint"]
    client = boto3.client(
        "batch",
        endpoint_url=endpoint,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        region_name="us-east-1",
    )
    with_queue(client)
    yield client
    process.terminate()
    assert process.wait(20) == 0
    process.stdout.close()


def with_queue(client: Any) -> None:
    compute = {"type": "SPOT", "maxvCpus": 8, "subnets": ["s"], "instanceTypes": ["optimal"]}
    client.create_compute_environment(computeEnvironmentName="c", type="MANAGED", computeResources=compute)
    order = [{"order": 1, "computeEnvironment": "c"}]
    client.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)
    template = read_template(ROOT / "template.yaml")["Resources"]["GpuJobDefinition"]["Properties"]
    rules = [
        {key[:1].lower() + key[1:]: value for key, value in rule.items()}
        for rule in template["RetryStrategy"]["EvaluateOnExit"]
    ]
    client.register_job_definition(
        jobDefinitionName="d",
        type="container",
        parameters={"run_spec": "none"},
        retryStrategy={"attempts": template["RetryStrategy"]["Attempts"], "evaluateOnExit": rules},
        containerProperties={
            "image": "trainer:1",
            "command": template["ContainerProperties"]["Command"],
            "resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "4000"}],
        },
    )


class Running:
    """One submitted run and what its attempts said."""

    def __init__(self, client: Any, logs: Path, uri: str, **more: Any) -> None:
        self.client, self.logs = client, logs
        self.job_id = client.submit_job(
            jobName="j", jobQueue="q", jobDefinition="d", parameters={"run_spec": uri}, **more
        )["jobId"]

    def job(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_jobs(jobs=[self.job_id])["jobs"][0]
        return found

    def events(self, stream: str | None = None) -> list[dict[str, Any]]:
        """What an attempt said so far: of ``stream``, or the newest."""
        name = stream or self.job().get("container", {}).get("logStreamName")
        path = self.logs / "aws/batch/job" / f"{name}.log"
        if not path.exists():
            return []
        lines = [line.split(" ", 1)[1] for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def saved(self, least: int) -> bool:
        return len([e for e in self.events() if e["event"] == "checkpoint_saved"]) >= least

    def ended(self) -> dict[str, Any]:
        return eventually(
            lambda: job if (job := self.job())["status"] in ("SUCCEEDED", "FAILED") else None, PATIENCE
        )


Start = Callable[..., Running]


@pytest.fixture
def begin(batch: Any, tmp_path: Path) -> Start:
    return lambda uri, **more: Running(batch, tmp_path / "logs", uri, **more)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """A run of LightGBM that takes some seconds, and keeps a checkpoint whenever it can."""
    run = SmallRun(tmp_path)
    run.document |= {"checkpoint_minutes": 0.0001, "backtest": {"windows": 2, "test_days": 7}}
    run.document["params"] |= {"rounds": 1500, "checkpoint_rounds": 25}
    return run.write()


def outputs(spec: str) -> dict[str, bytes]:
    folder = Path(spec.removeprefix("file://")).parent / "out"
    return {name: (folder / name).read_bytes() for name in SAME}


def uninterrupted(spec: str, begin: Start) -> dict[str, bytes]:
    """What the same spec makes in a place of its own."""
    source = Path(spec.removeprefix("file://"))
    copy = source.parents[3] / "whole/runs" / source.parent.name / "spec.json"
    copy.parent.mkdir(parents=True)
    shutil.copy(source, copy)
    assert begin(copy.as_uri()).ended()["status"] == "SUCCEEDED"
    return outputs(copy.as_uri())


@pytest.mark.parametrize("grace", [0.0, 20.0])
def test_a_reclaimed_run_goes_on_elsewhere_and_makes_the_same_bytes(
    spec: str, batch: Any, begin: Start, grace: float
) -> None:
    running = begin(spec)
    eventually(lambda: running.saved(3), PATIENCE)

    reclaim(batch, running.job_id, grace)

    job = running.ended()
    first, second = job["attempts"]
    assert job["status"] == "SUCCEEDED", job["statusReason"]
    assert first["statusReason"].startswith("Host EC2 (instance i-")
    # With time to spare it saves and says "try again"; without, it is killed.
    assert first["container"]["exitCode"] == (75 if grace else 137)
    (resumed,) = [
        event
        for event in running.events(second["container"]["logStreamName"])
        if event["event"] == "resumed" and event["slot"] == "fit"
    ]
    manifest = json.loads((Path(spec.removeprefix("file://")).parent / "out/manifest.json").read_bytes())
    assert (manifest["attempt"], manifest["resumed_from"]) == (2, resumed["steps"])
    assert resumed["steps"] >= 75
    assert outputs(spec) == uninterrupted(spec, begin)


def test_trials_of_an_array_are_runs_of_their_own_and_repeats_are_free(tmp_path: Path, begin: Start) -> None:
    run = SmallRun(tmp_path)
    specs = []
    for seed in (1, 2):
        run.document["seed"] = seed
        specs.append(run.write())
    trials = tmp_path / "shops/experiments/e/trials.json"
    trials.parent.mkdir(parents=True)
    trials.write_text(json.dumps({"format": "headgate.trials/1", "runs": specs}))

    array = {"arrayProperties": {"size": 2}}
    assert begin(trials.as_uri(), **array).ended()["status"] == "SUCCEEDED"
    first = [outputs(spec) for spec in specs]
    again = begin(trials.as_uri(), **array)
    assert again.ended()["status"] == "SUCCEEDED"

    assert [outputs(spec) for spec in specs] == first
    children = again.client.describe_jobs(jobs=[f"{again.job_id}:{i}" for i in range(2)])["jobs"]
    for child in children:
        said = [event["event"] for event in again.events(child["container"]["logStreamName"])]
        assert "run_known" in said
        assert "data_read" not in said
