"""ODCS properties as contract columns: the type, the bounds, and the rules that bounds alone cannot say.

Owns the table of ``logicalTypeOptions``. An option without a check is a problem, never dropped.
"""

from collections.abc import Mapping
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.compile_quality import compile_rules, identifier, literal
from headgate.cli.compile_type import INTEGER_FORMATS, NUMBER_FORMATS, compile_type
from headgate.cli.date_format import is_iso, strptime_format
from headgate.cli.yaml_source import FieldPath, YamlSource
from headgate.domain.contract_problems import known_format

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS = (*_BOUNDS, "pattern", "minLength", "maxLength", "multipleOf", "format")


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
    rules = _options(source, (*path, "logicalTypeOptions"), column, options)
    if declared.get("enum"):
        column["allowed"] = [str(entry["value"]) for entry in declared["enum"]]
    rules += compile_rules(source, (*path, "quality"), list(declared.get("quality") or ()), name)
    return column, rules


def _place(source: YamlSource, path: FieldPath, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Where drops hold the column: physicalName, and the names it had."""
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
        elif name.startswith("headgate"):
            source.problem((*at, "property"), f"{name!r} is not known; known: headgateFormerNames")
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
    sizes = [n for n, t in (INTEGER_FORMATS | NUMBER_FORMATS).items() if t == kind]
    if found is not None and found not in sizes:
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
