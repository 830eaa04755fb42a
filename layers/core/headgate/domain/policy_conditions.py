"""Conditions of policy statements: IAM operators and what they mean for absent, single and many values.

Absent keys: a positive operator fails, a negated one holds, ``…IfExists`` and ``ForAllValues:`` hold,
``ForAnyValue:`` fails, and ``Null`` asks for the absence itself.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from headgate.domain.policy_patterns import Pattern, Token, matches
from headgate.domain.policy_request import AccessRequest
from headgate.domain.policy_vocabulary import ConditionKey, condition_key, did_you_mean

Compare = Callable[[tuple[Token, ...], str], bool]
Family = Literal["string", "number", "date", "bool", "ip", "null"]
Qualifier = Literal["", "ForAllValues", "ForAnyValue"]
_NEEDS = {
    "string": "String…",
    "number": "Numeric…",
    "date": "Date…",
    "bool": "Bool",
    "ip": "IpAddress or NotIpAddress",
}


@dataclass(frozen=True)
class Operator:
    """One operator without prefix and suffix. ``negated`` holds when no listed value compares equal."""

    name: str
    family: Family
    compare: Compare
    negated: bool = False
    wildcards: bool = False


def _text(tokens: tuple[Token, ...]) -> str:
    return "".join(token if isinstance(token, str) else token.value for token in tokens)


def number(text: str) -> Decimal:
    """Raises ``ValueError`` on anything but a finite number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise ValueError(f"{text!r} is no number")
    return value


