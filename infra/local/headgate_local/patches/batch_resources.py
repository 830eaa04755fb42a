"""AWS::Batch::ComputeEnvironment, JobQueue and JobDefinition in CloudFormation.

Missing: MiniStack refuses templates that hold them.
So: the three types are created, updated in place or replaced, and deleted through the engine. Ref is the
ARN, as on AWS. A changed job definition becomes a new revision; the old one is deregistered when the
update has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headgate_local.batch.engine import Engine
from headgate_local.batch.errors import ClientError
from headgate_local.patches.batch import engine
from headgate_local.patches.settings import PatchSettings

Created = tuple[str, dict[str, str]]
# Keys below these are the template's own words and keep their case.
VERBATIM = ("Parameters", "Tags", "Options")
# Properties whose change replaces a compute environment that AWS would replace too.
ENVIRONMENT_IDENTITY = ("ComputeEnvironmentName", "Type")


def apply(_settings: PatchSettings) -> None:
    """Add the three types to CloudFormation's table."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::Batch::ComputeEnvironment": _handlers(
                create_environment, update_environment, delete_environment
            ),
            "AWS::Batch::JobQueue": _handlers(create_queue, update_queue, delete_queue),
            "AWS::Batch::JobDefinition": _handlers(register_definition, update_definition, delete_definition),
        }
    )


def _handlers(
    create: Callable[..., Created], update: Callable[..., Created], delete: Callable[..., None]
) -> Any:
    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def request_document(properties: Any) -> Any:
    """A template's PascalCase as the API's camelCase."""
    if isinstance(properties, list):
        return [request_document(entry) for entry in properties]
    if not isinstance(properties, Mapping):
        return properties
    return {
        key[:1].lower() + key[1:]: value if key in VERBATIM else request_document(value)
        for key, value in properties.items()
    }


def _named(properties: Mapping[str, Any], key: str, stack: str, logical_id: str) -> dict[str, Any]:
    from ministack.services.cloudformation.provisioners import _physical_name

    document: dict[str, Any] = request_document(properties)
    document.setdefault(key, _physical_name(stack, logical_id, max_len=128))
    # Numbers and booleans of a YAML template may come as text.
    for whole in ("priority",):
        if whole in document:
            document[whole] = int(document[whole])
    return document


def create_environment(logical_id: str, properties: Mapping[str, Any], stack: str) -> Created:
    """Returns the ARN and the attributes of a new compute environment."""
    found = engine()
    with found.changing():
        arn = found.queues.create_environment(
            _named(properties, "computeEnvironmentName", stack, logical_id)
        )["computeEnvironmentArn"]
    return arn, {"ComputeEnvironmentArn": arn}


def update_environment(
    arn: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str | None = None
) -> Created:
    """Change it in place, or make another where its name or type changed."""
    if any(old.get(key) != new.get(key) for key in ENVIRONMENT_IDENTITY):
        return create_environment(logical_id or arn, new, stack)
    found = engine()
    with found.changing():
        found.queues.update_environment({**request_document(new), "computeEnvironment": arn})
    return arn, {"ComputeEnvironmentArn": arn}


def delete_environment(arn: str, _properties: Mapping[str, Any]) -> None:
    """Disable and delete, as CloudFormation does."""
    found = engine()
    with found.changing():
        if found.queues.by_arn(arn) is not None:
            found.queues.update_environment({"computeEnvironment": arn, "state": "DISABLED"})
            found.queues.delete_environment({"computeEnvironment": arn})


def create_queue(logical_id: str, properties: Mapping[str, Any], stack: str) -> Created:
    """Returns the ARN and the attributes of a new job queue."""
    found = engine()
    with found.changing():
        arn = found.queues.create_queue(_named(properties, "jobQueueName", stack, logical_id))["jobQueueArn"]
    return arn, {"JobQueueArn": arn}


def update_queue(
    arn: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str | None = None
) -> Created:
    """Change it in place, or make another where its name changed."""
    if old.get("JobQueueName") != new.get("JobQueueName"):
        return create_queue(logical_id or arn, new, stack)
    found = engine()
    with found.changing():
        found.queues.update_queue({**request_document(new), "jobQueue": arn})
    return arn, {"JobQueueArn": arn}


def delete_queue(arn: str, _properties: Mapping[str, Any]) -> None:
    """Disable and delete; jobs that still wait in it fail."""
    found = engine()
    with found.reading():
        present = found.queues.by_arn(arn) is not None
        unfinished = [job.job_id for job in found.jobs if job.spec.queue_arn == arn and not job.done]
    if not present:
        return
    for job_id in unfinished:
        found.terminate(job_id, "The job queue was deleted")
    with found.changing():
        found.queues.update_queue({"jobQueue": arn, "state": "DISABLED"})
        found.queues.delete_queue({"jobQueue": arn})


def register_definition(logical_id: str, properties: Mapping[str, Any], stack: str) -> Created:
    """Returns the ARN of the new revision."""
    found = engine()
    with found.changing():
        arn = found.definitions.register(_named(properties, "jobDefinitionName", stack, logical_id))[
            "jobDefinitionArn"
        ]
    return arn, {"JobDefinitionArn": arn}


def update_definition(
    arn: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str | None = None
) -> Created:
    """A new revision. CloudFormation deletes the old one itself, because the physical id changes."""
    named = {**new, "JobDefinitionName": new.get("JobDefinitionName") or _definition_name(arn, old, new)}
    return register_definition(logical_id or arn, {k: v for k, v in named.items() if v is not None}, stack)


def _definition_name(arn: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The generated name, kept over updates; None when an explicit name was taken away."""
    if old.get("JobDefinitionName") != new.get("JobDefinitionName"):
        return None
    return _engine_name(engine(), arn)


def _engine_name(found: Engine, arn: str) -> str | None:
    document = found.definitions.by_arn(arn)
    return str(document["jobDefinitionName"]) if document else None


def delete_definition(arn: str, _properties: Mapping[str, Any]) -> None:
    """Deregister the revision."""
    found = engine()
    with found.changing():
        try:
            found.definitions.deregister({"jobDefinition": arn})
        except ClientError:
            # Deleting what is gone already is what the stack wanted.
            return
