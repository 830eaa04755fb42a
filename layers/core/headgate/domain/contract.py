"""Data contracts in compiled form: what ingest checks. The YAML (ODCS v3.1) is parsed when a product is
applied, never here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from headgate.domain.errors import InvalidRequest

Format = Literal["csv", "jsonl", "parquet"]
Severity = Literal["error", "warning"]
IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
TYPES = frozenset(
    [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "FLOAT",
        "DOUBLE",
        "VARCHAR",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "UUID",
    ]
)
_DECIMAL = re.compile(r"^DECIMAL\(\d{1,2},\d{1,2}\)$")


@dataclass(frozen=True)
class Column:
    """One column: ``type`` is a DuckDB scalar type; bounds are inclusive and in the column's own type."""

    name: str
    type: str
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    classification: str = "internal"
    minimum: float | str | None = None
    maximum: float | str | None = None
    pattern: str | None = None
    allowed: tuple[str, ...] | None = None
    former_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A SQL rule over the table ``this``: it passes when the query yields no row or a single zero/false."""

    name: str
    sql: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Contract:
    """What a dataset promises. ``max_error_rows`` is how many unreadable or failing rows a drop may have
    (they are refused whole).
    """

    name: str
    version: str
    format: Format
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    null_values: tuple[str, ...] = ()
    operation: Literal["append", "overwrite"] = "append"
    max_error_rows: int = 0
    publish: Literal["automatic", "manual"] = "automatic"
    """manual: versions wait on the branch ``pending`` until someone whom policy allows publishes them."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Contract":
        """Raises InvalidRequest naming the field that is wrong."""
        name = document["name"]
        columns = tuple(_column(name, c) for c in document["columns"])
        if not columns:
            raise InvalidRequest(f"contract {name}: no columns")
        names = [c.name for c in columns]
        if len(set(names)) != len(names):
            raise InvalidRequest(f"contract {name}: a column is declared twice")
        if document["format"] not in ("csv", "jsonl", "parquet"):
            raise InvalidRequest(
                f"contract {name}: format is {document['format']!r}; known: csv, jsonl, parquet"
            )
        if document.get("operation", "append") not in ("append", "overwrite"):
            raise InvalidRequest(
                f"contract {name}: operation is {document['operation']!r}; known: append, overwrite"
            )
        return cls(
            name=name,
            version=document["version"],
            format=cast(Format, document["format"]),
            columns=columns,
            rules=tuple(_rule(name, r) for r in document.get("rules", ())),
            null_values=tuple(document.get("null_values", ())),
            operation=document.get("operation", "append"),
            max_error_rows=document.get("max_error_rows", 0),
            publish=document.get("publish", "automatic"),
        )

    @property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.primary_key)


def _column(contract: str, document: Mapping[str, Any]) -> Column:
    name = document["name"]
    if not IDENTIFIER.match(name):
        raise InvalidRequest(f"contract {contract}: {name!r} is no column name (letters, digits and _ only)")
    kind = document["type"].upper()
    if kind not in TYPES and not _DECIMAL.match(kind):
        raise InvalidRequest(
            f"contract {contract}, column {name}: type {kind!r} is not among {', '.join(sorted(TYPES))}"
        )
    allowed = document.get("allowed")
    return Column(
        name=name,
        type=kind,
        required=bool(document.get("required", False)),
        unique=bool(document.get("unique", False)),
        primary_key=bool(document.get("primary_key", False)),
        classification=document.get("classification", "internal"),
        minimum=document.get("minimum"),
        maximum=document.get("maximum"),
        pattern=document.get("pattern"),
        allowed=None if allowed is None else tuple(allowed),
        former_names=tuple(document.get("former_names", ())),
    )


def _rule(contract: str, document: Mapping[str, Any]) -> Rule:
    severity = document.get("severity", "error")
    if severity not in ("error", "warning"):
        raise InvalidRequest(
            f"contract {contract}, rule {document['name']}: severity {severity!r}; known: error, warning"
        )
    return Rule(name=document["name"], sql=document["sql"], severity=severity)
