"""Who acts: principals, and what a bearer token must prove. Owns the names of people, groups and services.

It knows no token format and no key: adapters of :class:`TokenVerifier` do. It decides nothing: see
``policy``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from headgate.domain.errors import Unauthenticated

# No comma (groups travel comma separated), slash, wildcard or blank: a name is never read as a pattern or
# as two.
_NAME = r"[A-Za-z0-9_.@+=:|-]{1,128}"
_PRINCIPAL = re.compile(rf"(user|service)/{_NAME}")
_GROUP = re.compile(rf"group/{_NAME}")
_TAG_KEY = re.compile(r"[A-Za-z0-9_.:=+@-]{1,128}")
MAX_TAG_VALUE = 256
MAX_GROUPS = 64
MAX_TAGS = 50


@dataclass(frozen=True)
class Principal:
    """Someone who acts: ``id`` is ``user/<sub>`` or ``service/<function>``, ``groups`` are ``group/<name>``.

    Groups may be given with or without their prefix; they are kept sorted, each once. ``tags`` are what
    the issuer
    says of the principal: ``headgate:PrincipalTag/<key>`` in conditions. Raises ``ValueError`` on what is
    malformed.
    """

    id: str
    groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not _PRINCIPAL.fullmatch(self.id):
            raise ValueError(f"{self.id!r} names no principal: user/<name> or service/<name> is needed")
        object.__setattr__(self, "groups", _groups(self.groups))
        object.__setattr__(self, "tags", _tags(self.tags))

    @property
    def names(self) -> frozenset[str]:
        """Every name a policy statement may call this principal by."""
        return frozenset((self.id, *self.groups))

    @property
    def subject(self) -> str:
        """The id without its kind: ``alice`` of ``user/alice``."""
        return self.id.partition("/")[2]

    def to_context(self) -> dict[str, str]:
        """What the authorizer hands on: flat strings, as API Gateway demands."""
        return {
            "groups": ",".join(group.removeprefix("group/") for group in self.groups),
            "tags": json.dumps(dict(sorted(self.tags.items())), separators=(",", ":")),
            "subject": self.subject,
        }

    @classmethod
    def from_context(cls, principal_id: str, context: Mapping[str, Any]) -> "Principal":
        """The inverse of :meth:`to_context`, for ``requestContext.authorizer``. Raises ``ValueError``."""
        tags = json.loads(context.get("tags") or "{}")
        return cls(principal_id, tuple(filter(None, str(context.get("groups") or "").split(","))), tags)


def _groups(groups: Iterable[str]) -> tuple[str, ...]:
    listed = list(groups)
    if isinstance(groups, str) or not all(isinstance(group, str) for group in listed):
        raise ValueError("groups are a list of names")
    full = {group if group.startswith("group/") else f"group/{group}" for group in listed}
    for group in full:
        if not _GROUP.fullmatch(group):
            raise ValueError(f"{group!r} names no group: group/<name> is needed")
    if len(full) > MAX_GROUPS:
        raise ValueError(f"{len(full)} groups; at most {MAX_GROUPS} are taken")
    return tuple(sorted(full))


def _tags(tags: Any) -> dict[str, str]:
    if not isinstance(tags, Mapping):
        raise ValueError("tags are an object of strings")
    for key, value in tags.items():
        if not isinstance(key, str) or not _TAG_KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no tag key")
        if not isinstance(value, str) or len(value) > MAX_TAG_VALUE or not value.isprintable():
            raise ValueError(f"the tag {key} needs a printable string of at most {MAX_TAG_VALUE} characters")
    if len({key.lower() for key in tags}) != len(tags):
        raise ValueError("two tags have the same key but for its case")
    if len(tags) > MAX_TAGS:
        raise ValueError(f"{len(tags)} tags; at most {MAX_TAGS} are taken")
    return dict(tags)


class TokenFault(StrEnum):
    """Why a token was refused: a stable word for logs and metrics."""

    MISSING = "missing"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm_refused"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_ISSUER = "wrong_issuer"
    UNUSABLE_CLAIMS = "unusable_claims"


class TokenRefused(Unauthenticated):
    """The token proves nothing: ``fault`` says why in a word, the message in a sentence.

    Neither holds the token.
    """

    def __init__(self, fault: TokenFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class TokenVerifier(Protocol):
    """Turns a bearer token into a principal."""

    def verify(self, token: str) -> Principal:
        """Raises TokenRefused, and nothing else whatever the token holds."""
        ...
