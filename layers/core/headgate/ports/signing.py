"""Signing digests with a key that nobody can read."""

from typing import Protocol

from headgate.domain.signature import Signature


class Signer(Protocol):
    """Signs and verifies sha256 digests. Raises Throttled, PermissionMissing, ConfigurationError."""

    def sign(self, digest: bytes) -> Signature:
        """``digest`` has 32 bytes. Two signatures of one digest may differ."""
        ...

    def verify(self, digest: bytes, signature: Signature) -> bool:
        """False also for a signature by another key than this deployment's: a key it names itself proves
        nothing.
        """
        ...
