"""Where a stage of a feature build runs: here, in one Batch job, or in an array of them; the cost."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from headgate.domain.canonical import canonical_json
from headgate.domain.cost import PriceTable
from headgate.domain.errors import Conflict, HeadgateError, NotFound, StateUnknown
from headgate.domain.feature_job import FEATURES, PARAMETER, FeatureJob, StageJob
from headgate.ports import BatchCompute, Clock, FeatureCatalog, ObjectStore
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
CLAIM_SECONDS = 900
"""After so long nobody submits any more what was claimed: longer than the function may run."""


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
    """Hands stages over: one at a time of a set and recipe. It is claimed in the catalog before it is
    submitted, so that of two workers one submits; and noted beside the features until it has ended, for who
    deletes.
    """

    compute: BatchCompute
    lake: ObjectStore
    catalog: FeatureCatalog
    decide: FeatureCompute
    clock: Clock

    def submit(self, job: FeatureJob, placed: Placed) -> str:
        """What is told of it: the new job, or the one that is to be waited for."""
        was = self.catalog.stage_job(job.product, job.feature_set, job.recipe)
        if was is not None and not self._over(was):
            return was.told()
        now = iso(self.clock.now())
        whose = (job.product, job.feature_set, job.recipe)
        claim = StageJob(*whose, job.stage, job.inputs, token=uuid4().hex, claimed_at=now)
        try:
            self.catalog.put_stage_job(claim, was)
        except Conflict:
            return claim.told()
        self._note(job, {"job": "", "submitted_at": now, "ended": False})
        try:
            id_ = self._submitted(job, placed)
        except StateUnknown:
            raise  # it may be at work: the claim stands until it is given up for lost
        except HeadgateError:
            self.catalog.put_stage_job(replace(claim, ended=True), claim)
            self._note(job, {"job": "", "submitted_at": now, "ended": True})
            raise
        self.catalog.put_stage_job(replace(claim, job_id=id_), claim)
        self._note(job, {"job": id_, "submitted_at": now, "ended": False})
        return f"{placed.workers} worker(s), job {id_}"

    def ended(self, job: FeatureJob, id_: str) -> bool:
        """False when another job of the set is at work: this one's end was told before."""
        was = self.catalog.stage_job(job.product, job.feature_set, job.recipe)
        if was is not None and was.job_id not in ("", id_):
            return self._over(was)
        if was is not None and not was.ended:
            with suppress(Conflict):  # ended by another delivery
                self.catalog.put_stage_job(replace(was, job_id=id_, ended=True), was)
        self._note(job, {"job": id_, "submitted_at": iso(self.clock.now()), "ended": True})
        return True

    def failed(self, job: FeatureJob, problem: str) -> None:
        """The build that the job was for came to nothing: kept for who waits for it."""
        was = self.catalog.stage_job(job.product, job.feature_set, job.recipe)
        if was is not None and was.ended:
            with suppress(Conflict):  # the set's next job is claimed
                self.catalog.put_stage_job(replace(was, problem=problem), was)

    def _submitted(self, job: FeatureJob, placed: Placed) -> str:
        return self.compute.submit(
            name=f"features-{job.product}-{job.feature_set}-{job.stage}",
            compute_class=FEATURES,
            parameters={PARAMETER: job.to_parameter()},
            timeout_seconds=max(LEAST_TIMEOUT, int(10 * placed.seconds)),
            array_size=placed.workers if placed.kind == ARRAY else None,
        )

    def _over(self, was: StageJob) -> bool:
        """Whether nobody waits for it: a claim without a job is one whose worker died."""
        age = (self.clock.now() - parse_iso(was.claimed_at)).total_seconds()
        return was.ended or age > (LOST_SECONDS if was.job_id else CLAIM_SECONDS)

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
