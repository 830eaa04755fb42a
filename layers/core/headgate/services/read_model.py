"""What was written about a version when it was registered, and whether it still is what was signed."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import NotFound
from headgate.domain.identity import Principal
from headgate.domain.model import ModelVersion
from headgate.domain.policy import hrn
from headgate.domain.signature import Signature
from headgate.ports import ModelCatalog, Scratch
from headgate.services.access import Guard
from headgate.services.model_documents import BOM, CARD, CARD_TEXT, SIGNATURE, ModelDocuments, statement_of
from headgate.services.product_models import training_of, version_of
from headgate.services.products import Products

Check = dict[str, Any]
READ = "headgate:ReadModel"


@dataclass(frozen=True)
class Verification:
    """``checks`` are ``{"name", "passed", "detail"}``; the version is what was signed when all passed."""

    model: str
    version: int
    signature: dict[str, Any] | None
    checks: tuple[Check, ...]

    @property
    def valid(self) -> bool:
        return all(check["passed"] for check in self.checks)


@dataclass(frozen=True)
class ReadModel:
    """The use case. Each method raises NotFound, AccessDenied, and NotFound for a version that was registered
    before its documents were kept.
    """

    products: Products
    models: ModelCatalog
    documents: ModelDocuments
    guard: Guard
    scratch: Scratch

    def card(self, principal: Principal, product: str, version: int) -> dict[str, Any]:
        """``{"card", "markdown"}``: the same for machines and for people."""
        found = self.version(principal, product, version)
        return {"card": self.document(found, CARD), "markdown": self._body(found, CARD_TEXT).decode()}

    def bom(self, principal: Principal, product: str, version: int) -> dict[str, Any]:
        """The CycloneDX document."""
        return self.document(self.version(principal, product, version), BOM)

    def verify(self, principal: Principal, product: str, version: int) -> Verification:
        """Reads every byte that was signed, and asks the key service about the signature."""
        found = self.version(principal, product, version)
        try:
            signed = self.document(found, SIGNATURE)
        except NotFound as problem:
            missing = _check("signature", False, str(problem))
            return Verification(found.model, found.version, None, (missing,))
        signature = signed.get("signature")
        checks = (self._signature(signed), *self._contents(found, signed.get("statement", {})))
        return Verification(found.model, found.version, signature, checks)

    def version(self, principal: Principal, product: str, version: int) -> ModelVersion:
        """Policy is asked first, also of a version that does not exist."""
        return self.versions(principal, product, version)[0]

    def versions(self, principal: Principal, product: str, *versions: int) -> list[ModelVersion]:
        """Several at once: policy is asked of the model."""
        applied = self.products.get(product)
        one = versions[0] if len(versions) == 1 else None
        resource = hrn(product, "model", training_of(applied).model, one)
        self.guard.require(applied, principal, READ, resource)
        return [version_of(self.models, applied, version) for version in versions]

    def document(self, version: ModelVersion, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._body(version, name))
        return document

    def _body(self, version: ModelVersion, name: str) -> bytes:
        try:
            return self.documents.body(version, name)
        except NotFound as error:
            raise NotFound(
                f"{version.model} version {version.version} has no {name}: it was registered before such "
                "documents were kept, or is being registered"
            ) from error

    def _signature(self, signed: dict[str, Any]) -> Check:
        """The statement is signed as it stands there: its digest is taken anew."""
        digest = sha256(canonical_json(signed.get("statement")))
        if digest.hexdigest() != signed.get("statement_sha256"):
            return _check("signature", False, "the statement is not the one that was signed")
        try:
            signature = Signature(**signed["signature"])
        except (KeyError, TypeError):
            return _check("signature", False, "it names no key, algorithm and value")
        if not self.documents.signer.verify(digest.digest(), signature):
            return _check("signature", False, f"it is none by the key of this deployment ({signature.key})")
        return _check("signature", True, f"{signature.algorithm} by {signature.key}")

    def _contents(self, version: ModelVersion, statement: dict[str, Any]) -> Iterator[Check]:
        """The catalog's record, each document and the artifact, against what the statement says."""
        files: dict[str, str] = statement.get("files", {})
        if statement == json.loads(canonical_json(statement_of(version, files))):
            yield _check("record", True, "the catalog says of the version what was signed")
        else:
            yield _check("record", False, "the catalog says something else of the version than was signed")
        for name in (CARD, CARD_TEXT, BOM):
            yield _digest(name, files.get(name), partial(self._body_sha256, version, name))
        with self.scratch.directory() as directory:
            path: Path = directory / "artifact"
            download = self.documents.artifacts.download
            wanted = statement.get("artifact", {}).get("sha256")
            yield _digest("artifact", wanted, lambda: download(version.artifact_key, path))

    def _body_sha256(self, version: ModelVersion, name: str) -> str:
        return sha256(self.documents.body(version, name)).hexdigest()


def _digest(name: str, wanted: str | None, read: Callable[[], str]) -> Check:
    found = None
    with suppress(NotFound):
        found = read()
    if found is None:
        return _check(name, False, "it is gone")
    if found != wanted:
        return _check(name, False, f"its sha256 is {found}, signed was {wanted}")
    return _check(name, True, f"sha256 {found}")


def _check(name: str, passed: bool, detail: str) -> Check:
    return {"name": name, "passed": passed, "detail": detail}
