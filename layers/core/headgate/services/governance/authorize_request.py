"""Lets a request through the API's door: bearer token -> principal -> the answer API Gateway wants.

Owns the coarse decision only: is this someone the issuer vouches for, and not suspended? What the principal
may do to which resource is decided by the service that acts, with the product's policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headgate.domain.errors import ConfigurationError, InvalidRequest
from headgate.domain.identity import Principal, TokenFault, TokenRefused, TokenVerifier

# An issuer's tag that shuts the door while tokens issued earlier are still good.
SUSPENDED_TAG = "suspended"


@dataclass(frozen=True)
class AuthorizeSettings:
    """Whose tokens are taken: issuer, audience, and the issuer's public keys (a JSON Web Key Set as text)."""

    issuer: str
    audience: str
    jwks: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "AuthorizeSettings":
        """Raises ConfigurationError naming every missing variable at once."""
        names = ("IDENTITY_ISSUER", "IDENTITY_AUDIENCE", "IDENTITY_JWKS")
        missing = [name for name in names if not environ.get(name, "").strip()]
        if missing:
            raise ConfigurationError(f"environment variables are missing or empty: {', '.join(missing)}")
        return cls(*(environ[name] for name in names))


@dataclass(frozen=True)
class Ruling:
    """Who is asking, and whether the API's door opens. ``resource`` stands for everything behind it."""

    principal: Principal
    effect: Literal["Allow", "Deny"]
    resource: str
    reason: str

    def to_response(self) -> dict[str, Any]:
        """The output of a Lambda authorizer, as API Gateway documents it."""
        statement = {"Action": "execute-api:Invoke", "Effect": self.effect, "Resource": self.resource}
        return {
            "principalId": self.principal.id,
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": self.principal.to_context(),
        }


class AuthorizeRequest:
    """The use case behind the API's TOKEN authorizer."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def __call__(self, authorization: str | None, method_arn: str) -> Ruling:
        """Judge one request by its ``Authorization`` header.

        Raises TokenRefused (the answer is 401), or InvalidRequest when ``method_arn`` is none.
        """
        resource = stage_pattern(method_arn)
        principal = self._verifier.verify(bearer_token(authorization))
        if principal.tags.get(SUSPENDED_TAG, "").lower() == "true":
            return Ruling(principal, "Deny", resource, f"{principal.id} is suspended")
        return Ruling(principal, "Allow", resource, f"{principal.id} is known")


def bearer_token(authorization: str | None) -> str:
    """The token of ``Bearer <token>``. Raises TokenRefused."""
    if not authorization or not authorization.strip():
        raise TokenRefused(TokenFault.MISSING, "the request has no Authorization header: send Bearer <token>")
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or " " in token:
        raise TokenRefused(TokenFault.MALFORMED, "the Authorization header is not Bearer <token>")
    return token


def stage_pattern(method_arn: str) -> str:
    """``arn:…:execute-api:…:api/stage/GET/path`` -> ``arn:…:api/stage/*``.

    The whole stage: API Gateway caches the answer by token, and one for one path would refuse the others.
    """
    parts = method_arn.split(":", 5)
    api, _, rest = parts[-1].partition("/")
    stage = rest.partition("/")[0]
    if len(parts) != 6 or parts[2] != "execute-api" or not api or not stage:
        raise InvalidRequest(f"{method_arn!r} is no ARN of an API method")
    return ":".join([*parts[:5], f"{api}/{stage}/*"])
