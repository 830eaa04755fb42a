"""Where a stage of a feature build runs: here, in one Batch job, or in an array of them; the cost."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from headgate.domain.canonical import canonical_json
from headgate.domain.cost import PriceTable
from headgate.domain.errors import NotFound
from headgate.domain.feature_job import FEATURES, PARAMETER, FeatureJob
from headgate.ports import BatchCompute, Clock, ObjectStore
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_manifests import features_prefix
from headgate.services.features.feature_work import CHUNK_BYTES

FUNCTION: Literal["function"] = "function"
JOB: Literal["job"] = "job"
ARRAY: Literal["array"] = "array"
PRICED_AS = "cpu"
"""The compute class whose machine a worker of the job has."""
MOST_WORKERS = 64
BYTES_PER_SECOND = 5 << 20
"""Parquet that one worker makes features of: what wide views of small files reach; narrow ones of ten
gigabytes were measured at twelve times as much.
"""
SECONDS_PER_TASK = 0.3
START_SECONDS = 60.0
"""Until a Batch worker runs."""
LEAST_TIMEOUT = 900
LOST_SECONDS = 24 * 3600
"""After so long nobody will tell any more that a job has ended."""


@dataclass(frozen=True)
class Placed:
    """``seconds`` is the time to wait, ``usd`` an estimate at list prices."""

    kind: Literal["function", "job", "array"]
    workers: int
    seconds: float
    usd: float


@dataclass(frozen=True)
class FeatureCompute:
    """Decides. ``largest_bytes`` of input are made by the function itself, which has ``function_mb``."""

    prices: PriceTable
    largest_bytes: int
    function_mb: int

    @property
    def chunk_bytes(self) -> int:
        """What one task reads: more than one task in what is handed over."""
        return min(CHUNK_BYTES, max(self.largest_bytes // 2, 1))

    def place(self, tasks: Sequence[int]) -> Placed:
        """``tasks`` are the bytes that each reads. Raises ConfigurationError for want of a price."""
        total = sum(tasks)
        if total <= self.largest_bytes:
            seconds = _seconds(total, len(tasks))
            return Placed(FUNCTION, 1, seconds, self.prices.function_usd(self.function_mb, seconds))
        workers = min(len(tasks), MOST_WORKERS)
        busiest = max(_seconds(sum(tasks[i::workers]), len(tasks[i::workers])) for i in range(workers))
        paid = _seconds(total, len(tasks)) + workers * START_SECONDS
        usd = self.prices.compute_usd(PRICED_AS, paid)
        return Placed(ARRAY if workers > 1 else JOB, workers, busiest + START_SECONDS, usd)


@dataclass(frozen=True)
class FeatureJobs:
    """Hands stages over. What was submitted for a stage is noted beside the features until it has ended, so
    that an event that is told twice does not start it twice.
    """

    compute: BatchCompute
    lake: ObjectStore
    decide: FeatureCompute
    clock: Clock

    def submit(self, job: FeatureJob, placed: Placed) -> str:
        """The job's id; that of the one at work already, if there is one."""
        if (running := self._running(job)) is not None:
            return running
        id_ = self.compute.submit(
            name=f"features-{job.product}-{job.feature_set}-{job.stage}",
            compute_class=FEATURES,
            parameters={PARAMETER: job.to_parameter()},
            timeout_seconds=max(LEAST_TIMEOUT, int(10 * placed.seconds)),
            array_size=placed.workers if placed.kind == ARRAY else None,
        )
        self._note(job, {"job": id_, "submitted_at": iso(self.clock.now()), "ended": False})
        return id_

    def ended(self, job: FeatureJob, id_: str) -> None:
        self._note(job, {"job": id_, "submitted_at": iso(self.clock.now()), "ended": True})

    def _running(self, job: FeatureJob) -> str | None:
        try:
            noted: dict[str, Any] = json.loads(self.lake.get(_note_key(job)))
        except NotFound:
            return None
        age = (self.clock.now() - parse_iso(noted["submitted_at"])).total_seconds()
        return None if noted["ended"] or age > LOST_SECONDS else str(noted["job"])

    def _note(self, job: FeatureJob, said: dict[str, Any]) -> None:
        self.lake.put(_note_key(job), canonical_json(said), "application/json")


def job_notes(lake: ObjectStore, prefix: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Of the jobs below ``prefix`` (of a set or of a product) that have not ended: when each was submitted,
    and when it is given up for lost.
    """
    for entry in lake.entries(prefix):
        if not entry.is_latest or "/jobs/" not in entry.key:
            continue
        try:
            noted = json.loads(lake.get(entry.key))
        except NotFound:
            continue
        submitted = parse_iso(noted["submitted_at"])
        lost = submitted + timedelta(seconds=LOST_SECONDS)
        if not noted["ended"] and lost >= now:
            yield submitted, lost


def _note_key(job: FeatureJob) -> str:
    return f"{features_prefix(job.product, job.feature_set)}/jobs/{job.name}.json"


def _seconds(size: int, tasks: int) -> float:
    return round(size / BYTES_PER_SECOND + tasks * SECONDS_PER_TASK, 1)
