"""One statement of a policy and its clauses: who, what, on which, when. It applies when no clause misses.

Every clause answers ``miss``: why it does not fit the request, or None. ``access explain`` shows those
answers.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from headgate.domain.policy_patterns import Pattern, matches
from headgate.domain.policy_request import AccessRequest

EVERYONE = "*"


class Clause(Protocol):
    """One element of a statement. ``widens``: the statement grants, so what is unknown must not match."""

    @property
    def element(self) -> str: ...

    def miss(self, request: AccessRequest, widens: bool) -> str | None: ...


@dataclass(frozen=True)
class PrincipalClause:
    """``Principal`` or, ``negated``, ``NotPrincipal``."""

    names: tuple[str, ...]
    negated: bool = False
    element = "Principal"

    @property
    def written(self) -> str:
        return "NotPrincipal" if self.negated else "Principal"

    def miss(self, request: AccessRequest, widens: bool) -> str | None:  # noqa: ARG002
        listed = EVERYONE in self.names or not request.principal.names.isdisjoint(self.names)
        if listed != self.negated:
            return None
        groups = request.principal.groups
        who = request.principal.id + (f" of {_listing(groups)}" if groups else ", in no group")
        verb = "leaves out" if self.negated else "names"
        return f"its {self.written} {verb} {_listing(self.names)} (the caller is {who})"


@dataclass(frozen=True)
class ActionClause:
    """``Action`` or, ``negated``, ``NotAction``; case does not matter."""

    patterns: tuple[Pattern, ...]
    negated: bool = False
    element = "Action"

    @property
    def written(self) -> str:
        return "NotAction" if self.negated else "Action"

    def miss(self, request: AccessRequest, widens: bool) -> str | None:  # noqa: ARG002
        if any(covers_action(pattern, request.action) for pattern in self.patterns) != self.negated:
            return None
        verb = "leaves out" if self.negated else "names"
        return f"its {self.written} {verb} {_sources(self.patterns)}"


@dataclass(frozen=True)
class ResourceClause:
    """``Resource`` or, ``negated``, ``NotResource``; case matters, and ``*`` spans every separator."""

    patterns: tuple[Pattern, ...]
    negated: bool = False
    element = "Resource"

    @property
    def written(self) -> str:
        return "NotResource" if self.negated else "Resource"

    def miss(self, request: AccessRequest, widens: bool) -> str | None:
        resolved = [pattern.resolve(request.single) for pattern in self.patterns]
        if self.negated and widens and None in resolved:
            return f"its NotResource {_sources(self.patterns)} has a variable without a value"
        if any(matches(each, request.resource) for each in resolved if each is not None) != self.negated:
            return None
        verb = "leaves out" if self.negated else "names"
        return f"its {self.written} {verb} {_sources(self.patterns)}"


@dataclass(frozen=True)
class StatementRef:
    """Which statement: the policy's name, and the Sid or, without one, the position (from 0)."""

    policy: str
    index: int
    sid: str | None

    def __str__(self) -> str:
        return f"{self.policy}#{self.sid or f'Statement[{self.index}]'}"


@dataclass(frozen=True)
class Miss:
    """One clause that does not fit the request, and why."""

    element: str
    why: str


@dataclass(frozen=True)
class Statement:
    """A parsed statement: it applies to a request when none of its clauses misses."""

    ref: StatementRef
    effect: Literal["Allow", "Deny"]
    clauses: tuple[Clause, ...]

    def misses(self, request: AccessRequest) -> tuple[Miss, ...]:
        """Every clause that does not fit; empty when the statement applies."""
        widens = self.effect == "Allow"
        found = ((clause.element, clause.miss(request, widens)) for clause in self.clauses)
        return tuple(Miss(element, why) for element, why in found if why is not None)


def covers_action(pattern: Pattern, action: str) -> bool:
    """Whether a pattern of an Action element covers ``action``; case does not matter."""
    lowered = tuple(
        part.lower() if isinstance(part, str) else part for part in pattern.resolve(lambda _: None) or ()
    )
    return matches(lowered, action.lower())


def _sources(patterns: tuple[Pattern, ...]) -> str:
    return _listing(tuple(pattern.source for pattern in patterns))


def _listing(words: tuple[str, ...], limit: int = 5) -> str:
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")
