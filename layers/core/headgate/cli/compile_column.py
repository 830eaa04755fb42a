"""ODCS properties as contract columns: the type, its bounds and other checks, and the rules beside them.

Owns the table of types and of ``logicalTypeOptions``. An option without a check is a problem, never dropped.
"""

from collections.abc import Mapping
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.compile_quality import compile_rules
from headgate.cli.yaml_source import FieldPath, YamlSource

LOGICAL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}
_CHECKS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
    "multipleOf": "multiple_of",
    "pattern": "pattern",
}
_WARNABLE = {**_CHECKS, "enum": "allowed", "unique": "unique"}
# Formats that the column type checks by itself.
_FORMATS = {"DATE": ("yyyy-MM-dd", "%Y-%m-%d"), "TIMESTAMP": ("yyyy-MM-ddTHH:mm:ssZ",)}
_INTEGER_FORMATS = {"i8": "TINYINT", "i16": "SMALLINT", "i32": "INTEGER", "i64": "BIGINT", "i128": "HUGEINT"}
_NUMBER_FORMATS = {"f32": "FLOAT", "f64": "DOUBLE"}


def compile_column(
    source: YamlSource, path: FieldPath, declared: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The column and the rules it brings."""
    for key in declared:
        if key not in (*standard_fields.PROSE, *standard_fields.COLUMN):
            source.problem(
                (*path, key), "cannot be checked at arrival; remove it or say it as a quality rule"
            )
    name = str(declared.get("name") or "")
    if not name:
        source.problem(path, "a property needs a name")
    options = dict(declared.get("logicalTypeOptions") or {})
    column: dict[str, Any] = {
        "name": name,
        "type": _type(source, path, declared, options),
        "required": bool(declared.get("required", False)),
        "unique": bool(declared.get("unique", False)),
        "primary_key": bool(declared.get("primaryKey", False)),
        "classification": declared.get("classification") or "internal",
    }
    _options(source, (*path, "logicalTypeOptions"), column, options)
    if declared.get("enum"):
        column["allowed"] = [str(entry["value"]) for entry in declared["enum"]]
    warn = _warnings(source, path, declared)
    if warn:
        column["warn"] = warn
    rules = compile_rules(source, (*path, "quality"), list(declared.get("quality") or ()), name)
    return column, rules


def _type(
    source: YamlSource, path: FieldPath, declared: Mapping[str, Any], options: Mapping[str, Any]
) -> str:
    physical = declared.get("physicalType")
    if physical:
        return str(physical).upper().replace(" ", "")
    logical = declared.get("logicalType")
    if logical not in LOGICAL_TYPES:
        known = ", ".join(LOGICAL_TYPES)
        source.problem(
            (*path, "logicalType"), f"is {logical!r}; give a physicalType (DuckDB) or one of {known}"
        )
        return "VARCHAR"
    sized = {"integer": _INTEGER_FORMATS, "number": _NUMBER_FORMATS}.get(str(logical), {})
    return sized.get(str(options.get("format")), LOGICAL_TYPES[str(logical)])


def _options(source: YamlSource, path: FieldPath, column: dict[str, Any], options: Mapping[str, Any]) -> None:
    source.unknown_keys(path, options, (*_CHECKS, "format"))
    _check_format(source, path, column["type"], options.get("format"))
    for option, field in _CHECKS.items():
        value = options.get(option)
        if isinstance(value, bool) and not option.startswith("exclusive"):
            source.problem((*path, option), f"is {value!r}; a value to compare with is needed")
        elif value is not None and not isinstance(value, bool):
            column[field] = value
    for bound in ("minimum", "maximum"):
        # the older form: the inclusive bound beside it becomes exclusive
        if options.get(f"exclusive{bound.title()}") is True:
            if bound not in column:
                source.problem((*path, f"exclusive{bound.title()}"), f"is true without a {bound} beside it")
            else:
                column[f"exclusive_{bound}"] = column.pop(bound)


def _check_format(source: YamlSource, path: FieldPath, kind: str, found: str | None) -> None:
    """A format is fine where the column's type means it already; nobody would check any other."""
    sizes = [n for n, t in (_INTEGER_FORMATS | _NUMBER_FORMATS).items() if t == kind]
    if found is not None and found not in (*_FORMATS.get(kind, ()), *sizes):
        source.problem(
            (*path, "format"), f"{found!r} is not checked for {kind}; use a pattern, or ISO-8601 dates"
        )


def _warnings(source: YamlSource, path: FieldPath, declared: Mapping[str, Any]) -> list[str]:
    """The checks of a column whose failure is a warning, from ``headgateWarn``."""
    found: list[str] = []
    for position, entry in enumerate(declared.get("customProperties") or ()):
        if entry.get("property") != "headgateWarn":
            continue
        value = entry.get("value")
        names = value if isinstance(value, list) else [value]
        for name in names:
            if name not in _WARNABLE:
                at = (*path, "customProperties", position, "value")
                source.problem(at, f"{name!r} is no check of a column; known: {', '.join(_WARNABLE)}")
            else:
                found.append(_WARNABLE[name])
    return found
