"""A TokenVerifier that knows its tokens by heart, for tests and trials. It checks no signature."""

from collections.abc import Mapping

from headgate.domain.identity import Principal, TokenFault, TokenRefused


class KnownTokens:
    """Takes exactly the tokens it was given."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self._principals = dict(principals)

    def verify(self, token: str) -> Principal:
        principal = self._principals.get(token)
        if principal is None:
            raise TokenRefused(TokenFault.UNKNOWN_KEY, "the token is not known")
        return principal
