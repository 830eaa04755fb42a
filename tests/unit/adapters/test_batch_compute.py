"""The BatchCompute contract."""

from __future__ import annotations

import pytest
from headgate.domain.errors import ConfigurationError, NotFound

from tests.unit.adapters.backends import Backend


class TestBatchCompute:
    def test_a_submitted_job_can_be_described(self, backend: Backend) -> None:
        job_id = backend.batch.submit(
            name="shop-churn-0123",
            compute_class="cpu",
            parameters={"run_spec": "s3://models/spec.json"},
            timeout_seconds=90,
        )

        job = backend.batch.describe(job_id)

        assert (job.id, job.name) == (job_id, "shop-churn-0123")
        assert job.state in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED")

    def test_any_name_is_taken(self, backend: Backend) -> None:
        job_id = backend.batch.submit(
            name="shop/churn@ü " + "x" * 200,
            compute_class="cpu",
            parameters={"run_spec": "s3://b/k"},
            timeout_seconds=1,
        )

        assert backend.batch.describe(job_id).id == job_id

    def test_a_job_that_is_terminated_fails_with_the_reason(self, backend: Backend) -> None:
        job_id = backend.batch.submit(
            name="n", compute_class="cpu", parameters={"run_spec": "s3://b/k"}, timeout_seconds=60
        )

        backend.batch.terminate(job_id, "no longer needed")

        assert backend.batch.describe(job_id).id == job_id

    def test_an_array_is_one_job_to_describe_and_to_terminate(self, backend: Backend) -> None:
        job_id = backend.batch.submit(
            name="n",
            compute_class="cpu",
            parameters={"run_spec": "s3://b/trials.json"},
            timeout_seconds=60,
            array_size=3,
        )

        backend.batch.terminate(job_id, "no longer needed")

        assert backend.batch.describe(job_id).id == job_id

    def test_a_class_that_is_not_deployed_is_refused_naming_those_that_are(self, backend: Backend) -> None:
        with pytest.raises(ConfigurationError, match="'gpu' is not deployed; there is cpu"):
            backend.batch.submit(
                name="n", compute_class="gpu", parameters={"run_spec": "s3://b/k"}, timeout_seconds=60
            )

    def test_an_unknown_job_is_not_found(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            backend.batch.describe("00000000-0000-0000-0000-000000000000")
