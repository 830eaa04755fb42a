"""Deploys a SAM template through CloudFormation at any endpoint, as `sam deploy` does: package, plan,
execute.

Owns the conversation with CloudFormation. The template goes in unchanged but for its local paths
(package.py). Must not know which emulator, if any, answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from headgate_local.artifact_bucket import ArtifactBucket, error_code
from headgate_local.artifacts import text_artifact
from headgate_local.package import Package, Packager

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

ROOT = Path(__file__).resolve().parents[3]
CAPABILITIES: list[CapabilityType] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# A change set that would change nothing is a failure to CloudFormation, told apart by its reason alone.
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
# How it says that the other failures of a stack took this resource along.
CONSEQUENCE = "cancelled"
# How it says that there is no such stack, or that a template is not one.
VALIDATION = "ValidationError"


class DeployError(Exception):
    """A stack did not reach the wanted state. The message says why, resource by resource."""


@dataclass(frozen=True)
class Progress:
    """One thing that happened to one resource of the stack (or, with kind "artifact", one upload)."""

    logical_id: str
    kind: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")


def ignore(progress: Progress) -> None:
    """The listener of someone who only wants the outcome."""


@dataclass
class Deployer:
    """Deploys and deletes stacks.

    `cloudformation` and `bucket` decide where; `clock` and `sleep` are time.
    """

    cloudformation: CloudFormationClient
    bucket: ArtifactBucket
    layers: Path = ROOT / "build/layers"
    cache: Path = ROOT / "build/artifacts"
    progress: Callable[[Progress], None] = ignore
    timeout: float = 600.0
    interval: float = 0.25
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _seen: set[str] = field(default_factory=set)

    def deploy(self, template: Path, stack: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """Create or update `stack`, wait, and return its outputs. Raises PackagingError or DeployError."""
        package = Packager(template.resolve(), self.bucket.name, self.layers, self.cache).package()
        url = self._upload(package)
        status = self._settled(stack)
        if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
            # A stack that never came to be can only be deleted.
            self.delete(stack)
            status = None
        creating = status in (None, "REVIEW_IN_PROGRESS")
        self._remember_events(stack)
        if change_set := self._plan(stack, url, parameters, creating=creating):
            self.cloudformation.execute_change_set(ChangeSetName=change_set, StackName=stack)
            self._finish(stack, "CREATE_COMPLETE" if creating else "UPDATE_COMPLETE")
        return self.outputs(stack)

    def delete(self, stack: str) -> None:
        """Delete `stack` and wait until it is gone.

        Raises DeployError, for instance if a bucket is not empty.
        """
        description = self._describe(stack)
        if description is None:
            return
        self._remember_events(stack)
        self.cloudformation.delete_stack(StackName=stack)
        # Once deleted, a stack is found by its id alone, for as long as its events are kept.
        self._finish(description["StackId"], "DELETE_COMPLETE")

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of `stack` by name. Raises DeployError if there is no such stack."""
        description = self._describe(stack)
        if description is None:
            raise DeployError(f"there is no stack {stack}")
        return {one["OutputKey"]: one["OutputValue"] for one in description.get("Outputs", [])}

    def _upload(self, package: Package) -> str:
        """Send what the bucket does not have yet. Returns the address of the packaged template."""
        template = text_artifact(package.body, ".json", self.cache)
        self.bucket.make()
        for artifact in self.bucket.send_missing((*package.artifacts, template)):
            self.progress(Progress(artifact.key, "artifact", "UPLOADED"))
        return self.bucket.url_of(template)

    # --- change sets

    def _plan(self, stack: str, url: str, parameters: Mapping[str, str], *, creating: bool) -> str | None:
        """Make a change set and wait for it. Returns its ARN, or None if it would change nothing."""
        parts = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        try:
            change_set = self.cloudformation.create_change_set(
                StackName=stack,
                ChangeSetName=f"deploy-{time.time_ns()}",
                ChangeSetType="CREATE" if creating else "UPDATE",
                TemplateURL=url,
                Parameters=cast("list[ParameterTypeDef]", parts),
                Capabilities=CAPABILITIES,
            )["Id"]
        except ClientError as error:
            if error_code(error) != VALIDATION:
                raise
            reason = error.response["Error"]["Message"]
            raise DeployError(f"{stack}: CloudFormation refused the template: {reason}") from error
        for _ in self._ticks(f"the change set of {stack}"):
            described = self.cloudformation.describe_change_set(ChangeSetName=change_set, StackName=stack)
            if described["Status"] == "CREATE_COMPLETE":
                return change_set
            if described["Status"] == "FAILED":
                break
        reason = described.get("StatusReason", "no reason given")
        self.cloudformation.delete_change_set(ChangeSetName=change_set, StackName=stack)
        if not creating and any(text in reason for text in NOTHING_TO_DO):
            return None
        raise DeployError(f"{stack}: CloudFormation refused the template: {reason}")

    def _finish(self, stack: str, wanted: str) -> None:
        """Report what happens until `stack` comes to rest. Raises DeployError unless it rests in `wanted`."""
        failures: list[Progress] = []
        for _ in self._ticks(stack):
            description = self._describe(stack)
            status = description["StackStatus"] if description else "DELETE_COMPLETE"
            failures += [
                event for event in self._report(stack) if event.failed and CONSEQUENCE not in event.reason
            ]
            if not status.endswith("_IN_PROGRESS"):
                break
        if status != wanted:
            why = description.get("StackStatusReason", "") if description else ""
            lines = [f"  {one.logical_id} ({one.kind}) {one.status}: {one.reason}" for one in failures]
            raise DeployError(
                "\n".join([f"stack {stack} ended in {status}, not {wanted}. {why}".rstrip(), *lines])
            )

    def _settled(self, stack: str) -> str | None:
        """The status of `stack`, once no other operation is under way; None if there is no stack."""
        for _ in self._ticks(f"another operation on {stack}"):
            description = self._describe(stack)
            status = description["StackStatus"] if description else None
            if status is None or status == "REVIEW_IN_PROGRESS" or not status.endswith("_IN_PROGRESS"):
                break
        return status

    def _ticks(self, what: str) -> Any:
        """Yield until the loop is left, `interval` seconds apart.

        Raises DeployError after `timeout` seconds.
        """
        deadline = self.clock() + self.timeout
        while self.clock() < deadline:
            yield
            self.sleep(self.interval)
        raise DeployError(f"gave up on {what} after {self.timeout:.0f} seconds")

    # --- what CloudFormation says

    def _describe(self, stack: str) -> Any:
        try:
            return self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError as error:
            if error_code(error) == VALIDATION:
                return None
            raise

    def _events(self, stack: str) -> list[Any]:
        """The events not seen before, oldest first."""
        try:
            pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
            events = [event for page in pages for event in page["StackEvents"]]
        except ClientError as error:
            if error_code(error) == VALIDATION:
                return []
            raise
        fresh = [event for event in events if event["EventId"] not in self._seen]
        self._seen.update(event["EventId"] for event in fresh)
        # They come newest first, and many share a timestamp.
        fresh.reverse()
        return sorted(fresh, key=lambda event: event["Timestamp"])

    def _remember_events(self, stack: str) -> None:
        """Mark what happened before, so that an old failure is not told again."""
        self._events(stack)

    def _report(self, stack: str) -> list[Progress]:
        told = [
            Progress(
                event.get("LogicalResourceId", ""),
                event.get("ResourceType", ""),
                event.get("ResourceStatus", ""),
                event.get("ResourceStatusReason", ""),
            )
            for event in self._events(stack)
        ]
        for one in told:
            self.progress(one)
        return told


