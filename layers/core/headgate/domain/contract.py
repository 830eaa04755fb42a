"""Data contracts in compiled form: what ingest checks. The YAML (ODCS v3.1) is parsed when a product is
applied, never here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from headgate.domain.column_type import ColumnType, UnknownType, parse_type
from headgate.domain.contract_rules import Freshness, Reference, Rule, Severity
from headgate.domain.csv_dialect import CsvDialect, encoding_of
from headgate.domain.errors import InvalidRequest

Format = Literal["csv", "json", "jsonl", "parquet"]
FORMATS = ("csv", "json", "jsonl", "parquet")
OPERATIONS = ("append", "overwrite")
TABLES = ("iceberg",)
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
BOUNDS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
COLUMN_CHECKS = (*BOUNDS, "min_length", "max_length", "multiple_of", "pattern", "allowed", "unique")
"""The checks of a column whose failure may be a warning; what a column must be (type, required, primary key)
always refuses.
"""


@dataclass(frozen=True)
class Column:
    """One column. ``type`` is canonical text of a `ColumnType`; bounds are in the column's own type.

    ``path`` is where the drop holds it, if not under its name: a CSV header, or fields of JSON and Parquet
    with dots between. ``format`` says how text means a date or time (strptime). ``warn`` are the checks whose
    failure is recorded and does not refuse.
    """

    name: str
    type: str
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    classification: str = "internal"
    minimum: float | str | None = None
    maximum: float | str | None = None
    exclusive_minimum: float | str | None = None
    exclusive_maximum: float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    multiple_of: float | str | None = None
    pattern: str | None = None
    allowed: tuple[str, ...] | None = None
    former_names: tuple[str, ...] = ()
    path: str | None = None
    format: str | None = None
    warn: tuple[str, ...] = ()
    known_at: str | None = None
    """A SQL expression over the row: the instant from which on the value is known. Without one it is known as
    soon as the row happened.
    """

    @property
    def kind(self) -> ColumnType:
        return parse_type(self.type)

    @property
    def must_be_there(self) -> bool:
        return self.required or self.primary_key

    def severity(self, check: str) -> Severity:
        return "warning" if check in self.warn else "error"

    @classmethod
    def from_document(cls, document: Mapping[str, Any], contract: str) -> "Column":
        """Raises InvalidRequest naming the field that is wrong."""
        name = document["name"]
        where = f"contract {contract}, column {name}"
        if not IDENTIFIER.match(name):
            raise InvalidRequest(
                f"contract {contract}: {name!r} is no column name (letters, digits and _ only)"
            )
        try:
            kind = str(parse_type(document["type"]))
        except UnknownType as wrong:
            raise InvalidRequest(f"{where}: {wrong}") from wrong
        fields = dict(document)
        fields["type"] = kind
        for listed in ("allowed", "former_names", "warn"):
            if fields.get(listed) is not None:
                fields[listed] = tuple(fields[listed])
        return cls(**fields)


@dataclass(frozen=True)
class Contract:
    """What a dataset promises. A drop is taken whole or not at all.

    ``undeclared`` says what becomes of columns and fields that the contract does not name;
    ``unique_across_versions`` that keys are unique in the whole history, not in each drop alone.
    """

    name: str
    version: str
    format: Format
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    null_values: tuple[str, ...] = ()
    operation: Literal["append", "overwrite"] = "append"
    publish: Literal["automatic", "manual"] = "automatic"
    """manual: versions wait on the branch ``pending`` until someone whom policy allows publishes them."""
    encoding: str = "utf-8"
    csv: CsvDialect = field(default_factory=CsvDialect)
    undeclared: Literal["refuse", "ignore"] = "refuse"
    unique_across_versions: bool = False
    tables: tuple[str, ...] = ()
    """What else main's versions are published as, for engines that read no manifests: iceberg."""
    event_time: str | None = None
    """The column that says when a row happened."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Contract":
        """Raises InvalidRequest naming the field that is wrong."""
        name = document["name"]
        columns = tuple(Column.from_document(c, name) for c in document["columns"])
        if not columns:
            raise InvalidRequest(f"contract {name}: no columns")
        if len({c.name.lower() for c in columns}) != len(columns):
            raise InvalidRequest(f"contract {name}: a column is declared twice")
        _known(name, document, "format", FORMATS)
        _known(name, document, "operation", OPERATIONS)
        if document.get("max_error_rows", 0):
            raise InvalidRequest(
                f"contract {name}: max_error_rows is {document['max_error_rows']}; a drop is taken whole or "
                "not at all, so 0 is the only value"
            )
        return cls(
            name=name,
            version=document["version"],
            format=cast(Format, document["format"]),
            columns=columns,
            rules=tuple(Rule.from_document(r, name) for r in document.get("rules", ())),
            references=tuple(Reference.from_document(r, name) for r in document.get("references", ())),
            freshness=tuple(Freshness.from_document(f, name) for f in document.get("freshness", ())),
            null_values=tuple(document.get("null_values", ())),
            operation=document.get("operation", "append"),
            publish=document.get("publish", "automatic"),
            encoding=encoding_of(document.get("encoding", "utf-8"), name),
            csv=CsvDialect.from_document(document.get("csv", {}), name),
            undeclared=document.get("undeclared", "refuse"),
            unique_across_versions=bool(document.get("unique_across_versions", False)),
            tables=tuple(document.get("tables", ())),
            event_time=document.get("event_time"),
        )

    @property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.primary_key)

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Every set of columns whose values must not repeat, the primary key first."""
        single = [(c.name,) for c in self.columns if c.unique and (c.name,) != self.primary_key]
        return (*([self.primary_key] if self.primary_key else []), *single)

    @property
    def datasets_read(self) -> tuple[str, ...]:
        """The datasets whose heads a check looks into, its own for what must be unique in all history."""
        found = {r.dataset for r in self.references} | {d for r in self.rules for d in r.datasets}
        return tuple(sorted(found | ({self.name} if self.unique_across_versions else set())))

    @property
    def restricted(self) -> frozenset[str]:
        """What the columns whose values are never shown are called: here, in drops, and formerly."""
        hidden = [c for c in self.columns if c.classification == "restricted"]
        return frozenset(n for c in hidden for n in (c.name, *c.former_names, *([c.path] if c.path else [])))


def _known(contract: str, document: Mapping[str, Any], name: str, known: tuple[str, ...]) -> None:
    value = document.get(name, known[0])
    if value not in known:
        raise InvalidRequest(f"contract {contract}: {name} is {value!r}; known: {', '.join(known)}")
