"""The log of a training run, page by page, for whoever may read the run: no access to AWS is needed."""

from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.identity import Principal
from headgate.domain.job import Job
from headgate.domain.policy import hrn
from headgate.ports import BatchCompute, ExperimentCatalog, JobLogs, RunCatalog
from headgate.services.access import Guard
from headgate.services.products import Products
from headgate.services.training.run_jobs import job_of_run

PAGE = 1000
"""Lines of one answer."""


@dataclass(frozen=True)
class ReadRunLogs:
    """The use case."""

    products: Products
    runs: RunCatalog
    experiments: ExperimentCatalog
    compute: BatchCompute
    logs: JobLogs
    guard: Guard

    def read(self, principal: Principal, product: str, run: str, after: str | None = None) -> dict[str, Any]:
        """``{"run", "job", "attempts", "lines": [{"at", "message"}], "after", "ended"}``: lines of the job's
        newest attempt behind ``after``, times in epoch milliseconds. ``after`` names the attempt too, so that
        a retried job is read from its new start. Raises NotFound, AccessDenied.
        """
        applied = self.products.get(product)
        self.guard.require(applied, principal, "headgate:ReadRun", hrn(product, "run", run))
        record = self.runs.run(product, run)
        name = job_of_run(self.experiments, record)
        job = self._job(name)
        page: dict[str, Any] = {"run": record.digest, "state": record.state, "reason": record.reason}
        if job is None:
            ended = name is not None or record.state != "SUBMITTED"
            return {**page, "job": None, "lines": [], "after": after, "ended": ended}
        stream, behind = _place(after)
        if job.log_stream and stream != job.log_stream:
            stream, behind = job.log_stream, None
        if not stream:
            return {**page, "job": job.state, "lines": [], "after": after, "ended": job.ended}
        found = self.logs.read(stream, behind, PAGE)
        lines = [{"at": at, "message": message} for at, message in found.lines]
        ended = job.ended and not lines
        return {
            **page,
            "job": job.state,
            "lines": lines,
            "after": f"{stream}|{found.after or ''}",
            "ended": ended,
        }

    def _job(self, name: str | None) -> Job | None:
        """AWS Batch forgets a job a week after it ended."""
        if name is None:
            return None
        try:
            return self.compute.describe(name)
        except NotFound:
            return None


def _place(after: str | None) -> tuple[str | None, str | None]:
    """The stream and the place in it that an earlier answer told."""
    stream, _, behind = (after or "").partition("|")
    return stream or None, behind or None
