"""What a contract asks of a drop beyond single values: SQL rules, freshness, references to other datasets.

Owns their compiled form. How they are checked is the engine's matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headgate.domain.errors import InvalidRequest

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """A SQL rule over the table ``this``, and over the heads of ``datasets`` by their names: it passes when
    the query yields no row or a single zero/false.
    """

    name: str
    sql: str
    severity: Severity = "error"
    datasets: tuple[str, ...] = ()

    @property
    def check(self) -> str:
        return f"rule:{self.name}"

    @classmethod
    def from_document(cls, document: Mapping[str, Any], contract: str) -> "Rule":
        return cls(
            name=document["name"],
            sql=document["sql"],
            severity=_severity(document, f"contract {contract}, rule {document['name']}"),
            datasets=tuple(document.get("datasets", ())),
        )


@dataclass(frozen=True)
class Reference:
    """The values of ``columns`` must be among those of ``key`` in the head of ``dataset``, or null. A dataset
    may refer to itself: then the drop's own rows count too.
    """

    columns: tuple[str, ...]
    dataset: str
    key: tuple[str, ...]
    severity: Severity = "error"

    @property
    def check(self) -> str:
        return f"reference:{'+'.join(self.columns)}->{self.dataset}.{'+'.join(self.key)}"

    @classmethod
    def from_document(cls, document: Mapping[str, Any], contract: str) -> "Reference":
        made = cls(
            columns=tuple(document["columns"]),
            dataset=document["dataset"],
            key=tuple(document["key"]),
            severity=_severity(document, f"contract {contract}, a reference"),
        )
        if len(made.columns) != len(made.key) or not made.columns:
            raise InvalidRequest(
                f"contract {contract}: {made.check} names {len(made.columns)} columns "
                f"and {len(made.key)} of {made.dataset}"
            )
        return made


@dataclass(frozen=True)
class Freshness:
    """The newest value of ``column`` may be at most ``max_age_seconds`` old when the drop arrives."""

    column: str
    max_age_seconds: int
    severity: Severity = "error"

    @property
    def check(self) -> str:
        return f"freshness:{self.column}"

    @classmethod
    def from_document(cls, document: Mapping[str, Any], contract: str) -> "Freshness":
        severity = _severity(document, f"contract {contract}, freshness of {document['column']}")
        return cls(document["column"], document["max_age_seconds"], severity)


def _severity(document: Mapping[str, Any], where: str) -> Severity:
    severity = document.get("severity", "error")
    if severity == "error":
        return "error"
    if severity == "warning":
        return "warning"
    raise InvalidRequest(f"{where}: severity {severity!r}; known: error, warning")
