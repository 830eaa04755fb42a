"""ODCS quality rules as SQL over the table ``this``.

A compiled rule passes when its query yields no row or a single zero/false. Owns the translation of
``library`` metrics and ``sql`` queries; a rule it cannot express is a problem, never dropped.
"""

import re
from collections.abc import Mapping
from typing import Any

from headgate.adapters.engines.sql_text import without_end
from headgate.cli import standard_fields
from headgate.cli.yaml_source import FieldPath, YamlSource

OPERATORS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
    "mustBeBetween": "BETWEEN",
    "mustNotBeBetween": "NOT BETWEEN",
}
METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
_TABLE = re.compile(r"\$\{(?:table|object|model|schema)\}|\{(?:table|object|model|schema)\}")
_COLUMN = re.compile(r"\$\{(?:property|column|field)\}|\{(?:property|column|field)\}")


class _UnsupportedError(Exception):
    """This rule cannot run at arrival; ``key`` is the field to blame."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def compile_rules(
    source: YamlSource, path: FieldPath, declared: list[Mapping[str, Any]], column: str | None
) -> list[dict[str, Any]]:
    """The compiled rules of one ``quality`` list; ``column`` is the property it stands under, if any."""
    rules = []
    for position, rule in enumerate(declared):
        here = (*path, position)
        try:
            sql = _sql(rule, column)
            severity = _severity(rule)
        except _UnsupportedError as wrong:
            source.problem((*here, wrong.key), str(wrong))
            continue
        rules.append({"name": _name(rule, column, position), "sql": sql, "severity": severity})
    return rules


def rule_places(table: Mapping[str, Any]) -> dict[str, FieldPath]:
    """Where in a schema object each rule stands, by the name that it is compiled under."""
    lists: list[tuple[FieldPath, Any, str | None]] = [(("quality",), table.get("quality"), None)]
    for number, column in enumerate(table.get("properties") or ()):
        lists.append((("properties", number, "quality"), column.get("quality"), str(column.get("name"))))
    return {
        _name(rule, column, position): (*path, position)
        for path, declared, column in lists
        for position, rule in enumerate(declared or ())
    }


def _name(rule: Mapping[str, Any], column: str | None, position: int) -> str:
    plain = f"{column or 'table'}_{rule.get('metric') or rule.get('type')}_{position}"
    return str(rule.get("name") or rule.get("id") or plain)


def _severity(rule: Mapping[str, Any]) -> str:
    severity = rule.get("severity", "error")
    if severity not in ("error", "warning"):
        raise _UnsupportedError("severity", f"is {severity!r}; error (refuses the drop) or warning is needed")
    return str(severity)


def _sql(rule: Mapping[str, Any], column: str | None) -> str:
    kind = rule.get("type") or ("sql" if "query" in rule else "library")
    if kind == "sql":
        return _from_query(rule, column)
    if kind == "library":
        return _from_metric(rule, column)
    raise _UnsupportedError(
        "type", f"is {kind!r}, which cannot run at arrival; use library or sql (prose belongs in description)"
    )


def _only(rule: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in rule:
        if key not in (*standard_fields.RULE_PROSE, *OPERATORS, *known):
            raise _UnsupportedError(key, "cannot be honoured: every rule runs once, when the drop arrives")


def _condition(rule: Mapping[str, Any]) -> str | None:
    """``<= 5`` from the rule's one operator; None when it has none."""
    used = [name for name in OPERATORS if name in rule]
    if not used:
        return None
    if len(used) > 1:
        raise _UnsupportedError(used[1], f"stands beside {used[0]}; a rule has one operator")
    name, value = used[0], rule[used[0]]
    if name.endswith("Between"):
        return f"{OPERATORS[name]} {literal(value[0])} AND {literal(value[1])}"
    return f"{OPERATORS[name]} {literal(value)}"


def _from_query(rule: Mapping[str, Any], column: str | None) -> str:
    _only(rule, ("query",))
    query = str(rule.get("query", "")).strip()
    query = _TABLE.sub("this", query)
    if _COLUMN.search(query):
        if column is None:
            raise _UnsupportedError("query", "names {property}, but the rule stands under no property")
        query = _COLUMN.sub(lambda _: identifier(column), query)
    query = _one_select(query)
    condition = _condition(rule)
    if condition is None:
        return query
    # A query without an answer has not shown what it must; one with two answers is an error in the engine.
    verdict = f"SELECT coalesce((SELECT NOT (v {condition}) FROM measured), true)"
    return f"WITH measured(v) AS (\n{query}\n) {verdict}"


