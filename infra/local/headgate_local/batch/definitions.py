"""Job definitions: register, deregister, find, describe.

It owns the revisions. A stored definition is the JSON document DescribeJobDefinitions answers with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate_local.batch import requests
from headgate_local.batch.errors import ClientError

Document = dict[str, Any]
MULTI_NODE = "multinode"
PROPERTIES = {"container": "containerProperties", MULTI_NODE: "nodeProperties"}
KINDS = tuple(PROPERTIES)
KEPT = ("parameters", "timeout", "retryStrategy", "tags", "propagateTags", "schedulingPriority")


class Definitions:
    """The job definitions of one account and region. Not thread-safe: the engine's lock guards it."""

    def __init__(self, arn_prefix: str, minimum_timeout_seconds: int) -> None:
        self._arn_prefix = arn_prefix
        self._minimum_timeout = minimum_timeout_seconds
        self._revisions: dict[str, list[Document]] = {}

    def register(self, request: Mapping[str, Any]) -> Document:
        """Check and store a new revision. Returns name, ARN and revision."""
        name = requests.require_name(request, "jobDefinitionName")
        kind, platforms = (
            request.get("type"),
            list(requests.sequence(request, "platformCapabilities")) or ["EC2"],
        )
        if kind not in KINDS:
            raise ClientError(
                f"This local Batch knows job definitions of type {' and '.join(KINDS)}, not {kind!r}."
            )
        for container in _containers(request):
            requests.require_text(container, "image")
            requests.resources(container, {})
            requests.environment(container)
            if platforms == ["FARGATE"] and not container.get("executionRoleArn"):
                raise ClientError("A job definition for FARGATE needs containerProperties.executionRoleArn.")
        if kind == MULTI_NODE and platforms == ["FARGATE"]:
            raise ClientError("A multi-node job definition needs EC2; FARGATE runs single containers.")
        requests.retry_strategy(request)
        requests.timeout_seconds(request, self._minimum_timeout)
        revisions = self._revisions.setdefault(name, [])
        revision = len(revisions) + 1
        document: Document = {
            "jobDefinitionName": name,
            "jobDefinitionArn": f"{self._arn_prefix}:job-definition/{name}:{revision}",
            "revision": revision,
            "status": "ACTIVE",
            "type": kind,
            PROPERTIES[kind]: dict(requests.mapping(request, PROPERTIES[kind])),
            "platformCapabilities": platforms,
            "containerOrchestrationType": "ECS",
            **{key: request[key] for key in KEPT if request.get(key) is not None},
        }
        revisions.append(document)
        return {key: document[key] for key in ("jobDefinitionName", "jobDefinitionArn", "revision")}

    def deregister(self, request: Mapping[str, Any]) -> Document:
        """Make one revision INACTIVE; jobs already submitted run on."""
        reference = requests.require_text(request, "jobDefinition")
        name, revision = split_reference(reference)
        if revision is None:
            raise ClientError(f"DeregisterJobDefinition needs a revision, as in {reference}:1.")
        self._exact(name, revision, reference)["status"] = "INACTIVE"
        return {}

    def find(self, reference: str) -> Document:
        """The definition a submission names: ARN, name:revision, or name for the newest ACTIVE one."""
        name, revision = split_reference(reference)
        if revision is not None:
            document = self._exact(name, revision, reference)
            if document["status"] != "ACTIVE":
                raise ClientError(f"JobDefinition {reference} is not ACTIVE.")
            return document
        for document in reversed(self._revisions.get(name, [])):
            if document["status"] == "ACTIVE":
                return document
        raise ClientError(f"JobDefinition {reference} does not exist or has no ACTIVE revision.")

    def _exact(self, name: str, revision: int, reference: str) -> Document:
        for document in self._revisions.get(name, []):
            if document["revision"] == revision:
                return document
        raise ClientError(f"JobDefinition {reference} does not exist.")

    def describe(self, request: Mapping[str, Any]) -> list[Document]:
        """All revisions that match jobDefinitions (references), or jobDefinitionName, and status."""
        everything = [document for revisions in self._revisions.values() for document in revisions]
        status = request.get("status")
        wanted = [
            split_reference(str(reference)) for reference in requests.sequence(request, "jobDefinitions")
        ]
        if name := request.get("jobDefinitionName"):
            wanted.append(split_reference(str(name)))
        return [
            document
            for document in everything
            if (status is None or document["status"] == status) and (not wanted or _named(document, wanted))
        ]

    def by_arn(self, arn: str) -> Document | None:
        """The definition of exactly this ARN, for tags."""
        return next(
            (d for revisions in self._revisions.values() for d in revisions if d["jobDefinitionArn"] == arn),
            None,
        )


def _containers(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every container a definition describes: one, or one for each range of nodes."""
    if request.get("type") != MULTI_NODE:
        return [requests.mapping(request, "containerProperties")]
    nodes = requests.mapping(request, "nodeProperties")
    ranges = requests.sequence(nodes, "nodeRangeProperties")
    try:
        count, main = int(nodes["numNodes"]), int(nodes["mainNode"])
    except (KeyError, TypeError, ValueError) as error:
        raise ClientError("nodeProperties needs numNodes and mainNode, both whole numbers.") from error
    if not ranges or not 0 <= main < count:
        raise ClientError("nodeProperties needs nodeRangeProperties, and a mainNode below numNodes.")
    for each in ranges:
        requests.require_text(each, "targetNodes")
    return [requests.mapping(each, "container") for each in ranges]


def _named(document: Document, wanted: list[tuple[str, int | None]]) -> bool:
    return any(
        document["jobDefinitionName"] == name and revision in (None, document["revision"])
        for name, revision in wanted
    )


def split_reference(reference: str) -> tuple[str, int | None]:
    """`arn:…:job-definition/name:3`, `name:3` or `name` as (name, revision or None)."""
    name, _, revision = reference.rpartition("job-definition/")[2].partition(":")
    if not revision:
        return name, None
    if not revision.isdigit():
        raise ClientError(f"JobDefinition {reference} has a revision that is not a number.")
    return name, int(revision)
