"""What an ODCS contract asks beyond its columns: relationships as references, service levels as freshness.

Owns both translations. What cannot be checked when a drop arrives is a problem, never dropped.
"""

from collections.abc import Mapping
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.yaml_source import FieldPath, YamlSource

_UNITS = {
    **dict.fromkeys(("s", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
}


def compile_references(source: YamlSource, path: FieldPath, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The references that one schema object declares, at its columns and at itself."""
    found = []
    for position, declared in enumerate(table.get("properties") or ()):
        own = f"{table.get('name')}.{declared.get('name')}"
        for number, relationship in enumerate(declared.get("relationships") or ()):
            at = (*path, "properties", position, "relationships", number)
            if relationship.get("from") is not None:
                source.problem((*at, "from"), "stands under a property, which says it already; remove it")
            found += _reference(source, at, {**relationship, "from": own}, str(table.get("name")))
    for number, relationship in enumerate(table.get("relationships") or ()):
        at = (*path, "relationships", number)
        found += _reference(source, at, relationship, str(table.get("name")))
    return found


def _reference(
    source: YamlSource, path: FieldPath, relationship: Mapping[str, Any], dataset: str
) -> list[dict[str, Any]]:
    source.unknown_keys(path, relationship, standard_fields.RELATIONSHIP)
    if relationship.get("type", "foreignKey") != "foreignKey":
        source.problem((*path, "type"), f"is {relationship['type']!r}; foreignKey is the only one")
    mine, theirs = (_columns(source, (*path, key), relationship.get(key)) for key in ("from", "to"))
    if not mine or not theirs:
        return []
    if {name for name, _ in mine} != {dataset}:
        source.problem((*path, "from"), f"names other datasets than {dataset}, whose contract this is")
    if len({name for name, _ in theirs}) > 1:
        source.problem((*path, "to"), "names several datasets; a reference looks into one")
    if len(mine) != len(theirs):
        source.problem((*path, "to"), f"names {len(theirs)} columns, and from names {len(mine)}")
        return []
    return [
        {
            "columns": [column for _, column in mine],
            "dataset": theirs[0][0],
            "key": [column for _, column in theirs],
            "severity": _severity(source, path, relationship),
        }
    ]


def _columns(source: YamlSource, path: FieldPath, declared: Any) -> list[tuple[str, str]]:
    """(dataset, column) of each ``dataset.column``."""
    listed = declared if isinstance(declared, list) else [declared]
    found = [tuple(str(each).split(".")) if each else () for each in listed]
    if not found or any(len(each) != 2 or "/" in "".join(each) for each in found):
        source.problem(path, f"is {declared!r}; write dataset.column, of a dataset of this product")
        return []
    return [(each[0], each[1]) for each in found]


def compile_freshness(
    source: YamlSource, declared: list[Mapping[str, Any]], dataset: str
) -> list[dict[str, Any]]:
    """The service levels that the newest value of a column keeps when a drop arrives."""
    found = []
    for position, level in enumerate(declared):
        path: FieldPath = ("slaProperties", position)
        if level.get("property") != "freshness":
            source.problem(
                (*path, "property"),
                f"is {level.get('property')!r}, which cannot be honoured: nothing measures it when a drop "
                "arrives; freshness is measured",
            )
            continue
        source.unknown_keys(path, level, standard_fields.SERVICE_LEVEL)
        column, seconds = _element(source, path, level, dataset), _seconds(source, path, level)
        if column is not None and seconds is not None:
            severity = _severity(source, path, level)
            found.append({"column": column, "max_age_seconds": seconds, "severity": severity})
    return found


def _element(source: YamlSource, path: FieldPath, level: Mapping[str, Any], dataset: str) -> str | None:
    name, _, column = str(level.get("element") or "").rpartition(".")
    if not column or name not in ("", dataset):
        source.problem(
            (*path, "element"), f"is {level.get('element')!r}; write {dataset}.column, the time of a row"
        )
        return None
    return column


def _seconds(source: YamlSource, path: FieldPath, level: Mapping[str, Any]) -> int | None:
    value, unit = level.get("value"), str(level.get("unit") or "")
    if unit not in _UNITS:
        source.problem((*path, "unit"), f"is {level.get('unit')!r}; known: {', '.join(_UNITS)}")
        return None
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value * _UNITS[unit]
    if not whole or whole < 1 or whole != int(whole):
        source.problem((*path, "value"), f"is {value!r}; a whole number of seconds above zero is needed")
        return None
    return int(whole)


def _severity(source: YamlSource, path: FieldPath, declared: Mapping[str, Any]) -> str:
    """``headgateSeverity`` of something that has no severity in the standard."""
    severity = "error"
    for position, entry in enumerate(declared.get("customProperties") or ()):
        name, at = str(entry.get("property")), (*path, "customProperties", position)
        if name == "headgateSeverity":
            severity = str(entry.get("value"))
            if severity not in ("error", "warning"):
                source.problem((*at, "value"), f"is {severity!r}; error or warning is needed")
        elif name.startswith("headgate"):
            source.problem((*at, "property"), f"{name!r} is not known; known: headgateSeverity")
    return severity
