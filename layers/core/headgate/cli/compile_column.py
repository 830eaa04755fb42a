"""ODCS properties as contract columns: the type, its bounds and other checks, and the rules beside them.

Owns the table of ``logicalTypeOptions``. An option without a check is a problem, never dropped.
"""

from collections.abc import Mapping
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.compile_quality import compile_rules
from headgate.cli.compile_type import INTEGER_FORMATS, NUMBER_FORMATS, compile_type
from headgate.cli.date_format import is_iso, strptime_format
from headgate.cli.yaml_source import FieldPath, YamlSource
from headgate.domain.contract_problems import known_format

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
_PROPERTIES = ("headgateFormerNames", "headgateWarn", "headgateKnownAt")
_WARNABLE = {**_CHECKS, "enum": "allowed", "unique": "unique"}


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
        "type": compile_type(source, path, declared),
        "required": bool(declared.get("required", False)),
        "unique": bool(declared.get("unique", False)),
        "primary_key": bool(declared.get("primaryKey", False)),
        "classification": declared.get("classification") or "internal",
    }
    column |= _place(source, path, declared)
    _date_format(source, (*path, "logicalTypeOptions"), column, options)
    _options(source, (*path, "logicalTypeOptions"), column, options)
    if declared.get("enum"):
        column["allowed"] = [str(entry["value"]) for entry in declared["enum"]]
    warn = _warnings(source, path, declared)
    if warn:
        column["warn"] = warn
    rules = compile_rules(source, (*path, "quality"), list(declared.get("quality") or ()), name)
    return column, rules


def _place(source: YamlSource, path: FieldPath, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Where drops hold the column: physicalName, and the names it had; and when its value is known."""
    place: dict[str, Any] = {}
    if declared.get("physicalName") and declared["physicalName"] != declared.get("name"):
        place["path"] = str(declared["physicalName"])
    for position, entry in enumerate(declared.get("customProperties") or ()):
        name, value = str(entry.get("property")), entry.get("value")
        at = (*path, "customProperties", position)
        if name == "headgateFormerNames":
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                source.problem((*at, "value"), f"{name} is {value!r}; a list of names is needed")
            else:
                place["former_names"] = value
        elif name == "headgateKnownAt":
            if not isinstance(value, str) or not value.strip():
                source.problem(
                    (*at, "value"), f"{name} is {value!r}; a SQL expression over the row is needed"
                )
            else:
                place["known_at"] = value.strip()
        elif name.startswith("headgate") and name not in _PROPERTIES:
            source.problem((*at, "property"), f"{name!r} is not known; known: {', '.join(_PROPERTIES)}")
    return place


def _date_format(
    source: YamlSource, path: FieldPath, column: dict[str, Any], options: dict[str, Any]
) -> None:
    """The format of a date or time goes into the column; what the type reads by itself goes nowhere."""
    pattern = options.get("format")
    if pattern is None or column["type"] not in ("DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ"):
        return
    del options["format"]
    if is_iso(str(pattern), column["type"]):
        return
    found = strptime_format(str(pattern))
    if found is None or not known_format(found):
        source.problem(
            (*path, "format"),
            f"{pattern!r} is not read; write a pattern such as dd.MM.yyyy HH:mm, or strptime's %d.%m.%Y",
        )
    else:
        column["format"] = found


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
    sizes = [n for n, t in (INTEGER_FORMATS | NUMBER_FORMATS).items() if t == kind]
    if found is not None and found not in sizes:
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
