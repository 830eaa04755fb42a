"""A signature over a digest, and the statement a registered version is signed by. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

STATEMENT_FORMAT = "headgate.statement/1"
SIGNATURE_FORMAT = "headgate.signature/1"


@dataclass(frozen=True)
class Signature:
    """``key`` names who signed, ``algorithm`` how; ``value`` is base64."""

    key: str
    algorithm: str
    value: str


def signed_document(statement: Mapping[str, Any], digest: str, signature: Signature) -> dict[str, Any]:
    """What is kept beside a version: the statement, its sha256, and the signature over that."""
    return {
        "format": SIGNATURE_FORMAT,
        "statement": dict(statement),
        "statement_sha256": digest,
        "signature": asdict(signature),
    }
