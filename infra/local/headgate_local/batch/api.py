"""The AWS Batch API over an engine: a path and a JSON document in, a JSON document out.

It owns the operations' names, their paging and tags. HTTP and IAM are the embedder's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from headgate_local.batch import requests, views
from headgate_local.batch.engine import Engine
from headgate_local.batch.errors import ClientError
from headgate_local.batch.model import Job, Status

Document = dict[str, Any]
Request = Mapping[str, Any]
MAX_DESCRIBED = 100
MAX_PAGE = 100
# Not AWS's: orders what there just happens.
RECLAIM = "/local/v1/reclaim"


class BatchApi:
    """Dispatches requests to one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        changes: dict[str, Callable[[Request], Document]] = {
            "createcomputeenvironment": lambda r: engine.queues.create_environment(r),
            "updatecomputeenvironment": lambda r: engine.queues.update_environment(r),
            "deletecomputeenvironment": lambda r: engine.queues.delete_environment(r),
            "createjobqueue": lambda r: engine.queues.create_queue(r),
            "updatejobqueue": lambda r: engine.queues.update_queue(r),
            "deletejobqueue": lambda r: engine.queues.delete_queue(r),
            "registerjobdefinition": lambda r: engine.definitions.register(r),
            "deregisterjobdefinition": lambda r: engine.definitions.deregister(r),
        }
        looks: dict[str, Callable[[Request], Document]] = {
            "describecomputeenvironments": lambda r: _page(
                "computeEnvironments", engine.queues.describe_environments(r), r
            ),
            "describejobqueues": lambda r: _page("jobQueues", engine.queues.describe_queues(r), r),
            "describejobdefinitions": lambda r: _page("jobDefinitions", engine.definitions.describe(r), r),
            "describejobs": self._describe_jobs,
            "listjobs": self._list_jobs,
        }
        self._changes, self._looks = changes, looks
        self._jobs: dict[str, Callable[[Request], Document]] = {
            "submitjob": self._submit,
            "canceljob": self._cancel,
            "terminatejob": self._terminate,
        }

    def call(self, method: str, path: str, request: Request, query: Mapping[str, Sequence[str]]) -> Document:
        """Answer one request. Raises BatchError."""
        trimmed = path.rstrip("/")
        if trimmed.startswith("/v1/tags/"):
            return self._tags(method, unquote(trimmed.removeprefix("/v1/tags/")), request, query)
        if trimmed == RECLAIM and method == "POST":
            return self._reclaim(request)
        operation = trimmed.removeprefix("/v1/").lower()
        if method != "POST":
            raise ClientError(f"{method} is not a method of {path}.")
        if operation in self._jobs:
            return self._jobs[operation](request)
        if operation in self._changes:
            with self._engine.changing():
                return self._changes[operation](request)
        if operation in self._looks:
            with self._engine.reading():
                return self._looks[operation](request)
        raise ClientError(f"This local Batch has no operation at {path}.")

    def _submit(self, request: Request) -> Document:
        job = self._engine.submit(request)
        return {"jobArn": job.arn, "jobName": job.spec.name, "jobId": job.job_id}

    def _cancel(self, request: Request) -> Document:
        reason = requests.require_text(request, "reason")
        self._engine.cancel(requests.require_text(request, "jobId"), reason)
        return {}

    def _terminate(self, request: Request) -> Document:
        reason = requests.require_text(request, "reason")
        self._engine.terminate(requests.require_text(request, "jobId"), reason)
        return {}

    def _reclaim(self, request: Request) -> Document:
        grace = request.get("graceSeconds")
        if grace is not None and (not isinstance(grace, int | float) or isinstance(grace, bool) or grace < 0):
            raise ClientError(f"graceSeconds must be a number of seconds, not {grace!r}.")
        self._engine.reclaim(requests.require_text(request, "jobId"), grace)
        return {}

    def _describe_jobs(self, request: Request) -> Document:
        wanted = requests.sequence(request, "jobs")
        if len(wanted) > MAX_DESCRIBED:
            raise ClientError(f"DescribeJobs takes at most {MAX_DESCRIBED} job ids.")
        jobs = self._engine.jobs
        found = [job for job_id in wanted if (job := jobs.get(str(job_id).rsplit("job/", 1)[-1]))]
        return {"jobs": [views.detail(job, jobs.children(job)) for job in found]}

    def _list_jobs(self, request: Request) -> Document:
        given = [key for key in ("jobQueue", "arrayJobId", "multiNodeJobId") if request.get(key)]
        if len(given) != 1:
            raise ClientError("ListJobs needs exactly one of jobQueue, arrayJobId and multiNodeJobId.")
        filters = [_filter(entry) for entry in requests.sequence(request, "filters")]
        if filters and given != ["jobQueue"]:
            raise ClientError("filters can be used with jobQueue only.")
        jobs = self._candidates(request)
        if filters:
            jobs = [job for job in jobs if all(passes(job) for passes in filters)]
        else:
            status = _status(str(request.get("jobStatus") or "RUNNING"))
            jobs = [job for job in jobs if job.status is status]
        newest_first = sorted(jobs, key=lambda job: (-job.created_at, job.array_index or 0))
        return _page("jobSummaryList", [views.summary(job) for job in newest_first], request)

    def _candidates(self, request: Request) -> list[Job]:
        if request.get("multiNodeJobId"):
            raise ClientError("This local Batch runs no multi-node jobs.")
        if parent := request.get("arrayJobId"):
            return self._engine.jobs.children(self._engine.jobs.require(str(parent)))
        queue_arn = self._engine.queues.queue(str(request["jobQueue"]))["jobQueueArn"]
        return [job for job in self._engine.jobs if job.spec.queue_arn == queue_arn and job.parent_id is None]

    def _tags(self, method: str, arn: str, request: Request, query: Mapping[str, Sequence[str]]) -> Document:
        with self._engine.reading():
            document = self._engine.queues.by_arn(arn) or self._engine.definitions.by_arn(arn)
            if document is None:
                raise ClientError(f"Resource {arn} does not exist, or its tags cannot be changed.")
            tags: dict[str, str] = document.setdefault("tags", {})
            if method == "GET":
                return {"tags": tags}
            if method == "DELETE":
                for key in query.get("tagKeys", ()):
                    tags.pop(key, None)
            else:
                tags.update(requests.string_map(request, "tags"))
        return {}


