"""Decides access: IAM policy documents in, one decision with its reason out. Owns the order deny, allow,
nothing.

>>> documents = [PolicyDocument.parse(bundle["policy"], "flights")]
>>> resource = hrn("flights", "model", "late")
>>> request = AccessRequest(principal, "headgate:PromoteModel", resource, {"headgate:Stage": "poc"})
>>> decision = evaluate(documents, request)   # decision.allowed, decision.reason, decision.require()
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headgate.domain.errors import AccessDenied
from headgate.domain.policy_grammar import PolicyError, parse_statements
from headgate.domain.policy_request import AccessRequest
from headgate.domain.policy_statement import Miss, Statement, StatementRef
from headgate.domain.policy_vocabulary import ACTIONS, hrn

__all__ = [
    "ACTIONS",
    "AccessRequest",
    "Decision",
    "Explanation",
    "Outcome",
    "PolicyDocument",
    "PolicyError",
    "StatementRef",
    "evaluate",
    "explain",
    "hrn",
]

Effect = Literal["allow", "explicit_deny", "implicit_deny"]
# How far a statement is from granting, by what misses: a condition can be met, another action cannot.
_DISTANCE = {"Condition": 1, "Principal": 2, "Resource": 8, "Action": 64}


@dataclass(frozen=True)
class PolicyDocument:
    """A parsed policy document and the name it is spoken of by."""

    name: str
    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, source: str | bytes | Mapping[str, Any], name: str = "policy") -> "PolicyDocument":
        """Read JSON text or parsed JSON. Raises PolicyError, an InvalidRequest, saying where and why."""
        return cls(name, parse_statements(source, name))


@dataclass(frozen=True)
class Outcome:
    """What one statement made of a request: it applies when ``misses`` is empty."""

    ref: StatementRef
    effect: Literal["Allow", "Deny"]
    misses: tuple[Miss, ...]

    @property
    def applies(self) -> bool:
        return not self.misses

    def to_json(self) -> dict[str, Any]:
        return {
            "statement": str(self.ref),
            "effect": self.effect,
            "applies": self.applies,
            "misses": [{"element": miss.element, "why": miss.why} for miss in self.misses],
        }


@dataclass(frozen=True)
class Decision:
    """The answer to a request.

    ``statement`` decided it (None: nothing grants it); ``nearest`` came closest to it.
    """

    request: AccessRequest
    effect: Effect
    statement: StatementRef | None
    reason: str
    nearest: Outcome | None = None

    @property
    def allowed(self) -> bool:
        return self.effect == "allow"

    def require(self) -> None:
        """Raises AccessDenied with the reason and the deciding statement unless access is allowed."""
        if not self.allowed:
            raise AccessDenied(self.reason, str(self.statement) if self.statement else None)

    def to_json(self) -> dict[str, Any]:
        """What the audit log and the bus keep of a decision."""
        return {
            "principal": self.request.principal.id,
            "action": self.request.action,
            "resource": self.request.resource,
            "decision": self.effect,
            "statement": str(self.statement) if self.statement else None,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Explanation:
    """A decision, what every statement made of the request and, for want of an Allow, the missing grant."""

    decision: Decision
    outcomes: tuple[Outcome, ...]
    missing_grant: Mapping[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        nearest = self.decision.nearest
        return {
            **self.decision.to_json(),
            "nearest": nearest.to_json() if nearest else None,
            "missing_grant": dict(self.missing_grant) if self.missing_grant else None,
            "statements": [outcome.to_json() for outcome in self.outcomes],
        }


def evaluate(documents: Iterable[PolicyDocument], request: AccessRequest) -> Decision:
    """Explicit deny, then allow, then implicit deny: the order of documents and statements does not
    matter."""
    return _decide(_outcomes(documents, request), request)


def explain(documents: Iterable[PolicyDocument], request: AccessRequest) -> Explanation:
    """The same decision, with the deciding statement or the nearest missing grant spelled out."""
    outcomes = _outcomes(documents, request)
    decision = _decide(outcomes, request)
    return Explanation(decision, outcomes, _grant(request) if decision.effect == "implicit_deny" else None)


def _outcomes(documents: Iterable[PolicyDocument], request: AccessRequest) -> tuple[Outcome, ...]:
    statements = [statement for document in documents for statement in document.statements]
    return tuple(Outcome(each.ref, each.effect, each.misses(request)) for each in statements)


def _decide(outcomes: Sequence[Outcome], request: AccessRequest) -> Decision:
    asked = f"{request.action} on {request.resource} for {request.principal.id}"
    denies = [outcome for outcome in outcomes if outcome.effect == "Deny" and outcome.applies]
    if denies:
        return Decision(request, "explicit_deny", denies[0].ref, f"statement {denies[0].ref} denies {asked}")
    allows = [outcome for outcome in outcomes if outcome.effect == "Allow"]
    granting = [outcome for outcome in allows if outcome.applies]
    if granting:
        return Decision(request, "allow", granting[0].ref, f"statement {granting[0].ref} allows {asked}")
    nearest = min(allows, key=_distance, default=None)
    reason = f"no statement allows {asked}"
    if nearest and _distance(nearest) < _DISTANCE["Action"]:
        why = ", and ".join(miss.why for miss in nearest.misses)
        reason += f"; the nearest, {nearest.ref}, does not apply: {why}"
    return Decision(request, "implicit_deny", None, reason, nearest)


def _distance(outcome: Outcome) -> int:
    return sum(_DISTANCE[miss.element] for miss in outcome.misses)


def _grant(request: AccessRequest) -> dict[str, Any]:
    """The least statement that would grant the request."""
    return {
        "Effect": "Allow",
        "Principal": {"Headgate": [request.principal.id]},
        "Action": request.action,
        "Resource": request.resource,
    }
