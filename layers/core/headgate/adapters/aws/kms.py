"""A Signer on AWS KMS: an asymmetric key that never leaves the service signs digests (ECDSA on P-256)."""

from base64 import b64decode, b64encode

from botocore.exceptions import ClientError

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.signature import Signature

ALGORITHM = "ECDSA_SHA_256"
LONGEST = 128
"""Bytes; a signature of this algorithm has at most 72, and what is not one need not be asked about."""
INVALID = ("KMSInvalidSignatureException",)


class KmsSigner:
    """The Signer port. ``key`` is the ARN of the deployment's own key; signatures by another are refused."""

    def __init__(self, clients: AwsClients, key: str) -> None:
        self._clients = clients
        self._key = key

    def sign(self, digest: bytes) -> Signature:
        with translated(f"signing with {self._key}", write=False):
            answer = self._clients.client("kms").sign(
                KeyId=self._key, Message=digest, MessageType="DIGEST", SigningAlgorithm=ALGORITHM
            )
        return Signature(self._key, ALGORITHM, b64encode(answer["Signature"]).decode())

    def verify(self, digest: bytes, signature: Signature) -> bool:
        if (signature.key, signature.algorithm) != (self._key, ALGORITHM):
            return False
        try:
            value = b64decode(signature.value, validate=True)
        except ValueError:
            return False
        if not 0 < len(value) <= LONGEST:
            return False
        with translated(f"verifying with {self._key}", write=False):
            return self._verified(digest, value)

    def _verified(self, digest: bytes, value: bytes) -> bool:
        """KMS answers a wrong signature with an error of its own."""
        try:
            answer = self._clients.client("kms").verify(
                KeyId=self._key,
                Message=digest,
                MessageType="DIGEST",
                Signature=value,
                SigningAlgorithm=ALGORITHM,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in INVALID:
                return False
            raise
        return bool(answer["SignatureValid"])