def _status(value: str) -> Status:
    try:
        return Status(value)
    except ValueError as error:
        raise ClientError(f"jobStatus {value!r} is not one of {', '.join(Status)}.") from error


def _filter(entry: Mapping[str, Any]) -> Callable[[Job], bool]:
    """One filter of ListJobs as a test of a job."""
    values = [str(value) for value in entry.get("values") or ()]
    tests: dict[str, Callable[[Job, str], bool]] = {
        "JOB_NAME": lambda job, value: fnmatchcase(job.spec.name.lower(), value.lower()),
        "JOB_DEFINITION": _of_definition,
        "BEFORE_CREATED_AT": lambda job, value: job.created_at < int(value),
        "AFTER_CREATED_AT": lambda job, value: job.created_at > int(value),
    }
    test = tests.get(str(entry.get("name")))
    if test is None:
        raise ClientError(f"filters.name {entry.get('name')!r} is not one of {', '.join(tests)}.")
    return lambda job: any(test(job, value) for value in values)


def _of_definition(job: Job, value: str) -> bool:
    name, revision = job.spec.definition_name, job.spec.definition_arn.rsplit(":", 1)[-1]
    return value in (job.spec.definition_arn, f"{name}:{revision}") or fnmatchcase(name, value)


def _page(key: str, found: Sequence[Document], request: Request) -> Document:
    """One page; the token is the offset of the next one."""
    try:
        size = min(int(request.get("maxResults") or MAX_PAGE), MAX_PAGE)
        start = int(request.get("nextToken") or 0)
    except ValueError as error:
        raise ClientError("nextToken or maxResults is not one this endpoint gave.") from error
    page: Document = {key: list(found[start : start + size])}
    if start + size < len(found):
        page["nextToken"] = str(start + size)
    return page
