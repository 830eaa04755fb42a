"""A Signer without a key service: HMAC with a secret of this process. Whoever can verify can also sign, so it
proves nothing to others; it says so in its algorithm.
"""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from headgate.domain.signature import Signature

ALGORITHM = "HMAC_SHA_256"


class MemorySigner:
    """The Signer port."""

    def __init__(self, secret: bytes = b"headgate", key: str = "memory/signing") -> None:
        self.key = key
        self._secret = secret

    def sign(self, digest: bytes) -> Signature:
        return Signature(self.key, ALGORITHM, b64encode(self._mac(digest)).decode())

    def verify(self, digest: bytes, signature: Signature) -> bool:
        if (signature.key, signature.algorithm) != (self.key, ALGORITHM):
            return False
        try:
            return hmac.compare_digest(b64decode(signature.value, validate=True), self._mac(digest))
        except ValueError:
            return False

    def _mac(self, digest: bytes) -> bytes:
        return hmac.new(self._secret, digest, sha256).digest()
