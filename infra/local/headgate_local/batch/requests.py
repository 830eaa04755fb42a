"""Reading request documents: required fields, types, names and limits, each refused as AWS Batch refuses it.

Pure: it turns parts of JSON requests into the model's values, or raises ClientError with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from headgate_local.batch.errors import ClientError
from headgate_local.batch.model import Dependency, Resources, RetryRule, RetryStrategy

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
MAX_ATTEMPTS = 10
MAX_RULES = 5
MAX_DEPENDENCIES = 20
ARRAY_SIZE = range(2, 10_001)
DEPENDENCY_KINDS = (None, "N_TO_N", "SEQUENTIAL")


def require_name(request: Mapping[str, Any], key: str) -> str:
    """A resource name, checked against the pattern AWS documents."""
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise ClientError(f"{key} is required.")
    if not NAME.fullmatch(value):
        raise ClientError(
            f"{key} {value!r} must be 1 to 128 letters, digits, hyphens or underscores, starting with a "
            "letter or a digit."
        )
    return value


def require_text(request: Mapping[str, Any], key: str) -> str:
    """A non-empty string."""
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise ClientError(f"{key} is required.")
    return value


def mapping(request: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An optional object; {} when absent."""
    value = request.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ClientError(f"{key} must be an object.")
    return value


def sequence(request: Mapping[str, Any], key: str) -> Sequence[Any]:
    """An optional list; () when absent."""
    value = request.get(key)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ClientError(f"{key} must be a list.")
    return value


def string_map(request: Mapping[str, Any], key: str) -> dict[str, str]:
    """An optional object of strings."""
    return {str(name): str(value) for name, value in mapping(request, key).items()}


def environment(request: Mapping[str, Any], key: str = "environment") -> dict[str, str]:
    """A list of {name, value} as a dict. Names AWS reserves for itself are refused."""
    pairs: dict[str, str] = {}
    for entry in sequence(request, key):
        name = str(entry.get("name") or "")
        if not name:
            raise ClientError("An environment variable needs a name.")
        if name.startswith("AWS_BATCH"):
            raise ClientError(
                f"Environment variable {name} must not start with AWS_BATCH, which is reserved."
            )
        pairs[name] = str(entry.get("value", ""))
    return pairs


def command(request: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The command of container properties or overrides; None when absent."""
    if request.get("command") is None:
        return None
    return tuple(str(part) for part in sequence(request, "command"))


def retry_strategy(request: Mapping[str, Any]) -> RetryStrategy | None:
    """The retryStrategy of a definition or a submission; None when absent."""
    if request.get("retryStrategy") is None:
        return None
    given = mapping(request, "retryStrategy")
    attempts = _whole(given.get("attempts", 1), "retryStrategy.attempts")
    rules = sequence(given, "evaluateOnExit")
    if not 1 <= attempts <= MAX_ATTEMPTS:
        raise ClientError(f"retryStrategy.attempts must be between 1 and {MAX_ATTEMPTS}, not {attempts}.")
    if len(rules) > MAX_RULES:
        raise ClientError(f"retryStrategy.evaluateOnExit takes at most {MAX_RULES} conditions.")
    if rules and "attempts" not in given:
        raise ClientError("retryStrategy.attempts is required when evaluateOnExit is given.")
    return RetryStrategy(attempts, tuple(_rule(rule) for rule in rules))


def _rule(rule: Mapping[str, Any]) -> RetryRule:
    action = str(rule.get("action") or "").upper()
    if action not in ("RETRY", "EXIT"):
        raise ClientError("evaluateOnExit.action must be RETRY or EXIT.")
    exit_code = rule.get("onExitCode")
    if exit_code is not None and not re.fullmatch(r"[0-9]*\*?", str(exit_code)):
        raise ClientError("evaluateOnExit.onExitCode takes digits, optionally ending in an asterisk.")
    patterns = [rule.get("onReason"), rule.get("onStatusReason")]
    for pattern in patterns:
        if pattern is not None and "*" in str(pattern)[:-1]:
            raise ClientError("An evaluateOnExit pattern may hold an asterisk only at its end.")
    if exit_code is None and not any(pattern is not None for pattern in patterns):
        raise ClientError("evaluateOnExit needs onExitCode, onReason or onStatusReason.")
    return RetryRule(action, exit_code, patterns[0], patterns[1])


def timeout_seconds(request: Mapping[str, Any], minimum: int) -> int | None:
    """timeout.attemptDurationSeconds; None when absent. AWS takes no less than 60."""
    value = mapping(request, "timeout").get("attemptDurationSeconds")
    if value is None:
        return None
    seconds = _whole(value, "timeout.attemptDurationSeconds")
    if seconds < minimum:
        raise ClientError(f"timeout.attemptDurationSeconds must be at least {minimum}, not {seconds}.")
    return seconds


def resources(container: Mapping[str, Any], overrides: Mapping[str, Any]) -> Resources:
    """What a job asks for: the definition's requirements with the submission's laid over them."""
    wanted: dict[str, str] = {}
    for source in (container, overrides):
        for legacy, kind in (("vcpus", "VCPU"), ("memory", "MEMORY")):
            if source.get(legacy) is not None:
                wanted[kind] = str(source[legacy])
        for entry in sequence(source, "resourceRequirements"):
            wanted[str(entry.get("type"))] = str(entry.get("value"))
    if unknown := sorted(set(wanted) - {"VCPU", "MEMORY", "GPU"}):
        raise ClientError(
            f"resourceRequirements has unknown types {unknown}; known are GPU, MEMORY and VCPU."
        )
    for kind in ("VCPU", "MEMORY"):
        if kind not in wanted:
            raise ClientError(f"resourceRequirements must give {kind}.")
    try:
        found = Resources(float(wanted["VCPU"]), int(wanted["MEMORY"]), int(wanted.get("GPU", "0")))
    except ValueError as error:
        raise ClientError(f"resourceRequirements holds a value that is not a number: {error}.") from error
    if found.vcpus <= 0 or found.memory_mib < 4 or found.gpus < 0:
        raise ClientError(
            "resourceRequirements must be positive: VCPU above 0, MEMORY at least 4, GPU at least 1."
        )
    return found


def dependencies(request: Mapping[str, Any]) -> tuple[Dependency, ...]:
    """The dependsOn of a submission, by shape only."""
    entries = sequence(request, "dependsOn")
    if len(entries) > MAX_DEPENDENCIES:
        raise ClientError(f"A job depends on at most {MAX_DEPENDENCIES} jobs, not {len(entries)}.")
    found = []
    for entry in entries:
        dependency = Dependency(entry.get("jobId"), entry.get("type"))
        if dependency.kind not in DEPENDENCY_KINDS:
            raise ClientError(f"dependsOn.type must be N_TO_N or SEQUENTIAL, not {dependency.kind!r}.")
        if dependency.job_id is None and dependency.kind != "SEQUENTIAL":
            raise ClientError("dependsOn needs a jobId.")
        found.append(dependency)
    return tuple(found)


def array_size(request: Mapping[str, Any]) -> int | None:
    """arrayProperties.size; None for a single job."""
    value = mapping(request, "arrayProperties").get("size")
    if value is None:
        return None
    size = _whole(value, "arrayProperties.size")
    if size not in ARRAY_SIZE:
        raise ClientError(
            f"arrayProperties.size must be between {ARRAY_SIZE.start} and {ARRAY_SIZE.stop - 1}."
        )
    return size


def _whole(value: Any, key: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise ClientError(f"{key} must be a whole number, not {value!r}.") from error
