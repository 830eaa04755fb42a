"""Reads a JSON Web Key Set. Owns which keys may verify a token, and binds each to one algorithm.

A key is bound to its algorithm here, so a token's own header never chooses how it is verified.
"""

import json
from dataclasses import dataclass
from typing import Any

import jwt

from headgate.domain.errors import ConfigurationError

# Key type and curve -> the one algorithm such a key verifies.
_ALGORITHM = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
ALGORITHMS = tuple(sorted(_ALGORITHM.values()))
_MIN_RSA_BITS = 2048


@dataclass(frozen=True)
class VerifyingKey:
    """A public key and the only algorithm it is used with."""

    algorithm: str
    key: jwt.PyJWK


def read_jwks(text: str) -> dict[str, VerifyingKey]:
    """The usable keys of a key set by their ``kid``. Keys for other uses or algorithms are passed over.

    Raises ConfigurationError when it is no key set, has no usable key, or holds a private or shared key.
    """
    found: dict[str, VerifyingKey] = {}
    for position, written in enumerate(_keys(text)):
        where = f"the identity key set: key {position}"
        if not isinstance(written, dict):
            raise ConfigurationError(f"{where} is not a JSON object")
        if "d" in written or "k" in written:
            raise ConfigurationError(
                f"{where} holds a private or shared key: put the public key there, replace it"
            )
        key = _usable(written, where)
        if key is None:
            continue
        kid = written.get("kid")
        if not isinstance(kid, str) or not kid:
            raise ConfigurationError(f"{where} has no kid: tokens could not name it")
        if kid in found:
            raise ConfigurationError(f"{where} has the kid {kid!r} of another key")
        found[kid] = key
    if not found:
        raise ConfigurationError(f"the identity key set has no key for {', '.join(ALGORITHMS)}")
    return found


def _keys(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError("the identity key set is not JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ConfigurationError('the identity key set is not a JSON object with a list "keys"')
    keys: list[Any] = document["keys"]
    return keys


def _usable(written: dict[str, Any], where: str) -> VerifyingKey | None:
    kty, curve = written.get("kty"), written.get("crv")
    algorithm = _ALGORITHM.get((str(kty), None if kty == "RSA" else curve))
    if algorithm is None or written.get("alg", algorithm) != algorithm or written.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(written, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    if kty == "RSA" and key.key.key_size < _MIN_RSA_BITS:
        raise ConfigurationError(f"{where} has {key.key.key_size} bits; at least {_MIN_RSA_BITS} are needed")
    return VerifyingKey(algorithm, key)
