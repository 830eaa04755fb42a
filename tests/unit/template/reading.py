"""Small readings of a template document that several tests share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """The properties of every resource of a type, by logical id."""
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def target_of(reference: Any) -> str:
    """The logical id that a Ref or GetAtt speaks of."""
    if "Ref" in reference:
        return str(reference["Ref"])
    return str(reference["Fn::GetAtt"][0])


def listed(value: Any) -> list[Any]:
    """A policy element as a list: IAM takes one or many."""
    return value if isinstance(value, list) else [value]


def statements(policy_resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a queue, topic or bucket policy's properties."""
    found: list[dict[str, Any]] = policy_resource["PolicyDocument"]["Statement"]
    return found


def role_statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every statement of a role's own policies."""
    for policy in role.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def by_function(text: str) -> dict[str, str]:
    """`ingest a · build_features b` as {"ingest": "a", "build_features": "b"}."""
    parts = (part.strip() for part in re.split("[·\n]", text))
    return dict(part.split(None, 1) for part in parts if part)
