"""ODCS types as the contract's: physical types by DuckDB's names, logical ones by a table, nested ones field
by field.
"""

from collections.abc import Mapping
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.yaml_source import FieldPath, YamlSource
from headgate.domain.column_type import UnknownType, parse_type

LOGICAL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}
INTEGER_FORMATS = {"i8": "TINYINT", "i16": "SMALLINT", "i32": "INTEGER", "i64": "BIGINT", "i128": "HUGEINT"}
NUMBER_FORMATS = {"f32": "FLOAT", "f64": "DOUBLE"}
_NESTED = ("name", "logicalType", "logicalTypeOptions", "physicalType", "properties", "items")


def compile_type(source: YamlSource, path: FieldPath, declared: Mapping[str, Any]) -> str:
    """DuckDB's text of the type of one property. A physicalType says it all; without one an object needs
    ``properties`` and an array ``items``.
    """
    physical, logical = declared.get("physicalType"), declared.get("logicalType")
    if physical:
        return _physical(str(physical))
    if logical == "object":
        return _struct(source, (*path, "properties"), list(declared.get("properties") or ()))
    if logical == "array":
        if not declared.get("items"):
            source.problem((*path, "items"), "is missing: an array says what its items are")
            return "VARCHAR[]"
        return f"{_inner(source, (*path, 'items'), declared['items'])}[]"
    for key in ("properties", "items"):
        if declared.get(key):
            source.problem((*path, key), f"a {logical} has none; object has properties, array has items")
    if logical not in LOGICAL_TYPES:
        known = ", ".join((*LOGICAL_TYPES, "object", "array"))
        source.problem(
            (*path, "logicalType"), f"is {logical!r}; give a physicalType (DuckDB) or one of {known}"
        )
        return "VARCHAR"
    options = declared.get("logicalTypeOptions") or {}
    sized = {"integer": INTEGER_FORMATS, "number": NUMBER_FORMATS}.get(str(logical), {})
    return sized.get(str(options.get("format")), LOGICAL_TYPES[str(logical)])


def _physical(text: str) -> str:
    try:
        return str(parse_type(text))
    except UnknownType:
        return text.upper().replace(" ", "")


def _struct(source: YamlSource, path: FieldPath, properties: list[Mapping[str, Any]]) -> str:
    if not properties:
        source.problem(path, "is missing: an object names its fields")
        return "STRUCT(x VARCHAR)"
    fields = []
    for position, declared in enumerate(properties):
        at = (*path, position)
        name = str(declared.get("name") or "")
        if not name:
            source.problem(at, "a property needs a name")
        fields.append(f'"{name}" {_inner(source, at, declared)}')
    return f"STRUCT({', '.join(fields)})"


def _inner(source: YamlSource, path: FieldPath, declared: Mapping[str, Any]) -> str:
    """The type of a field or item. Checks are a column's: what else is declared in here is a problem."""
    for key, value in declared.items():
        if key not in (*_NESTED, *standard_fields.PROSE) and value not in (None, False):
            source.problem((*path, key), "cannot be checked inside an object or array; make it a column")
    for key, value in (declared.get("logicalTypeOptions") or {}).items():
        if key != "format" or value not in (*INTEGER_FORMATS, *NUMBER_FORMATS):
            source.problem((*path, "logicalTypeOptions", key), "cannot be checked inside an object or array")
    return compile_type(source, path, declared)
