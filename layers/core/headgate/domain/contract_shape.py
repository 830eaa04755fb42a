"""The fields of a compiled contract and their types, as a bundle must have them. Knows no meaning."""

from headgate.domain.contract import BOUNDS, FORMATS, OPERATIONS, TABLES
from headgate.domain.shape import (
    any_text,
    either,
    flag,
    items,
    nullable,
    number,
    one_of,
    record,
    text,
    whole,
)

_SEVERITY = {"severity": one_of("error", "warning")}
_BOUND = nullable(either(number, text))
_COLUMN = record(
    {"name": text, "type": text},
    {
        "required": flag,
        "unique": flag,
        "primary_key": flag,
        "classification": text,
        **dict.fromkeys(BOUNDS, _BOUND),
        "multiple_of": _BOUND,
        "min_length": nullable(whole(0)),
        "max_length": nullable(whole(0)),
        "pattern": nullable(text),
        "allowed": nullable(items(any_text, least=1)),
        "former_names": items(text),
        "path": nullable(text),
        "format": nullable(text),
        "warn": items(text),
        "known_at": nullable(text),
    },
)
_DIALECT = record(
    {},
    {
        "delimiter": any_text,
        "quote": any_text,
        "escape": any_text,
        "header": flag,
        "names": items(text),
        "skip_lines": whole(0, 1000),
        "comment": any_text,
        "decimal_separator": any_text,
        "thousands_separator": any_text,
    },
)
_REFERENCE = record(
    {"columns": items(text, least=1), "dataset": text, "key": items(text, least=1)}, _SEVERITY
)
CONTRACT = record(
    {
        "name": text,
        "version": text,
        "format": one_of(*FORMATS),
        "columns": items(_COLUMN, least=1),
    },
    {
        "null_values": items(any_text),
        "operation": one_of(*OPERATIONS),
        "publish": one_of("automatic", "manual"),
        "tables": items(one_of(*TABLES)),
        "rules": items(record({"name": text, "sql": text}, {**_SEVERITY, "datasets": items(text)})),
        "references": items(_REFERENCE),
        "freshness": items(record({"column": text, "max_age_seconds": whole(1)}, _SEVERITY)),
        "encoding": text,
        "csv": _DIALECT,
        "undeclared": one_of("refuse", "ignore"),
        "unique_across_versions": flag,
        "event_time": nullable(text),
        "max_error_rows": whole(0),
    },
)
