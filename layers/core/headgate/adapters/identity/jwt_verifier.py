"""Verifies JSON Web Tokens against a key set: signature, issuer, audience, times; then reads the principal.

No message or error made here holds the token or a part of its signature.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from headgate.adapters.identity.jwks import ALGORITHMS, VerifyingKey, read_jwks
from headgate.domain.identity import Principal, TokenFault, TokenRefused

MAX_TOKEN_CHARACTERS = 8192  # API Gateway takes 10,240 bytes of headers in all
LEEWAY_SECONDS = 30


class JwtVerifier:
    """A TokenVerifier for tokens of one issuer and one audience, signed with RS256, ES256 or EdDSA.

    ``sub`` becomes ``user/<sub>``; the claims ``groups`` (a list of names) and ``tags`` (an object of
    strings) may be absent. Raises ConfigurationError when ``jwks`` is unusable.
    """

    def __init__(
        self,
        jwks: str,
        issuer: str,
        audience: str,
        now: Callable[[], datetime],
        leeway_seconds: int = LEEWAY_SECONDS,
    ) -> None:
        self._keys = read_jwks(jwks)
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._leeway = leeway_seconds

    def verify(self, token: str) -> Principal:
        if not token or not token.isascii() or len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused(TokenFault.MALFORMED, "the bearer token is not a JSON Web Token")
        claims = self._claims(token, self._key(_header(token)))
        self._check_times(claims)
        return _principal(claims)

    def _key(self, header: Mapping[str, Any]) -> VerifyingKey:
        algorithm, kid = header.get("alg"), header.get("kid")
        needed = ", ".join(ALGORITHMS)
        if algorithm not in ALGORITHMS:
            raise TokenRefused(
                TokenFault.ALGORITHM,
                f"the token is signed with {_shown(algorithm)}; one of {needed} is needed",
            )
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenRefused(
                TokenFault.UNKNOWN_KEY, f"the token names the key {_shown(kid)}, which is not known"
            )
        if key.algorithm != algorithm:
            raise TokenRefused(
                TokenFault.ALGORITHM, f"the token's key is for {key.algorithm}, not {algorithm}"
            )
        return key

    def _claims(self, token: str, key: VerifyingKey) -> dict[str, Any]:
        """The claims of a token with a good signature, from the right issuer, for the right audience."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                # Times are checked here, by the injected clock.
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError as error:
            raise TokenRefused(TokenFault.BAD_SIGNATURE, "the token's signature does not fit it") from error
        except jwt.InvalidAudienceError as error:
            raise TokenRefused(
                TokenFault.WRONG_AUDIENCE, f"the token was issued for another audience than {self._audience}"
            ) from error
        except jwt.InvalidIssuerError as error:
            raise TokenRefused(
                TokenFault.WRONG_ISSUER, f"the token does not come from {self._issuer}"
            ) from error
        except jwt.MissingRequiredClaimError as error:
            raise TokenRefused(TokenFault.UNUSABLE_CLAIMS, f"the token has no claim {error.claim}") from error
        except jwt.exceptions.InvalidSubjectError as error:
            raise TokenRefused(TokenFault.UNUSABLE_CLAIMS, "the token's sub is no text") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefused(TokenFault.MALFORMED, "the token cannot be decoded") from error
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now().timestamp()
        expires, issued = _time(claims, "exp"), _time(claims, "iat")
        if now >= expires + self._leeway:
            raise TokenRefused(
                TokenFault.EXPIRED, f"the token expired {_ago(now - expires)} ago: log in again"
            )
        for claim, since in (("iat", issued), ("nbf", _time(claims, "nbf") if "nbf" in claims else issued)):
            if now < since - self._leeway:
                raise TokenRefused(
                    TokenFault.NOT_YET_VALID, f"the token holds in {_ago(since - now)} only ({claim})"
                )


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenRefused(TokenFault.MALFORMED, "the bearer token is not a JSON Web Token") from error


def _time(claims: Mapping[str, Any], claim: str) -> float:
    """A time claim in epoch seconds; one that no clock could show is refused."""
    value = claims[claim]
    latest = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= latest:
        raise TokenRefused(TokenFault.UNUSABLE_CLAIMS, f"the token's {claim} is no time")
    return float(value)


def _principal(claims: Mapping[str, Any]) -> Principal:
    groups, tags = claims.get("groups"), claims.get("tags")
    if groups is not None and not isinstance(groups, list):
        raise TokenRefused(TokenFault.UNUSABLE_CLAIMS, "the token's groups are not a list")
    try:
        return Principal(f"user/{claims['sub']}", tuple(groups or ()), {} if tags is None else tags)
    except ValueError as error:
        raise TokenRefused(TokenFault.UNUSABLE_CLAIMS, f"the token's subject is unusable: {error}") from error


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _shown(value: object) -> str:
    """A word of the caller's, cut to what a log line can bear."""
    return repr(value)[:64] if value is not None else "nothing"
