"""A platform with a registered model that can be made again: the two jobs are done when a test says so.

The trainer is a few lines: its model comes from the rows, the parameters and the seed it is given, byte for
byte, unless it is told to be noisy.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from headgate.adapters.memory import LogisticModel, MemoryBatchCompute, MemoryQueue
from headgate.adapters.memory.batch import Submission
from headgate.bootstrap import price_table
from headgate.domain.reproduction import PARAMETER, Against, Reproduction, ended_rebuild
from headgate.domain.reproduction_verdict import Reason, Verdict
from headgate.domain.run import RunRecord, run_prefix
from headgate.domain.training import COMPUTE_CLASSES
from headgate.jobs.reproduce import run as run_job
from headgate.ports import ExternalObjects
from headgate.services.reproduction.conclude_reproduction import ConcludeReproduction
from headgate.services.reproduction.judge_reproduction import JudgeReproduction
from headgate.services.reproduction.rebuild_features import RebuildFeatures
from headgate.services.reproduction.recorded_closure import FindClosure
from headgate.services.reproduction.reproduction_documents import ReproductionDocuments
from headgate.services.reproduction.request_reproduction import RequestReproduction
from headgate.services.reproduction.run_reproduction import RunReproduction
from headgate.services.reproduction.verify_closure import VerifyClosure

from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import TrainedRun, build, job, spec_uri, take_in

ENVIRONMENT: Mapping[str, Any] = {
    "python": "3.13.9",
    "machine": "x86_64",
    "packages": {"lightgbm": "4.6.0", "numpy": "2.3.5"},
    "hardware": {"cpu": "a processor", "cores": 4, "threads": 1, "gpu": None},
}


@dataclass
class ReproductionDesk:
    """Product shops with version 1 of model buys. ``environment`` is that of the next training, ``noise`` is
    added to what it learns.
    """

    platform: MemoryPlatform
    environment: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(ENVIRONMENT)))
    noise: float = 0.0

    @classmethod
    def open(cls, folder: Path) -> "ReproductionDesk":
        platform = MemoryPlatform(folder / "platform")
        platform.compute = MemoryBatchCompute((*COMPUTE_CLASSES, "reproduce"), platform.faults)
        platform.restart()
        desk = cls(platform)
        platform.apply_product(bundle())
        take_in(platform, 1, 2)
        build(platform)
        outcome = platform.train.consider("shops")
        assert outcome.run is not None, outcome
        desk.train(outcome.run)
        registered = platform.register.on_job_ended(spec_uri(outcome.run), job(outcome.run))
        assert registered.state == "registered", registered
        return desk

    def on(self, platform: MemoryPlatform) -> "ReproductionDesk":
        """The same desk over a copy of the platform."""
        return replace(self, platform=platform)

    # --- the use cases, as functions and job have them

    @property
    def conclude(self) -> ConcludeReproduction:
        it = self.platform
        return ConcludeReproduction(it.catalog, ReproductionDocuments(it.models), it.bus, it.clock)

    @property
    def asking(self) -> RequestReproduction:
        it = self.platform
        queue = MemoryQueue("train", it.faults)
        return RequestReproduction(
            *(it.products, it.catalog, it.catalog, queue, it.guard, it.clock, price_table(), it.new_id)
        )

    @property
    def running(self) -> RunReproduction:
        it = self.platform
        return RunReproduction(it.train, it.catalog, it.catalog, self.conclude, price_table())

    @property
    def rebuilding(self) -> RebuildFeatures:
        it = self.platform
        return RebuildFeatures(
            FindClosure(it.products, it.catalog, it.catalog, it.catalog, it.lake, it.models),
            VerifyClosure(it.landing, it.lake, cast(ExternalObjects, None)),
            it.catalog,
            it.catalog,
            ReproductionDocuments(it.models),
            it.build.engine,
            it.scratch,
            it.clock,
        )

    @property
    def judging(self) -> JudgeReproduction:
        it = self.platform
        engine = it.register.evaluation.engine
        return JudgeReproduction(it.catalog, it.models, engine, self.conclude, it.scratch)

    # --- a reproduction, step by step

    def ask(self, against: Against = "recorded") -> str:
        return str(self.asking.ask(ALICE, "shops", 1, against)["id"])

    def start(self, name: str) -> None:
        self.running.start("shops", name)

    def work(self) -> int:
        """What the Batch worker does; its exit code."""
        submission = self._jobs()[-1]
        return run_job([submission.parameters[PARAMETER]], lambda: self.rebuilding, lambda _: None)

    def rebuilt(self, status: str = "SUCCEEDED", seconds: int = 40) -> Reproduction:
        """The function hears that the newest first job has ended."""
        jobs = self._jobs()
        started = 1_893_456_000_000
        detail = {
            "jobId": jobs[-1].job_id,
            "status": status,
            "parameters": dict(jobs[-1].parameters),
            "startedAt": started,
            "stoppedAt": started + seconds * 1000,
        }
        return self.running.on_rebuilt(ended_rebuild(detail))

    def _jobs(self) -> list[Submission]:
        return [s for s in self.platform.compute.submissions if s.compute_class == "reproduce"]

    def fresh_run(self, name: str) -> RunRecord:
        return self.platform.catalog.run("shops", self.record(name).run)

    def judge(self, run: RunRecord, state: str = "SUCCEEDED") -> None:
        """The function hears that a reproduction's training run has ended."""
        register = replace(self.platform.register, reproductions=self.judging)
        register.on_job_ended(spec_uri(run), job(run, state))

    def train(self, run: RunRecord) -> None:
        """What the trainer does."""
        spec = json.loads(self.platform.models.get(f"{run_prefix('shops', run.digest)}/spec.json"))
        trained = TrainedRun(self.platform, run, learnt(spec, self.noise))
        trained.manifest["environment"] = json.loads(json.dumps(self.environment))
        trained.write()

    def record(self, name: str) -> Reproduction:
        return self.platform.catalog.reproduction("shops", name)

    def reproduce(self, against: Against = "recorded") -> Reproduction:
        """All of it, as far as it comes."""
        name = self.ask(against)
        self.start(name)
        assert self.work() == 0
        if self.rebuilt().state == "training":
            run = self.fresh_run(name)
            self.train(run)
            self.judge(run)
        return self.record(name)

    def verdict(self, against: Against = "recorded") -> Verdict:
        record = self.reproduce(against)
        assert record.state == "judged", record
        return Verdict.from_document(record.verdict)

    # --- what becomes of the past

    def tamper(self, bucket: str, key: str, change: "Any") -> None:
        """Other bytes under the very same version: what a versioned bucket does not let anybody do."""
        store = getattr(self.platform, bucket)
        path = store._version(key, None).path
        path.write_bytes(change(path.read_bytes()))

    def declare(self, **training: Any) -> None:
        """The product declares its training anew."""
        document = bundle()
        document["training"] |= training
        self.platform.apply_product(document)


def causes(verdict: Verdict) -> list[tuple[str, str]]:
    return [(reason.kind, reason.what) for reason in verdict.reasons]


def reason(verdict: Verdict) -> Reason:
    (found,) = verdict.reasons
    return found


def learnt(spec: Mapping[str, Any], noise: float) -> LogisticModel:
    """As good as a model can be, and a little different for every row, parameter and seed."""
    rows = pa.concat_tables([pq.read_table(p["uri"]) for p in _verified(spec)])
    warmth = sum(v or 0.0 for v in rows["warmth"].to_pylist()) / rows.num_rows
    own = int(hashlib.sha256(json.dumps(spec["params"], sort_keys=True).encode()).hexdigest()[:4], 16) / 1e7
    return LogisticModel(
        -51.0 + spec["seed"] / 100 + own + noise, {"double_size": 1.0, "warmth": warmth / 1e3}
    )


def _verified(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The partitions, as a trainer takes them: it refuses others than the spec names."""
    found: list[dict[str, Any]] = spec["training_set"]["partitions"]
    for partition in found:
        assert hashlib.sha256(Path(partition["uri"]).read_bytes()).hexdigest() == partition["sha256"]
    return found
