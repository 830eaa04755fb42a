"""SubmitJob: a request laid over a job definition becomes a JobSpec, or is refused.

Pure: it looks things up in the registries it is given and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headgate_local.batch import requests
from headgate_local.batch.definitions import MULTI_NODE, Definitions
from headgate_local.batch.errors import ClientError
from headgate_local.batch.model import JobSpec, RetryStrategy
from headgate_local.batch.queues import Queues, platform

REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")
DEFAULT_LOG_GROUP = "/aws/batch/job"


def substitute(command: tuple[str, ...], parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Replace each `Ref::name` that names a parameter; others stay as they are, as on AWS."""
    return tuple(REFERENCE.sub(lambda found: parameters.get(found[1], found[0]), part) for part in command)


def job_spec(
    request: Mapping[str, Any], definitions: Definitions, queues: Queues, minimum_timeout: int
) -> JobSpec:
    """What the submission asks for, complete. Raises ClientError when AWS would refuse it."""
    name = requests.require_name(request, "jobName")
    queue = queues.queue(requests.require_text(request, "jobQueue"))
    definition = definitions.find(requests.require_text(request, "jobDefinition"))
    if queue["state"] != "ENABLED":
        raise ClientError(f"JobQueue {queue['jobQueueName']} is DISABLED; it takes no new jobs.")
    if definition["type"] == MULTI_NODE:
        raise ClientError(
            f"Job definition {definition['jobDefinitionName']} is for several nodes, and this local Batch is "
            "one machine: its jobs run on AWS alone. Use a definition of type container here."
        )
    needed = definition["platformCapabilities"][0]
    _check_platform(needed, queue, queues)
    container = definition["containerProperties"]
    overrides = requests.mapping(request, "containerOverrides")
    parameters = {
        **requests.string_map(definition, "parameters"),
        **requests.string_map(request, "parameters"),
    }
    command = requests.command(overrides)
    if command is None:
        command = requests.command(container) or ()
    timeout = requests.timeout_seconds(request, minimum_timeout)
    if timeout is None:
        timeout = requests.timeout_seconds(definition, 1)
    log_options = requests.mapping(requests.mapping(container, "logConfiguration"), "options")
    tags = requests.string_map(request, "tags")
    return JobSpec(
        name=name,
        queue_arn=queue["jobQueueArn"],
        definition_arn=definition["jobDefinitionArn"],
        definition_name=definition["jobDefinitionName"],
        image=container["image"],
        command=substitute(command, parameters),
        environment={**requests.environment(container), **requests.environment(overrides)},
        resources=requests.resources(container, overrides),
        job_role_arn=container.get("jobRoleArn"),
        log_group=str(log_options.get("awslogs-group") or DEFAULT_LOG_GROUP),
        log_prefix=str(log_options.get("awslogs-stream-prefix") or definition["jobDefinitionName"]),
        retry=requests.retry_strategy(request) or requests.retry_strategy(definition) or RetryStrategy(),
        timeout_seconds=timeout,
        parameters=parameters,
        depends_on=requests.dependencies(request),
        array_size=requests.array_size(request),
        tags={**requests.string_map(definition, "tags"), **tags}
        if _propagates(request, definition)
        else tags,
        platform=needed,
    )


def _propagates(request: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    return bool(request.get("propagateTags", definition.get("propagateTags", False)))


def _check_platform(needed: str, queue: Mapping[str, Any], queues: Queues) -> None:
    for entry in queue["computeEnvironmentOrder"]:
        offered = platform(queues.environment(entry["computeEnvironment"]))
        if offered != needed:
            raise ClientError(
                f"The job definition needs {needed}, and job queue {queue['jobQueueName']} offers {offered}."
            )
