"""Whether a registered version still is what was signed: every byte is read again, and the key service asked
about the signature.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import NotFound, PreconditionFailed
from headgate.domain.model import ModelVersion
from headgate.domain.signature import Signature
from headgate.ports import Scratch
from headgate.services.models.model_documents import (
    BOM,
    CARD,
    CARD_TEXT,
    SIGNATURE,
    ModelDocuments,
    statement_of,
)

Check = dict[str, Any]
NEVER_SIGNED = "it was never signed: it was registered before signatures were kept, or is being registered"


@dataclass(frozen=True)
class Verification:
    """``checks`` are ``{"name", "passed", "detail"}``; the version is what was signed when all passed."""

    model: str
    version: int
    signature: dict[str, Any] | None
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check["passed"])

    @property
    def valid(self) -> bool:
        return not self.failed


@dataclass(frozen=True)
class VerifyVersion:
    """It asks no policy: whoever calls it has."""

    documents: ModelDocuments
    scratch: Scratch

    def require(self, version: ModelVersion) -> None:
        """Raises PreconditionFailed, with what failed, for a version that is not what was signed."""
        failed = self.verify(version).failed
        if failed:
            said = "; ".join(f"{check['name']}: {check['detail']}" for check in failed)
            raise PreconditionFailed(
                f"{version.model} version {version.version} is not what registration signed ({said}); "
                "have it registered again, or take another version"
            )

    def verify(self, version: ModelVersion) -> Verification:
        try:
            signed: dict[str, Any] = json.loads(self.documents.body(version, SIGNATURE))
        except NotFound:
            missing = _check("signature", False, NEVER_SIGNED)
            return Verification(version.model, version.version, None, (missing,))
        checks = (self._signature(signed), *self._contents(version, signed.get("statement", {})))
        return Verification(version.model, version.version, signed.get("signature"), checks)

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
