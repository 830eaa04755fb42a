"""What IAM checks a Batch request on: the resources it names.

MiniStack checks every Batch call on `*`, so a policy that names a queue would deny everything. Operations
that AWS cannot scope either (Describe*, List*) stay on `*`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
SUBMIT, TERMINATE = "batch:SubmitJob", "batch:TerminateJob"
# Operation -> the request fields that name its resources. SubmitJob is checked on both of its own.
SCOPED: Mapping[str, tuple[str, ...]] = {
    "submitjob": ("jobQueue", "jobDefinition"),
    "createjobqueue": ("jobQueueName",),
    "updatejobqueue": ("jobQueue",),
    "deletejobqueue": ("jobQueue",),
    "createcomputeenvironment": ("computeEnvironmentName",),
    "updatecomputeenvironment": ("computeEnvironment",),
    "deletecomputeenvironment": ("computeEnvironment",),
    "registerjobdefinition": ("jobDefinitionName",),
    "deregisterjobdefinition": ("jobDefinition",),
    "canceljob": ("jobId",),
    "terminatejob": ("jobId",),
    "reclaim": ("jobId",),
}
KINDS = {
    "jobQueue": "job-queue",
    "jobDefinition": "job-definition",
    "computeEnvironment": "compute-environment",
}


def resource_arns(path: str, body: bytes, prefix: str) -> list[str]:
    """The ARNs a request is checked on, never empty; `prefix` is what ARNs of this account begin with."""
    fields = SCOPED.get(path.rstrip("/").rsplit("/", 1)[-1].lower(), ())
    try:
        document: Any = json.loads(body or b"{}")
    except ValueError:
        document = {}
    values = [(name, document.get(name)) for name in fields] if isinstance(document, dict) else []
    return [_arn(name, value, prefix) for name, value in values if isinstance(value, str) and value] or ["*"]


def _arn(field: str, value: str, prefix: str) -> str:
    if value.startswith("arn:"):
        return value
    return f"{prefix}:{KINDS.get(field.removesuffix('Name'), 'job')}/{value}"


def denial(resource_arn: str, headers: Mapping[str, str], action: str = SUBMIT) -> Answer | None:
    """The refusal of an action on this resource, or None when the caller may."""
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, router
    from ministack.core.responses import get_region

    if not app.AUTH:
        return None
    key = router.extract_access_key_id(headers, {})
    refusal = iam_evaluator.enforce(key, action, "batch", get_region(), resource_arn=resource_arn)
    if refusal is None:
        return None
    answer: Answer = iam_actions.access_denied_response(
        "batch",
        action,
        getattr(refusal, "principal_arn", ""),
        "",
        headers=dict(headers),
        resource_arn=resource_arn,
        explicit_deny=getattr(refusal, "decision", "") == "Deny",
        resource_policy_arn=None,
    )
    return answer