def moment(text: str) -> datetime:
    """ISO 8601, or seconds since 1970; a time without a zone is UTC. Raises ``ValueError``."""
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text!r} is no time: ISO 8601 or epoch seconds are needed") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def boolean(text: str) -> bool:
    """``true`` or ``false`` in any case. Raises ``ValueError``."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _typed(read: Callable[[str], Any], holds: Callable[[Any, Any], bool]) -> Compare:
    """Compare after reading both sides; a request value that cannot be read compares as false."""

    def compare(tokens: tuple[Token, ...], actual: str) -> bool:
        try:
            return holds(read(actual), read(_text(tokens)))
        except ValueError:
            return False

    return compare


def _in_network(tokens: tuple[Token, ...], actual: str) -> bool:
    try:
        return ip_address(actual) in ip_network(_text(tokens), strict=False)
    except ValueError:
        return False


def _equal_text(tokens: tuple[Token, ...], actual: str) -> bool:
    return _text(tokens) == actual


def _same_but_case(tokens: tuple[Token, ...], actual: str) -> bool:
    return _text(tokens).casefold() == actual.casefold()


def _operators() -> dict[str, Operator]:
    every = [
        Operator("StringEquals", "string", _equal_text),
        Operator("StringNotEquals", "string", _equal_text, negated=True),
        Operator("StringEqualsIgnoreCase", "string", _same_but_case),
        Operator("StringNotEqualsIgnoreCase", "string", _same_but_case, negated=True),
        Operator("StringLike", "string", matches, wildcards=True),
        Operator("StringNotLike", "string", matches, negated=True, wildcards=True),
        Operator("Bool", "bool", _typed(boolean, operator.eq)),
        Operator("IpAddress", "ip", _in_network),
        Operator("NotIpAddress", "ip", _in_network, negated=True),
        Operator("Null", "null", _equal_text),
    ]
    readers: tuple[tuple[str, Family, Callable[[str], Any]], ...] = (
        ("Numeric", "number", number),
        ("Date", "date", moment),
    )
    for prefix, family, read in readers:
        every += [
            Operator(prefix + "Equals", family, _typed(read, operator.eq)),
            Operator(prefix + "NotEquals", family, _typed(read, operator.eq), negated=True),
            Operator(prefix + "LessThan", family, _typed(read, operator.lt)),
            Operator(prefix + "LessThanEquals", family, _typed(read, operator.le)),
            Operator(prefix + "GreaterThan", family, _typed(read, operator.gt)),
            Operator(prefix + "GreaterThanEquals", family, _typed(read, operator.ge)),
        ]
    return {each.name: each for each in every}


OPERATORS = _operators()
_READERS: dict[Family, Callable[[str], Any]] = {
    "number": number,
    "date": moment,
    "bool": boolean,
    "null": boolean,
    "ip": lambda text: ip_network(text, strict=False),
}


@dataclass(frozen=True)
class Condition:
    """One key under one operator of a Condition block: ``values`` are alternatives."""

    written: str
    qualifier: Qualifier
    operator: Operator
    if_exists: bool
    key: ConditionKey
    values: tuple[Pattern, ...]
    element = "Condition"

    @classmethod
    def parse(cls, written: str, key_name: str, values: list[str]) -> "Condition":
        """Raises ``ValueError`` when operator, key and values do not fit each other."""
        qualifier, base, if_exists = _split(written)
        key = condition_key(key_name)
        _check_fit(qualifier, base, key)
        read = _READERS.get(base.family)
        if read is not None:
            for value in values:
                read(value)
        is_text = base.family == "string"
        patterns = tuple(
            Pattern.parse(value, wildcards=base.wildcards, variables=is_text) for value in values
        )
        return cls(written, qualifier, base, if_exists, key, patterns)

    def miss(self, request: AccessRequest, widens: bool) -> str | None:
        """Why the condition does not hold, or None when it does.

        ``widens``: the statement grants, so a negated operator must not hold because a variable has no value.
        """
        present = request.values(self.key.id)
        if self._holds(request, present, widens):
            return None
        wanted = " or ".join(value.source for value in self.values)
        found = "the request has " + (", ".join(present) if present else "no such key")
        return f"the condition {self.written} {self.key.name} {wanted} fails ({found})"

    def _holds(self, request: AccessRequest, present: tuple[str, ...], widens: bool) -> bool:
        if self.operator.family == "null":
            return any(boolean(value.source) == (not present) for value in self.values)
        if not present:
            if self.if_exists or self.qualifier == "ForAllValues":
                return True
            return self.operator.negated and self.qualifier != "ForAnyValue"
        resolved = [value.resolve(request.single) for value in self.values]
        if widens and self.operator.negated and None in resolved:
            return False
        known = [tokens for tokens in resolved if tokens is not None]
        hits = [
            any(self.operator.compare(each, value) for each in known) != self.operator.negated
            for value in present
        ]
        return all(hits) if self.qualifier == "ForAllValues" else any(hits)


def _split(written: str) -> tuple[Qualifier, Operator, bool]:
    """``ForAnyValue:StringLikeIfExists`` -> its three parts."""
    prefix, colon, rest = written.rpartition(":")
    if colon and prefix not in ("ForAllValues", "ForAnyValue"):
        raise ValueError(f"{written!r}: only ForAllValues: and ForAnyValue: can stand before an operator")
    if_exists = rest.endswith("IfExists")
    base = OPERATORS.get(rest.removesuffix("IfExists"))
    if base is None:
        raise ValueError(
            f"unknown operator {written!r}{did_you_mean(rest.removesuffix('IfExists'), OPERATORS)}"
        )
    if base.family == "null" and (if_exists or prefix):
        raise ValueError(f"{written!r}: Null takes neither a set operator nor IfExists")
    qualifier: Qualifier = "ForAllValues" if prefix == "ForAllValues" else "ForAnyValue" if prefix else ""
    return qualifier, base, if_exists


def _check_fit(qualifier: Qualifier, base: Operator, key: ConditionKey) -> None:
    if base.family == "null":
        return
    if key.type not in ("any", base.family):
        raise ValueError(f"{key.name} is a {key.type}: {base.name} cannot compare it, use {_NEEDS[key.type]}")
    if key.multivalued and not qualifier:
        raise ValueError(
            f"{key.name} can have many values: write ForAnyValue:{base.name} or ForAllValues:{base.name}"
        )
    if qualifier and not key.multivalued:
        # ForAllValues holds on an absent key, so on a single value it opens what it seems to close.
        raise ValueError(f"{key.name} has one value: write {base.name} without {qualifier}:")
