"""Packages a SAM template as `aws cloudformation package` does: local folders become zips in a bucket.

Owns which properties name local files. Everything else of the template is passed on as it is. Must not talk
to AWS.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate_local.artifacts import Artifact, copy_of, zip_folder
from headgate_local.template_source import Template, read_template

# resource type -> the property that may name something local.
FOLDERS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Lambda::Function": "Code",
    "AWS::Lambda::LayerVersion": "Content",
}
FILES = {"AWS::Serverless::Api": "DefinitionUri", "AWS::Serverless::StateMachine": "DefinitionUri"}
LAYERS = frozenset({"AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"})
INCLUDE = "AWS::Include"


class PackagingError(Exception):
    """The template names something local that is not there. The message says what, and what makes it."""


@dataclass(frozen=True)
class Package:
    """A template without local paths (JSON), and the files that it refers to."""

    body: str
    artifacts: tuple[Artifact, ...]


@dataclass
class Packager:
    """Packages one template: `layers` holds what `make layers` built, `cache` the zips made before."""

    template: Path
    bucket: str
    layers: Path
    cache: Path

    def package(self) -> Package:
        """The packaged template. Raises PackagingError."""
        source = copy.deepcopy(read_template(self.template))
        artifacts: dict[str, Artifact] = {}

        def keep(artifact: Artifact) -> Artifact:
            return artifacts.setdefault(artifact.key, artifact)

        try:
            for logical_id, resource in source["Resources"].items():
                self._package_resource(logical_id, resource, keep)
            self._package_globals(source, keep)
            self._package_includes(source, keep)
        except FileNotFoundError as error:
            raise PackagingError(f"{self.template.name}: {error}") from error
        return Package(
            json.dumps(source, separators=(",", ":"), ensure_ascii=False), tuple(artifacts.values())
        )

    def _package_resource(
        self, logical_id: str, resource: Template, keep: Callable[[Artifact], Artifact]
    ) -> None:
        kind = resource.get("Type", "")
        properties = resource.get("Properties") or {}
        if (name := FOLDERS.get(kind)) and is_local(properties.get(name)):
            artifact = keep(self._zip(logical_id, kind, resource, properties[name]))
            properties[name] = self._address(artifact, sam=kind.startswith("AWS::Serverless::"))
        elif (name := FILES.get(kind)) and is_local(properties.get(name)):
            properties[name] = self._address(keep(copy_of(self._local(properties[name]))), sam=True)

    def _package_globals(self, source: Template, keep: Callable[[Artifact], Artifact]) -> None:
        shared = (source.get("Globals") or {}).get("Function") or {}
        if is_local(shared.get("CodeUri")):
            shared["CodeUri"] = self._address(
                keep(zip_folder(self._local(shared["CodeUri"]), self.cache)), sam=True
            )

    def _package_includes(self, source: Template, keep: Callable[[Artifact], Artifact]) -> None:
        for parameters in included(source):
            if is_local(parameters.get("Location")):
                parameters["Location"] = self._address(
                    keep(copy_of(self._local(parameters["Location"]))), sam=True
                )

    def _zip(self, logical_id: str, kind: str, resource: Template, path: str) -> Artifact:
        if kind not in LAYERS:
            return zip_folder(self._local(path), self.cache)
        # A layer with a recipe is shipped as its recipe built it; one without is shipped as it lies there.
        if (resource.get("Metadata") or {}).get("BuildMethod") != "makefile":
            return zip_folder(self._local(path), self.cache, bytecode=True)
        built = self.layers / self._local(path).name
        if not (built / "python").is_dir():
            raise PackagingError(f"{logical_id}: {built} is not built: run `make layers`")
        return zip_folder(built, self.cache, bytecode=True)

    def _local(self, path: str) -> Path:
        return (self.template.parent / path).resolve()

    def _address(self, artifact: Artifact, *, sam: bool) -> str | dict[str, str]:
        if sam:
            return f"s3://{self.bucket}/{artifact.key}"
        return {"S3Bucket": self.bucket, "S3Key": artifact.key}


def is_local(value: Any) -> bool:
    """Whether a property names a path on this machine."""
    return isinstance(value, str) and not value.startswith(("s3://", "https://", "http://"))


def included(node: Any) -> Iterator[dict[str, Any]]:
    """The Parameters of every `Fn::Transform: AWS::Include` in `node`."""
    if isinstance(node, dict):
        transform = node.get("Fn::Transform")
        if isinstance(transform, dict) and transform.get("Name") == INCLUDE:
            yield transform["Parameters"]
        for value in node.values():
            yield from included(value)
    elif isinstance(node, list):
        for value in node:
            yield from included(value)
