"""What the parts of a contract must agree on, with each other and with the contracts beside it.

Yields sentences; whoever calls says where.
"""

import re
from collections.abc import Iterator, Mapping

from headgate.domain.bound_value import is_value_of
from headgate.domain.column_type import ColumnType
from headgate.domain.contract import BOUNDS, CLASSIFICATIONS, COLUMN_CHECKS, Column, Contract
from headgate.domain.contract_rules import Reference
from headgate.domain.feature import PLATFORM_PREFIX, REQUEST_TABLE, WATERMARK_TABLE

RESERVED = ("this", REQUEST_TABLE, WATERMARK_TABLE)
"""Names that SQL gives to the drop itself, the rows of a call and how far the inputs reach."""
_DIRECTIVE = re.compile(r"%(-?.?)")
_DIRECTIVES = frozenset(
    ["%", *"aAbBcdfgGHIjmMnpSuUVwWxXyYzZ", "-d", "-m", "-y", "-H", "-I", "-M", "-S", "-j"]
)


def contract_problems(contract: Contract, contracts: Mapping[str, Contract]) -> Iterator[str]:
    """Everything that is wrong with ``contract`` among ``contracts``, itself included."""
    if contract.name.lower() in RESERVED or contract.name.startswith(PLATFORM_PREFIX):
        yield f"{contract.name!r} is no name for a dataset: SQL calls something else so"
    for other in sorted(contracts):
        if other != contract.name and other.lower() == contract.name.lower():
            yield f"{contract.name!r} and {other!r} are one name to SQL, which knows no case"
    for column in contract.columns:
        yield from (f"columns.{column.name}: {problem}" for problem in _column(column, contract))
    yield from _names(contract)
    yield from _layout(contract)
    yield from _checks(contract, contracts)


def _column(column: Column, contract: Contract) -> Iterator[str]:
    kind = column.kind
    if column.classification not in CLASSIFICATIONS:
        yield f"classification is {column.classification!r}; known: {', '.join(CLASSIFICATIONS)}"
    for name in column.warn:
        if name not in COLUMN_CHECKS:
            yield f"{name!r} is no check that can be a warning; these can: {', '.join(COLUMN_CHECKS)}"
        elif getattr(column, name) in (None, False):
            yield f"{name} is to be a warning, and is not declared"
    yield from _type_fits(column, kind, contract)
    yield from _bounds(column, kind)
    lengths = (column.min_length, column.max_length)
    if any(length is not None for length in lengths) and kind.kind not in ("VARCHAR", "BLOB"):
        yield f"a length is declared, and {column.type} has none"
    if None not in lengths and lengths[0] > lengths[1]:  # type: ignore[operator]
        yield f"min_length {lengths[0]} is above max_length {lengths[1]}"
    if column.multiple_of is not None and not (kind.integer or kind.kind == "DECIMAL"):
        yield f"multiple_of is not exact for {column.type}; use an integer type or DECIMAL"
    if column.multiple_of is not None:
        factor = column.multiple_of
        if isinstance(factor, str) or factor <= 0:
            yield f"multiple_of is {factor!r}; a number above zero is needed"
        elif not is_value_of(kind, factor):
            yield f"multiple_of is {factor!r}, which is no {column.type}"
    if kind.nested and (column.pattern is not None or column.allowed is not None or column.unique):
        yield f"pattern, allowed and unique cannot be checked for {column.type}"


def known_format(text: str) -> bool:
    """Whether ``text`` is a strptime format that engines read."""
    found = _DIRECTIVE.findall(text)
    return bool(found) and all(directive in _DIRECTIVES for directive in found)


def _type_fits(column: Column, kind: ColumnType, contract: Contract) -> Iterator[str]:
    inside = [part.kind for part in kind.parts()]
    if contract.format == "csv" and kind.nested:
        yield f"type {column.type} cannot be written in CSV; use json, jsonl or parquet"
    if contract.format != "parquet" and "BLOB" in inside:
        yield f"BLOB has no text form in {contract.format}; use parquet, or VARCHAR with base64"
    if column.primary_key and kind.nested:
        yield f"{column.type} cannot be part of a primary key"
    if column.format is not None and not (kind.temporal or kind.kind == "TIME"):
        yield f"a format is declared, and {column.type} is no date or time"
    if column.format is not None and contract.format == "parquet":
        yield "a format is declared, and Parquet holds no text dates"
    if column.format is not None and not known_format(column.format):
        yield f"format {column.format!r} is no strptime format, such as %d.%m.%Y %H:%M"


def _bounds(column: Column, kind: ColumnType) -> Iterator[str]:
    given = {name: getattr(column, name) for name in BOUNDS if getattr(column, name) is not None}
    if given and (kind.nested or kind.kind in ("BLOB", "BOOLEAN", "UUID")):
        yield f"{', '.join(given)} cannot be checked for {column.type}"
    for name, value in given.items():
        if kind.numeric and isinstance(value, str):
            yield f"{name} is {value!r}, no number"
        elif not kind.numeric and not isinstance(value, str):
            yield f"{name} is {value!r}; write a {column.type} as text"
        elif not is_value_of(kind, value):
            yield f"{name} is {value!r}, which is no {column.type}"
    for low, high in (("minimum", "maximum"), ("exclusive_minimum", "exclusive_maximum")):
        one, other = given.get(low), given.get(high)
        if isinstance(one, int | float) and isinstance(other, int | float) and one > other:
            yield f"{low} {one} is above {high} {other}"


