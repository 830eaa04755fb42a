"""Policies, requests, keys and tokens for the tests of governance."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from headgate.domain.identity import Principal
from headgate.domain.policy import AccessRequest, Decision, PolicyDocument, evaluate, hrn
from headgate_local.issuer import AUDIENCE, ISSUER

ALICE = Principal("user/alice", ("ml-engineers",), {"team": "flights", "level": "3"})
BOB = Principal("user/bob", ("data-scientists",))
MODEL = hrn("flights", "model", "late")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    """A statement that fits every request, but for ``elements``; an element of None is left out."""
    whole = {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*", **elements}
    if "NotPrincipal" in elements:
        del whole["Principal"]
    for element in ("Action", "Resource"):
        if f"Not{element}" in elements:
            del whole[element]
    return {key: value for key, value in whole.items() if value is not None}


def written(*statements: Any, **keys: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **keys}


def policy(*statements: dict[str, Any], name: str = "flights") -> PolicyDocument:
    return PolicyDocument.parse(written(*statements), name)


def asked(
    who: Principal = ALICE,
    action: str = "headgate:PromoteModel",
    resource: str = MODEL,
    context: Mapping[str, Any] | None = None,
) -> AccessRequest:
    return AccessRequest(who, action, resource, context or {})


def decide(*statements: dict[str, Any], **request: Any) -> Decision:
    return evaluate([policy(*statements)], asked(**request))


def _new_key(algorithm: str) -> Any:
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate()


class Signer:
    """A private key with its key id: signs claims, shows its public half."""

    def __init__(self, kid: str, algorithm: str = "EdDSA", key: Any = None) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.key = key or _new_key(algorithm)

    def public(self) -> dict[str, Any]:
        encoder: Any = jwt.get_algorithm_by_name(self.algorithm)
        shown = json.loads(encoder.to_jwk(self.key.public_key()))
        return {**shown, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        header = {"kid": self.kid, **header}
        return jwt.encode(
            dict(claims), self.key, self.algorithm, {k: v for k, v in header.items() if v is not None}
        )


def claims(now: datetime = NOON, **changed: Any) -> dict[str, Any]:
    """The claims of a good token of alice; a claim of None is left out."""
    issued = int(now.timestamp())
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": issued,
        "nbf": issued,
        "exp": issued + 3600,
        "groups": ["ml-engineers"],
        "tags": {"team": "flights"},
        **changed,
    }
    return {key: value for key, value in whole.items() if value is not None}


def jwks(*signers: Signer) -> str:
    return json.dumps({"keys": [signer.public() for signer in signers]})


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(document: Any) -> str:
    """One part of a token, as a forger would write it."""
    return base64url(json.dumps(document).encode())


def with_changed_claims(token: str, **changed: Any) -> str:
    """The token with other claims under the old signature."""
    header, body, signature = token.split(".")
    old = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return ".".join((header, segment({**old, **changed}), signature))


def later(**time: int) -> datetime:
    return NOON + timedelta(**time)


def events(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.json"))
    assert found, f"no events in {folder}"
    return found
