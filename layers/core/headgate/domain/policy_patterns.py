"""Patterns as IAM writes them: ``*``, ``?`` and ``${variables}``. Owns matching, knows nothing of statements.

A variable's value is always literal: a tag that holds ``*`` matches a star and nothing more.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from headgate.domain.policy_vocabulary import condition_key


class Wild(Enum):
    """The two wildcards: any run of characters (none included), and exactly one character."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True)
class Variable:
    """``${headgate:PrincipalTag/team, 'default'}``: a condition key's id, and what stands in for its
    absence."""

    key: str
    default: str | None


Token = str | Wild  # a str is one literal character
Lookup = Callable[[str], str | None]
_VARIABLE = re.compile(r"\s*([^\s,'{}]+)\s*(?:,\s*'([^'{}]*)'\s*)?")
_ESCAPES = ("*", "?", "$")


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern; ``source`` is what was written."""

    source: str
    parts: tuple[Token | Variable, ...]

    @classmethod
    def parse(cls, text: str, *, wildcards: bool, variables: bool) -> "Pattern":
        """Read ``text``: without ``wildcards`` ``*`` and ``?`` are literal, without ``variables`` ``${``
        is refused.

        Raises ``ValueError`` on a variable that is not closed, or is no single-valued condition key.
        """
        parts: list[Token | Variable] = []
        position = 0
        while position < len(text):
            if text.startswith("${", position):
                if not variables:
                    raise ValueError(f"{text!r}: a policy variable is not allowed here")
                end = text.find("}", position)
                if end < 0:
                    raise ValueError(f"{text!r}: the variable opened by '${{' is not closed")
                parts.append(_variable(text[position + 2 : end]))
                position = end + 1
            else:
                character = text[position]
                parts.append(Wild(character) if wildcards and character in "*?" else character)
                position += 1
        return cls(text, tuple(parts))

    def resolve(self, lookup: Lookup) -> tuple[Token, ...] | None:
        """The pattern with its variables filled in, or None when one has neither value nor default."""
        tokens: list[Token] = []
        for part in self.parts:
            if isinstance(part, Variable):
                value = lookup(part.key)
                value = part.default if value is None else value
                if value is None:
                    return None
                tokens.extend(value)
            else:
                tokens.append(part)
        return tuple(tokens)


def _variable(body: str) -> Variable | str:
    if body in _ESCAPES:
        return body
    found = _VARIABLE.fullmatch(body)
    if found is None:
        raise ValueError(f"'${{{body}}}' is no variable: ${{key}} or ${{key, 'default'}} is needed")
    key = condition_key(found[1])
    if key.multivalued:
        raise ValueError(f"{key.name} can have many values, so it cannot be a variable")
    return Variable(key.id, found[2])


def matches(tokens: Sequence[Token], text: str) -> bool:
    """Whether all of ``text`` matches. It goes back to the last ``*`` only: no input makes it exponential."""
    at = taken = resume = 0
    star = -1
    while taken < len(text):
        token = tokens[at] if at < len(tokens) else None
        if token is Wild.ANY:
            star, resume = at, taken
            at += 1
        elif token is Wild.ONE or token == text[taken]:
            at += 1
            taken += 1
        elif star >= 0:
            resume += 1
            at, taken = star + 1, resume
        else:
            return False
    return all(token is Wild.ANY for token in tokens[at:])