def deployer(
    session: Session,
    *,
    artifacts_bucket: str,
    endpoint_url: str | None = None,
    progress: Callable[[Progress], None] = ignore,
    timeout: float = 600.0,
) -> Deployer:
    """A Deployer for `session`; without `endpoint_url`, boto3's own rules (AWS_ENDPOINT_URL…) say where."""
    return Deployer(
        cloudformation=session.client("cloudformation", endpoint_url=endpoint_url),
        bucket=ArtifactBucket(session.client("s3", endpoint_url=endpoint_url), artifacts_bucket),
        progress=progress,
        timeout=timeout,
    )


def deploy(
    session: Session,
    *,
    template: Path,
    stack: str,
    parameters: Mapping[str, str],
    artifacts_bucket: str,
    endpoint_url: str | None = None,
    progress: Callable[[Progress], None] = ignore,
    timeout: float = 600.0,
) -> dict[str, str]:
    """Deploy `template` as `stack` and return its outputs. Raises PackagingError or DeployError."""
    there = deployer(
        session,
        artifacts_bucket=artifacts_bucket,
        endpoint_url=endpoint_url,
        progress=progress,
        timeout=timeout,
    )
    return there.deploy(template, stack, parameters)


def delete(
    session: Session,
    *,
    stack: str,
    artifacts_bucket: str = "",
    endpoint_url: str | None = None,
    progress: Callable[[Progress], None] = ignore,
    timeout: float = 600.0,
) -> None:
    """Delete `stack` and wait until it is gone. Raises DeployError."""
    there = deployer(
        session,
        artifacts_bucket=artifacts_bucket,
        endpoint_url=endpoint_url,
        progress=progress,
        timeout=timeout,
    )
    there.delete(stack)
