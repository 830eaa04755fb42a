"""ODCS properties as contract columns: the type, the bounds, and the rules that bounds alone cannot say.

Owns the table of types and of ``logicalTypeOptions``. An option without a check is a problem, never dropped.
"""

from collections.abc import Mapping
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.compile_quality import compile_rules, identifier, literal
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
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS = (*_BOUNDS, "pattern", "minLength", "maxLength", "multipleOf", "format")
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
    rules = _options(source, (*path, "logicalTypeOptions"), column, options)
    if declared.get("enum"):
        column["allowed"] = [str(entry["value"]) for entry in declared["enum"]]
    rules += compile_rules(source, (*path, "quality"), list(declared.get("quality") or ()), name)
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


def _options(
    source: YamlSource, path: FieldPath, column: dict[str, Any], options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    source.unknown_keys(path, options, _OPTIONS)
    _check_format(source, path, column["type"], options.get("format"))
    for key in ("minimum", "maximum", "pattern"):
        if options.get(key) is not None:
            column[key] = options[key]
    rules = []
    for key, test in _tests(column, options):
        # The first column is never zero: a failing row is not taken for a passing count.
        failing = f"SELECT {literal(key)} AS failed, * FROM this WHERE NOT ({test})"
        rules.append({"name": f"{column['name']}_{key}", "sql": failing, "severity": "error"})
    return rules


def _check_format(source: YamlSource, path: FieldPath, kind: str, found: str | None) -> None:
    """A format is fine where the column's type means it already; nobody would check any other."""
    sizes = [n for n, t in (_INTEGER_FORMATS | _NUMBER_FORMATS).items() if t == kind]
    if found is not None and found not in (*_FORMATS.get(kind, ()), *sizes):
        source.problem(
            (*path, "format"), f"{found!r} is not checked for {kind}; use a pattern, or ISO-8601 dates"
        )


def _tests(column: dict[str, Any], options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(option, SQL that holds for good rows) of each option that a column field cannot carry; nulls pass."""
    name = identifier(column["name"])
    tests = []
    for key, operator, bound in (("exclusiveMinimum", ">", "minimum"), ("exclusiveMaximum", "<", "maximum")):
        value = options.get(key)
        if value is True:  # the older form: the inclusive bound beside it becomes exclusive
            value = column.pop(bound, None)
        if value is not None and value is not False:
            tests.append((key, f"{name} {operator} {literal(value)}"))
    for key, operator in (("minLength", ">="), ("maxLength", "<=")):
        if options.get(key) is not None:
            tests.append((key, f"length({name}) {operator} {literal(options[key])}"))
    if options.get("multipleOf") is not None:
        tests.append(("multipleOf", f"{name} % {literal(options['multipleOf'])} = 0"))
    return tests
