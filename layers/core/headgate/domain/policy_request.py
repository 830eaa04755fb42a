"""What a policy is asked: principal, action, resource and the facts around them.

Owns how facts become text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from headgate.domain.identity import Principal
from headgate.domain.policy_vocabulary import (
    ACTIONS,
    PRINCIPAL_TAG,
    check_hrn,
    condition_key,
    did_you_mean,
    product_of,
)

Fact = str | bool | int | float | Decimal | datetime | Sequence[str] | None


@dataclass(frozen=True)
class AccessRequest:
    """May ``principal`` do ``action`` to ``resource``, given ``context`` (condition key -> value)?

    A value of None means that the fact is not known: the key is absent. The keys ``headgate:PrincipalId``,
    ``…PrincipalGroups`` and ``…PrincipalTag/<key>`` come from ``principal`` and cannot be given. Raises
    InvalidRequest
    on a malformed resource, and ``ValueError`` on an unknown action or key: then the asking code is wrong.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, Fact] = field(default_factory=dict, hash=False)
    facts: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, hash=False, compare=False)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown action {self.action!r}{did_you_mean(self.action, ACTIONS)}")
        check_hrn(self.resource)
        object.__setattr__(self, "facts", {**_given(self.context), **_of_principal(self.principal)})

    @property
    def product(self) -> str:
        return product_of(self.resource)

    def values(self, key_id: str) -> tuple[str, ...]:
        """Every value of a condition key, given by its id; empty when the key is absent."""
        return self.facts.get(key_id, ())

    def single(self, key_id: str) -> str | None:
        """The value of a single-valued key, or None: what a policy variable stands for."""
        values = self.values(key_id)
        return values[0] if values else None


def _given(context: Mapping[str, Fact]) -> dict[str, tuple[str, ...]]:
    facts: dict[str, tuple[str, ...]] = {}
    for name, value in context.items():
        key = condition_key(name)
        if key.id.startswith("headgate:principal"):
            raise ValueError(f"{key.name} comes from the principal and cannot be given")
        values = _texts(name, value)
        if not key.multivalued and len(values) > 1:
            raise ValueError(f"{key.name} has one value, {len(values)} were given")
        if values:
            facts[key.id] = values
    return facts


def _of_principal(principal: Principal) -> dict[str, tuple[str, ...]]:
    facts: dict[str, tuple[str, ...]] = {
        (PRINCIPAL_TAG + key).lower(): (value,) for key, value in principal.tags.items()
    }
    facts["headgate:principalid"] = (principal.id,)
    if principal.groups:
        facts["headgate:principalgroups"] = principal.groups
    return facts


def _texts(name: str, value: Fact) -> tuple[str, ...]:
    """A value as policies see it. A set loses its empty strings: IAM takes such a set as absent."""
    if value is None:
        return ()
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, int | float | Decimal):
        if not Decimal(str(value)).is_finite():
            raise ValueError(f"{name} is {value}, which is no number to compare")
        return (str(value),)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} is a time without a zone")
        return (value.astimezone(UTC).isoformat(),)
    return tuple(str(each) for each in value if each)
