"""A token issuer for a developer's machine: one key, the demo's people, and tokens for them.

Owns the key's file and who the demo's people are. Never for a deployed environment: whoever reads the file
can be anyone.
"""

import base64
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from headgate.domain.canonical import canonical_json

ISSUER = "https://headgate.local"
AUDIENCE = "headgate"
KEY_FILE = "identity-key.pem"
DEFAULT_TTL = timedelta(hours=8)


@dataclass(frozen=True)
class Person:
    """Someone of the demo, and what the issuer says of them."""

    subject: str
    groups: tuple[str, ...]
    tags: Mapping[str, str] = field(hash=False)


PEOPLE: dict[str, Person] = {
    person.subject: person
    for person in (
        Person("alice", ("ml-engineers",), {"team": "flights"}),
        Person("bob", ("data-scientists",), {"team": "flights"}),
        Person("carol", ("consumers",), {"team": "bookings"}),
        Person("erin", ("ml-engineers",), {"team": "flights"}),
    )
}


class LocalIssuer:
    """Issues EdDSA tokens with a key kept in ``directory``, which is made on first use.

    Raises ``PermissionError`` when others can read the key's file.
    """

    def __init__(
        self,
        directory: Path,
        issuer: str = ISSUER,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.issuer = issuer
        self._now = now
        self._key = _kept_key(directory)
        public = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        thumbprint = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}  # RFC 7638, RFC 8037
        self.key_id = _base64url(hashlib.sha256(canonical_json(thumbprint)).digest())
        self._public = {**thumbprint, "kid": self.key_id, "alg": "EdDSA", "use": "sig"}

    def jwks(self) -> str:
        """The public key as a JSON Web Key Set: the template parameter ``IdentityJwks``."""
        return canonical_json({"keys": [self._public]}).decode("ascii")

    def issue(
        self,
        subject: str,
        groups: Iterable[str] = (),
        tags: Mapping[str, str] | None = None,
        ttl: timedelta = DEFAULT_TTL,
        audience: str = AUDIENCE,
    ) -> str:
        """A signed token for ``subject``, good from now on for ``ttl``."""
        now = int(self._now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": audience,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + int(ttl.total_seconds()),
            "jti": secrets.token_hex(16),
            "groups": list(groups),
            "tags": dict(tags or {}),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self.key_id})

    def issue_for(self, name: str, ttl: timedelta = DEFAULT_TTL, audience: str = AUDIENCE) -> str:
        """A token for one of the demo's people. Raises ``ValueError`` naming whom there is."""
        person = PEOPLE.get(name)
        if person is None:
            raise ValueError(f"nobody is called {name!r} here; there are {', '.join(sorted(PEOPLE))}")
        return self.issue(person.subject, person.groups, person.tags, ttl, audience)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _kept_key(directory: Path) -> Ed25519PrivateKey:
    path = directory / KEY_FILE
    if not path.exists():
        _make_key(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermissionError(f"others can read {path}: delete it, a new key is made then (old tokens end)")
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} holds no Ed25519 key: delete it, a new one is made then")
    return key


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all; of two processes at once, the first one's key stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
