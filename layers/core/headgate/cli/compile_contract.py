"""ODCS v3.1 YAML as compiled contracts: every declared check ends up in the contract, or is a problem.

Owns the document level: identity, server, schema object, custom properties. Columns and rules are elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError

from headgate.cli import standard_fields
from headgate.cli.compile_column import compile_column
from headgate.cli.compile_quality import compile_rules
from headgate.cli.compile_relations import compile_freshness, compile_references
from headgate.cli.compile_server import check_encoding, compile_server
from headgate.cli.yaml_source import FieldPath, YamlSource

# custom property -> (contract field, type it must have, how people write it)
SETTINGS: Mapping[str, tuple[str, type, str]] = {
    "headgateFormat": ("format", str, "csv, json, jsonl or parquet"),
    "headgateCsv": ("csv", dict, "a mapping such as {skip_lines: 2, decimal_separator: ','}"),
    "headgateEncoding": ("encoding", str, "utf-8, utf-16, latin-1 or windows-1252"),
    "headgateUndeclared": ("undeclared", str, "refuse or ignore"),
    "headgateOperation": ("operation", str, "append or overwrite"),
    "headgatePublish": ("publish", str, "automatic or manual"),
    "headgateUniqueAcrossVersions": ("unique_across_versions", bool, "true or false"),
    "headgateTables": ("tables", list, "a list: [iceberg]"),
    "headgateNullValues": ("null_values", list, "a list such as [NA]"),
    "headgateEventTime": ("event_time", str, "the name of the column that says when a row happened"),
    "headgateMaxErrorRows": ("max_error_rows", int, "a number of rows"),
}


def compile_contract(source: YamlSource) -> dict[str, Any] | None:
    """The contract of one ODCS file, None when too little can be read. Problems are noted in ``source``."""
    if source.problems or not _valid(source):
        return None
    document = source.document
    if document.get("kind") != "DataContract":
        source.problem(("kind",), f"is {document.get('kind')!r}; DataContract is needed")
    if not str(document.get("apiVersion", "")).startswith("v3."):
        source.problem(("apiVersion",), f"is {document.get('apiVersion')!r}; v3.1.0 is needed")
    schema = document.get("schema") or []
    if len(schema) != 1:
        source.problem(("schema",), f"holds {len(schema)} objects; a dataset is exactly one")
        return None
    contract = _table(source, ("schema", 0), schema[0])
    contract.update(_settings(source, document, schema[0]))
    _check_event_time(source, contract)
    contract["version"] = str(document.get("version") or "")
    if not contract["version"]:
        source.problem(("version",), "is missing; write the contract's own version, such as 1.0.0")
    freshness = compile_freshness(source, list(document.get("slaProperties") or ()), contract["name"])
    if freshness:
        contract["freshness"] = freshness
    return contract


def _table(source: YamlSource, path: FieldPath, table: Mapping[str, Any]) -> dict[str, Any]:
    source.unknown_keys(path, table, standard_fields.TABLE)
    name = str(table.get("name") or "")
    if not name:
        source.problem(path, "the schema object needs a name: it is the dataset's")
    columns, rules = [], []
    for position, declared in enumerate(table.get("properties") or ()):
        column, brought = compile_column(source, (*path, "properties", position), declared)
        columns.append(column)
        rules += brought
    if not columns:
        source.problem((*path, "properties"), "no properties; a contract names every column of the file")
    rules += compile_rules(source, (*path, "quality"), list(table.get("quality") or ()), None)
    _unique_names(source, (*path, "quality"), rules)
    references = compile_references(source, path, table)
    return {
        "name": name,
        "columns": columns,
        "rules": rules,
        **({"references": references} if references else {}),
    }


def _unique_names(source: YamlSource, path: FieldPath, rules: list[dict[str, Any]]) -> None:
    names = [rule["name"] for rule in rules]
    for name in sorted({n for n in names if names.count(n) > 1}):
        source.problem(path, f"two rules are called {name!r}; a refused drop is explained by the rule's name")


def _settings(source: YamlSource, document: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Format, null values and operation: from the server and from custom properties, the latter win."""
    settings: dict[str, Any] = compile_server(source, list(document.get("servers") or ()))
    places: tuple[tuple[FieldPath, Any], ...] = (
        (("customProperties",), document.get("customProperties")),
        (("schema", 0, "customProperties"), table.get("customProperties")),
    )
    for path, declared in places:
        for position, entry in enumerate(declared or ()):
            found = _setting(source, (*path, position), entry)
            if "csv" in found:
                found["csv"] = {**settings.get("csv", {}), **found["csv"]}
            settings.update(found)
    if "format" not in settings:
        source.problem(("servers",), "no format; give a server with `format: csv` (or json, jsonl, parquet)")
    return {"operation": "append", "null_values": [], "max_error_rows": 0, "format": "csv"} | settings


def _check_event_time(source: YamlSource, contract: Mapping[str, Any]) -> None:
    """The domain refuses it too; here it has a line."""
    name = contract.get("event_time")
    if name is None:
        return
    document = source.document
    places: tuple[tuple[FieldPath, Any], ...] = (
        (("schema", 0, "customProperties"), document["schema"][0].get("customProperties")),
        (("customProperties",), document.get("customProperties")),
    )
    at = next(
        (*path, position, "value")
        for path, declared in places
        for position, entry in enumerate(declared or ())
        if entry.get("property") == "headgateEventTime"
    )
    kinds = {column["name"]: column["type"] for column in contract["columns"]}
    if name not in kinds:
        source.problem(at, f"there is no column {name!r}; columns: {', '.join(kinds)}")
    elif kinds[name] not in ("DATE", "TIMESTAMP", "TIMESTAMPTZ"):
        source.problem(at, f"{name} is {kinds[name]}; DATE, TIMESTAMP or TIMESTAMPTZ is needed")


def _setting(source: YamlSource, path: FieldPath, entry: Mapping[str, Any]) -> dict[str, Any]:
    name, value = str(entry.get("property")), entry.get("value")
    if not name.startswith("headgate"):
        return {}
    if name not in SETTINGS:
        source.problem((*path, "property"), f"{name!r} is not known; known: {', '.join(SETTINGS)}")
        return {}
    field, kind, form = SETTINGS[name]
    if not isinstance(value, kind):
        source.problem((*path, "value"), f"{name} is {value!r}; {form} is needed")
        return {}
    if field == "encoding":
        check_encoding(source, (*path, "value"), str(value))
    return {field: [str(v) for v in value] if isinstance(value, list) else value}


def _valid(source: YamlSource) -> bool:
    """Checks the document against the standard, and that the standard's reader dropped nothing of it."""
    try:
        model = OpenDataContractStandard.model_validate(source.document)
    except ValidationError as error:
        for wrong in error.errors():
            source.problem(tuple(wrong["loc"]), f"{wrong['msg']} (Open Data Contract Standard)")
        return False
    _note_dropped(source, (), source.document, model.model_dump(by_alias=True, exclude_unset=True))
    return True


def _note_dropped(source: YamlSource, path: FieldPath, declared: Any, kept: Any) -> None:
    """The standard's reader skips keys that it does not know: a misspelt check would vanish."""
    if isinstance(declared, Mapping) and isinstance(kept, Mapping):
        for key, value in declared.items():
            if key in kept:
                _note_dropped(source, (*path, key), value, kept[key])
            elif value is not None:
                source.problem((*path, key), "is no field of the Open Data Contract Standard")
    elif isinstance(declared, list) and isinstance(kept, list):
        for position, (one, other) in enumerate(zip(declared, kept, strict=False)):
            _note_dropped(source, (*path, position), one, other)
