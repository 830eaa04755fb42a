"""Whatever is submitted, cancelled, terminated or fails, in whatever order: what always holds of jobs."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from typing import Any

import pytest
from headgate_local.batch.errors import ClientError
from headgate_local.batch.model import NEXT, TERMINAL, Job, Status
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.local.conftest import make_bench

VCPUS = 3


class Jobs(RuleBasedStateMachine):
    """Random users of one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.exit_codes: list[int] = []
        self.bench = make_bench(
            tempfile.gettempdir(), lambda _spec: self.exit_codes.pop() if self.exit_codes else 0, vcpus=VCPUS
        )

    def known(self) -> list[Job]:
        return [job for job in self.bench.engine.jobs if job.parent_id is None]

    @rule(
        data=st.data(),
        attempts=st.integers(1, 3),
        vcpus=st.sampled_from(["1", "2", "5"]),
        size=st.none() | st.integers(2, 4),
        sequential=st.booleans(),
    )
    def submit(
        self, data: st.DataObject, attempts: int, vcpus: str, size: int | None, sequential: bool
    ) -> None:
        depends: list[dict[str, Any]] = []
        if self.known() and data.draw(st.booleans()):
            depends.append({"jobId": data.draw(st.sampled_from(self.known())).job_id})
        if size and sequential:
            depends.append({"type": "SEQUENTIAL"})
        array = {"arrayProperties": {"size": size}} if size else {}
        self.bench.submit(
            retryStrategy={"attempts": attempts},
            dependsOn=depends,
            containerOverrides={"resourceRequirements": [{"type": "VCPU", "value": vcpus}]},
            **array,
        )

    @rule(code=st.sampled_from([0, 1]), count=st.integers(1, 4))
    def run(self, code: int, count: int) -> None:
        self.exit_codes.append(code)
        self.bench.run(count)

    @rule(data=st.data(), hard=st.booleans())
    def stop(self, data: st.DataObject, hard: bool) -> None:
        everyone = list(self.bench.engine.jobs)
        if everyone:
            job = data.draw(st.sampled_from(everyone))
            (self.bench.engine.terminate if hard else self.bench.engine.cancel)(job.job_id, "stop")

    @rule(state=st.sampled_from(["ENABLED", "DISABLED"]))
    def switch_environment(self, state: str) -> None:
        with self.bench.engine.changing():
            self.bench.engine.queues.update_environment({"computeEnvironment": "ce", "state": state})

    @invariant()
    def every_step_is_legal_and_published(self) -> None:
        for job in self.bench.engine.jobs:
            walk = [Status(name) for name in self.bench.walk(job)]
            assert walk[-1] is job.status
            assert all(after in NEXT[before] for before, after in pairwise(walk))

    @invariant()
    def capacity_is_never_exceeded(self) -> None:
        active = [job for job in self.bench.engine.jobs if job.status in (Status.STARTING, Status.RUNNING)]
        assert sum(min(job.spec.resources.vcpus, VCPUS) for job in active) <= VCPUS

    @invariant()
    def nobody_runs_before_what_it_needs(self) -> None:
        jobs = self.bench.engine.jobs
        for job in jobs:
            if job.started_at:
                needed = [jobs.require(other) for other in job.waits_for]
                assert all(other.status is Status.SUCCEEDED for other in needed)

    @invariant()
    def attempts_stay_within_the_strategy(self) -> None:
        assert all(len(job.attempts) <= job.spec.retry.attempts for job in self.bench.engine.jobs)

    def teardown(self) -> None:
        self.switch_environment("ENABLED")
        self.bench.run()
        for job in self.bench.engine.jobs:
            assert job.status in TERMINAL, (job.job_id, job.status)
            if job.is_array:
                failed = any(child.status is Status.FAILED for child in self.bench.engine.jobs.children(job))
                assert job.status is (Status.FAILED if failed else Status.SUCCEEDED)


JobsTest = Jobs.TestCase
JobsTest.settings = settings(
    max_examples=30, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_engine_refuses_a_step_no_job_takes() -> None:
    bench = make_bench(tempfile.gettempdir(), lambda _spec: 0)
    job = bench.submit()

    with pytest.raises(ValueError, match="cannot go from STARTING to SUCCEEDED"):
        bench.engine.jobs.move(job, Status.SUCCEEDED, 0)


def test_unknown_job_is_the_callers_fault() -> None:
    bench = make_bench(tempfile.gettempdir(), lambda _spec: 0)

    with pytest.raises(ClientError, match="does not exist"):
        bench.engine.terminate("nobody", "why not")
