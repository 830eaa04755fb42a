"""A model of the real trainer is registered and made again: the same bytes, or what changed."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
from headgate.domain.errors import NotFound
from headgate.domain.run import RunRecord
from headgate_trainer.errors import Absent
from headgate_trainer.journal import Journal
from headgate_trainer.storage import Storage
from headgate_trainer.train_run import TrainRun

from tests.support.memory_platform import MemoryPlatform
from tests.support.reproduction_desk import ReproductionDesk, causes
from tests.support.trained_run import spec_uri


@dataclass(frozen=True)
class Buckets(Storage):
    """The platform's buckets, as the trainer reads and writes them."""

    platform: MemoryPlatform

    def read(self, uri: str) -> bytes:
        if uri.startswith("s3://models/"):
            try:
                return self.platform.models.get(uri.removeprefix("s3://models/"))
            except NotFound as error:
                raise Absent(str(error)) from error
        return Path(uri).read_bytes()

    def download(self, uri: str, path: Path) -> str:
        path.write_bytes(self.read(uri))
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def write(self, uri: str, path: Path) -> None:
        self.platform.models.upload(path, uri.removeprefix("s3://models/"))


class RealDesk(ReproductionDesk):
    """A desk whose trainer and runtime are the real ones."""

    def train(self, run: RunRecord) -> None:
        object.__setattr__(self.platform.register, "runtime", OnnxModelRuntime())
        with self.platform.scratch.directory() as scratch:
            journal = Journal(io.StringIO(), clock=lambda: "now")
            TrainRun(Buckets(self.platform), journal, scratch).run(spec_uri(run))


@pytest.fixture
def desk(tmp_path: Path) -> ReproductionDesk:
    return RealDesk.open(tmp_path)


def test_the_same_spec_makes_the_same_bytes(desk: ReproductionDesk) -> None:
    record = desk.reproduce()

    assert record.verdict["state"] == "identical", record.verdict
    assert record.verdict["reasons"] == []
    evidence = json.loads(desk.platform.models.get(f"{record.prefix}/verdict.json"))
    assert evidence["found"]["libraries"]["lightgbm"]
    assert evidence["recorded"]["outputs"] == evidence["found"]["outputs"]


def test_another_parameter_is_named_and_the_scores_are_apart(desk: ReproductionDesk) -> None:
    desk.declare(params={"rounds": 9})

    found = desk.verdict("declared")

    assert causes(found) == [("config", "params.rounds")]
    assert found.state == "differs"
    assert found.scores is not None and found.scores.beyond > 0
