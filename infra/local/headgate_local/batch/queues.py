"""Compute environments and job queues: create, update, delete, describe.

It owns their documents and the references between them. It runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate_local.batch import requests
from headgate_local.batch.errors import ClientError

Document = dict[str, Any]
STATES = ("ENABLED", "DISABLED")
KINDS = ("EC2", "SPOT", "FARGATE", "FARGATE_SPOT")


class Queues:
    """Compute environments and queues of one account and region. The engine's lock guards it."""

    def __init__(self, arn_prefix: str) -> None:
        self._arn_prefix = arn_prefix
        self._environments: dict[str, Document] = {}
        self._queues: dict[str, Document] = {}

    def create_environment(self, request: Mapping[str, Any]) -> Document:
        """CreateComputeEnvironment: MANAGED with computeResources, or UNMANAGED."""
        name = requests.require_name(request, "computeEnvironmentName")
        if name in self._environments:
            raise ClientError(f"Object already exists: {name}.")
        kind = request.get("type")
        if kind not in ("MANAGED", "UNMANAGED"):
            raise ClientError(f"type must be MANAGED or UNMANAGED, not {kind!r}.")
        resources = requests.mapping(request, "computeResources")
        if kind == "MANAGED":
            _check_resources(resources)
        arn = f"{self._arn_prefix}:compute-environment/{name}"
        self._environments[name] = {
            "computeEnvironmentName": name,
            "computeEnvironmentArn": arn,
            "type": kind,
            "state": _state(request),
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
            "computeResources": dict(resources),
            "containerOrchestrationType": "ECS",
            "serviceRole": request.get("serviceRole") or "",
            "tags": requests.string_map(request, "tags"),
        }
        return {"computeEnvironmentName": name, "computeEnvironmentArn": arn}

    def update_environment(self, request: Mapping[str, Any]) -> Document:
        """UpdateComputeEnvironment: state, service role, and any of computeResources."""
        document = self.environment(requests.require_text(request, "computeEnvironment"))
        if "state" in request:
            document["state"] = _state(request)
        if request.get("serviceRole"):
            document["serviceRole"] = request["serviceRole"]
        document["computeResources"].update(requests.mapping(request, "computeResources"))
        return {key: document[key] for key in ("computeEnvironmentName", "computeEnvironmentArn")}

    def delete_environment(self, request: Mapping[str, Any]) -> Document:
        """DeleteComputeEnvironment: must be DISABLED and in no queue. Unknown names pass, as on AWS."""
        name = _short(requests.require_text(request, "computeEnvironment"))
        document = self._environments.get(name)
        if document is None:
            return {}
        if document["state"] != "DISABLED":
            raise ClientError("Cannot delete, compute environment state must be DISABLED.")
        users = [
            queue["jobQueueName"]
            for queue in self._queues.values()
            if document["computeEnvironmentArn"]
            in [entry["computeEnvironment"] for entry in queue["computeEnvironmentOrder"]]
        ]
        if users:
            raise ClientError(
                f"Cannot delete, found existing JobQueue relationship: {', '.join(sorted(users))}."
            )
        del self._environments[name]
        return {}

    def create_queue(self, request: Mapping[str, Any]) -> Document:
        """CreateJobQueue."""
        name = requests.require_name(request, "jobQueueName")
        if name in self._queues:
            raise ClientError(f"Object already exists: {name}.")
        arn = f"{self._arn_prefix}:job-queue/{name}"
        document: Document = {
            "jobQueueName": name,
            "jobQueueArn": arn,
            "state": _state(request),
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": _priority(request),
            "computeEnvironmentOrder": self._order(request),
            "tags": requests.string_map(request, "tags"),
        }
        self._queues[name] = document
        return {"jobQueueName": name, "jobQueueArn": arn}

    def update_queue(self, request: Mapping[str, Any]) -> Document:
        """UpdateJobQueue: state, priority, order of compute environments."""
        document = self.queue(requests.require_text(request, "jobQueue"))
        changes: Document = {}
        if "state" in request:
            changes["state"] = _state(request)
        if "priority" in request:
            changes["priority"] = _priority(request)
        if request.get("computeEnvironmentOrder") is not None:
            changes["computeEnvironmentOrder"] = self._order(request)
        document.update(changes)
        return {key: document[key] for key in ("jobQueueName", "jobQueueArn")}

    def delete_queue(self, request: Mapping[str, Any]) -> Document:
        """DeleteJobQueue: must be DISABLED. Unknown names pass, as on AWS."""
        name = _short(requests.require_text(request, "jobQueue"))
        document = self._queues.get(name)
        if document is not None and document["state"] != "DISABLED":
            raise ClientError("Cannot delete, job queue state must be DISABLED.")
        self._queues.pop(name, None)
        return {}

    def _order(self, request: Mapping[str, Any]) -> list[Document]:
        entries = sorted(
            requests.sequence(request, "computeEnvironmentOrder"), key=lambda e: int(e.get("order", 0))
        )
        if not 1 <= len(entries) <= 3:
            raise ClientError("computeEnvironmentOrder must name one to three compute environments.")
        environments = [self.environment(str(entry.get("computeEnvironment") or "")) for entry in entries]
        if len({platform(environment) for environment in environments}) > 1:
            raise ClientError(
                "All compute environments of a job queue must be EC2/SPOT, or all FARGATE/FARGATE_SPOT."
            )
        return [
            {"order": int(entry.get("order", 0)), "computeEnvironment": environment["computeEnvironmentArn"]}
            for entry, environment in zip(entries, environments, strict=True)
        ]

    def environment(self, reference: str) -> Document:
        """A compute environment by name or ARN. Raises ClientError when there is none."""
        document = self._environments.get(_short(reference))
        if document is None or not _same(reference, document["computeEnvironmentArn"]):
            raise ClientError(f"Compute environment {reference} does not exist.")
        return document

    def queue(self, reference: str) -> Document:
        """A job queue by name or ARN. Raises ClientError when there is none."""
        document = self._queues.get(_short(reference))
        if document is None or not _same(reference, document["jobQueueArn"]):
            raise ClientError(f"JobQueue {reference} does not exist.")
        return document

    def describe_environments(self, request: Mapping[str, Any]) -> list[Document]:
        """DescribeComputeEnvironments; unknown names are left out."""
        names = [_short(str(name)) for name in requests.sequence(request, "computeEnvironments")]
        return [d for name, d in self._environments.items() if not names or name in names]

    def describe_queues(self, request: Mapping[str, Any]) -> list[Document]:
        """DescribeJobQueues; unknown names are left out."""
        names = [_short(str(name)) for name in requests.sequence(request, "jobQueues")]
        return [d for name, d in self._queues.items() if not names or name in names]

    def by_arn(self, arn: str) -> Document | None:
        """The queue or environment of exactly this ARN, for tags."""
        pairs = [(d["jobQueueArn"], d) for d in self._queues.values()]
        pairs += [(d["computeEnvironmentArn"], d) for d in self._environments.values()]
        return dict(pairs).get(arn)


def platform(environment: Document) -> str:
    """EC2 or FARGATE: what kind of job definition may run there."""
    return "FARGATE" if str(environment["computeResources"].get("type", "")).startswith("FARGATE") else "EC2"


def _check_resources(resources: Mapping[str, Any]) -> None:
    if resources.get("type") not in KINDS:
        raise ClientError(
            f"computeResources.type must be one of {', '.join(KINDS)}, not {resources.get('type')!r}."
        )
    for key in ("maxvCpus", "subnets"):
        if resources.get(key) in (None, []):
            raise ClientError(f"computeResources.{key} is required.")
    if not str(resources["maxvCpus"]).isdigit():
        raise ClientError("computeResources.maxvCpus must be a whole number.")


def _state(request: Mapping[str, Any]) -> str:
    state = str(request.get("state") or "ENABLED")
    if state not in STATES:
        raise ClientError(f"state must be ENABLED or DISABLED, not {state!r}.")
    return state


def _priority(request: Mapping[str, Any]) -> int:
    try:
        return int(request["priority"])
    except (KeyError, TypeError, ValueError) as error:
        raise ClientError("priority is required and must be a whole number.") from error


def _short(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _same(reference: str, arn: str) -> bool:
    return not reference.startswith("arn:") or reference == arn