def _names(contract: Contract) -> Iterator[str]:
    names = {c.name for c in contract.columns}
    claimed: dict[str, str] = {}
    for column in contract.columns:
        for former in column.former_names:
            if former == column.name:
                yield f"columns.{column.name}: its former name is its name"
            if former in claimed:
                yield f"columns.{column.name}: {former!r} is a former name of {claimed[former]} too"
            claimed[former] = column.name
    for column in contract.columns:
        other = claimed.get(column.name)
        if other is not None and other in names and other in column.former_names:
            yield f"columns.{column.name}: it and {other} swap names; files would not tell which is which"
    paths = [c.path or c.name for c in contract.columns]
    for path in sorted({p for p in paths if paths.count(p) > 1}):
        yield f"columns: two are read from {path!r}"


def _layout(contract: Contract) -> Iterator[str]:
    dialect = contract.csv
    if contract.format != "csv" and dialect != type(dialect)():
        yield f"csv: a dialect is declared, and the format is {contract.format}"
    if contract.format == "parquet" and contract.encoding != "utf-8":
        yield f"encoding: {contract.encoding} is declared, and Parquet is no text"
    if contract.format == "parquet" and contract.null_values:
        yield "null_values: some are declared, and Parquet has nulls of its own"
    yield from _paths(contract)
    if contract.format == "csv":
        special = [c for c in (dialect.delimiter, dialect.quote, dialect.escape, "\n", "\r") if c]
        for value in contract.null_values:
            if any(c in value for c in special):
                yield f"null_values: {value!r} has a delimiter, quote or line end in it"
    declared = {c.path or c.name for c in contract.columns}
    for name in dialect.names:
        if name not in declared and contract.undeclared == "refuse":
            yield f"csv.names: {name!r} is no column of the contract"
    absent = [c.name for c in contract.columns if c.must_be_there and (c.path or c.name) not in dialect.names]
    if dialect.names and absent:
        yield f"csv.names: required columns are missing: {', '.join(absent)}"


def _paths(contract: Contract) -> Iterator[str]:
    """Dotted paths of JSON and Parquet; of CSV a path is a header, which may be anything."""
    if contract.format == "csv":
        return
    paths = [c.path or c.name for c in contract.columns]
    for path in paths:
        if '"' in path or not all(path.split(".")):
            yield f"columns: {path!r} is no path; write the fields with dots between"
        for other in paths:
            if other.startswith(f"{path}."):
                yield f"columns: {other!r} lies inside {path!r}, which is a column of its own"


def _checks(contract: Contract, contracts: Mapping[str, Contract]) -> Iterator[str]:
    columns = {c.name: c for c in contract.columns}
    if contract.event_time is not None:
        if contract.event_time not in columns:
            yield f"event_time: there is no column {contract.event_time!r}"
        elif not columns[contract.event_time].kind.temporal:
            kind = columns[contract.event_time].type
            yield f"event_time: {contract.event_time} is {kind}, no date or timestamp"
    for fresh in contract.freshness:
        if fresh.column not in columns:
            yield f"freshness: there is no column {fresh.column!r}"
        elif not columns[fresh.column].kind.temporal:
            yield f"freshness: {fresh.column} is {columns[fresh.column].type}, no date or timestamp"
    for reference in contract.references:
        yield from _reference(reference, columns, contracts)
    for rule in contract.rules:
        for name in rule.datasets:
            if name not in contracts:
                yield f"rules.{rule.name}: reads {name!r}, which is no dataset of the product"
    if contract.unique_across_versions:
        if contract.operation != "append":
            yield "unique_across_versions: only what is appended has a history to be unique in"
        if not contract.keys:
            yield "unique_across_versions: no column is unique or of the primary key"
    checks = [
        *(rule.check for rule in contract.rules),
        *(reference.check for reference in contract.references),
        *(fresh.check for fresh in contract.freshness),
    ]
    for check in sorted({c for c in checks if checks.count(c) > 1}):
        yield f"{check!r} is declared twice; a refused drop is explained by the check's name"


def _reference(
    reference: Reference, columns: Mapping[str, Column], contracts: Mapping[str, Contract]
) -> Iterator[str]:
    if reference.dataset not in contracts:
        yield f"{reference.check}: {reference.dataset!r} is no dataset of the product"
        return
    theirs = {c.name: c for c in contracts[reference.dataset].columns}
    for mine, other in zip(reference.columns, reference.key, strict=True):
        if mine not in columns:
            yield f"{reference.check}: there is no column {mine!r}"
        elif other not in theirs:
            yield f"{reference.check}: {reference.dataset} has no column {other!r}"
        elif not _comparable(columns[mine].kind, theirs[other].kind):
            yield f"{reference.check}: {columns[mine].type} is compared with {theirs[other].type}"


def _comparable(one: ColumnType, other: ColumnType) -> bool:
    return one.holds(other) or other.holds(one)