def _one_select(query: str) -> str:
    """Without the semicolons that end it."""
    import duckdb

    try:
        kinds = [statement.type.name for statement in duckdb.extract_statements(query)]
    except duckdb.Error as error:
        raise _UnsupportedError("query", f"is not SQL: {str(error).splitlines()[0]}") from error
    if kinds != ["SELECT"]:
        raise _UnsupportedError(
            "query", f"holds {', '.join(kinds) or 'no statement'}; exactly one SELECT is needed"
        )
    return without_end(query)


def _from_metric(rule: Mapping[str, Any], column: str | None) -> str:
    _only(rule, ("metric", "rule", "arguments", "unit"))
    metric = rule.get("metric") or rule.get("rule")
    if metric not in METRICS:
        raise _UnsupportedError("metric", f"is {metric!r}; known: {', '.join(METRICS)}")
    condition = _condition(rule)
    if condition is None:
        raise _UnsupportedError("metric", f"{metric} has no operator; add one, such as `mustBe: 0`")
    value = _measure(str(metric), rule, column)
    unit = rule.get("unit", "rows")
    if unit == "percent":
        value = f"coalesce(100.0 * ({value}) / nullif(count(*), 0), 0)"
    elif unit != "rows":
        raise _UnsupportedError("unit", f"is {unit!r}; rows or percent is needed")
    return f"SELECT NOT ({value} {condition}) FROM this"


def _measure(metric: str, rule: Mapping[str, Any], column: str | None) -> str:
    """The aggregate expression over ``this`` that a library metric means."""
    arguments = dict(rule.get("arguments") or {})
    if metric == "rowCount":
        _arguments(arguments, ())
        return "count(*)"
    if metric == "duplicateValues":
        _arguments(arguments, ("properties",) if column is None else ())
        return _duplicates([column] if column else list(arguments.get("properties") or []))
    if column is None:
        raise _UnsupportedError(
            "metric", f"{metric} stands under no property; move it under the property it measures"
        )
    name = identifier(column)
    if metric == "nullValues":
        _arguments(arguments, ())
        return f"count(*) FILTER (WHERE {name} IS NULL)"
    if metric == "missingValues":
        _arguments(arguments, ("missingValues",))
        return f"count(*) FILTER (WHERE {_missing(name, arguments)})"
    _arguments(arguments, ("validValues", "pattern"))
    return f"count(*) FILTER (WHERE {_invalid(name, arguments)})"


def _arguments(found: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise _UnsupportedError(
            "arguments", f"{', '.join(unknown)} cannot be honoured; known here: {', '.join(known) or 'none'}"
        )


def _duplicates(columns: list[str]) -> str:
    if not columns:
        raise _UnsupportedError(
            "arguments", "duplicateValues needs arguments.properties, the columns that must differ"
        )
    names = ", ".join(identifier(c) for c in columns)
    present = " AND ".join(f"{identifier(c)} IS NOT NULL" for c in columns)
    return f"count(*) FILTER (WHERE {present}) - count(DISTINCT ({names})) FILTER (WHERE {present})"


def _missing(name: str, arguments: Mapping[str, Any]) -> str:
    values = [v for v in arguments.get("missingValues") or () if v is not None]
    listed = (
        f" OR CAST({name} AS VARCHAR) IN ({', '.join(literal(str(v)) for v in values)})" if values else ""
    )
    return f"{name} IS NULL{listed}"


def _invalid(name: str, arguments: Mapping[str, Any]) -> str:
    tests = []
    if arguments.get("validValues"):
        tests.append(
            f"CAST({name} AS VARCHAR) NOT IN ({', '.join(literal(str(v)) for v in arguments['validValues'])})"
        )
    if arguments.get("pattern"):
        tests.append(f"NOT regexp_full_match(CAST({name} AS VARCHAR), {literal(str(arguments['pattern']))})")
    if not tests:
        raise _UnsupportedError("arguments", "invalidValues needs arguments.validValues or arguments.pattern")
    return f"{name} IS NOT NULL AND ({' OR '.join(tests)})"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A SQL literal: numbers and booleans as they are, everything else quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
