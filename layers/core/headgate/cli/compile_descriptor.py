"""The product descriptor: ODPS v1 of Bitol, with stage and feature sets in custom properties.

Owns what a ``*.odps.yaml`` may say. Whether views and datasets exist is checked on the whole bundle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.yaml_source import FieldPath, YamlSource

_PROPERTIES = ("headgateStage", "headgateTitle", "headgateFeatureSets", "headgateRetired")


@dataclass(frozen=True)
class Descriptor:
    """What the bundle takes from it. ``contracts`` maps contract id to (path of its port, version),
    ``set_paths`` feature set to where it stands.
    """

    name: str
    title: str
    owner: str
    stage: str
    feature_sets: dict[str, dict[str, Any]]
    contracts: dict[str, tuple[FieldPath, str | None]]
    retired: tuple[str, ...] = ()
    set_paths: Mapping[str, FieldPath] = field(default_factory=dict)


def compile_descriptor(source: YamlSource) -> Descriptor:
    """Never raises: what is wrong is noted in ``source`` and a blank stands in its place."""
    document = source.document
    source.unknown_keys((), document, standard_fields.PRODUCT)
    if document.get("kind") != "DataProduct":
        source.problem(("kind",), f"is {document.get('kind')!r}; DataProduct is needed")
    if not str(document.get("apiVersion", "")).startswith("v1."):
        source.problem(("apiVersion",), f"is {document.get('apiVersion')!r}; v1.0.0 is needed")
    properties = _properties(source, document)
    name = str(document.get("name") or "")
    if not name:
        source.problem(("name",), "is missing")
    sets = _feature_sets(source, document, properties)
    return Descriptor(
        name=name,
        title=str(properties.get("headgateTitle") or document.get("title") or name),
        owner=_owner(source, document.get("team")),
        stage=str(properties.get("headgateStage") or "poc"),
        feature_sets={name: declared for name, (_, declared) in sets.items()},
        contracts=_ports(source, document),
        retired=_retired(source, properties),
        set_paths={name: path for name, (path, _) in sets.items()},
    )


def _properties(source: YamlSource, document: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for position, entry in enumerate(document.get("customProperties") or ()):
        path: FieldPath = ("customProperties", position)
        if not isinstance(entry, Mapping) or "property" not in entry:
            source.problem(path, "needs `property:` and `value:`")
            continue
        name = str(entry["property"])
        if name.startswith("headgate") and name not in _PROPERTIES:
            source.problem(path, f"{name!r} is not known; known: {', '.join(_PROPERTIES)}")
        found[name] = entry.get("value")
    return found


def _retired(source: YamlSource, properties: Mapping[str, Any]) -> tuple[str, ...]:
    found = properties.get("headgateRetired") or []
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        source.problem(("customProperties",), "headgateRetired needs a list of dataset names")
        return ()
    return tuple(found)


def _owner(source: YamlSource, team: Any) -> str:
    """The team's name, or the member whose role is owner."""
    if isinstance(team, Mapping):
        if team.get("name"):
            return str(team["name"])
        team = team.get("members")
    for member in team or ():
        if str(member.get("role", "")).lower() in ("owner", "data product owner", "product owner"):
            return str(member.get("username") or member.get("name"))
    source.problem(("team",), "names no owner; give the team a name, or a member the role owner")
    return ""


def _feature_sets(
    source: YamlSource, document: Mapping[str, Any], properties: Mapping[str, Any]
) -> dict[str, tuple[FieldPath, dict[str, Any]]]:
    """(path, feature set) by name."""
    declared = properties.get("headgateFeatureSets") or []
    entries = document.get("customProperties") or []
    position = next((i for i, e in enumerate(entries) if e.get("property") == "headgateFeatureSets"), 0)
    base: FieldPath = ("customProperties", position, "value")
    if isinstance(declared, Mapping):
        pairs: list[tuple[FieldPath, dict[str, Any]]] = [
            ((*base, name), {"name": name, **dict(entry)}) for name, entry in declared.items()
        ]
    else:
        pairs = [((*base, i), dict(entry)) for i, entry in enumerate(declared)]
    sets = {}
    for path, entry in pairs:
        sets[str(entry.get("name"))] = (path, feature_set(source, path, entry))
    return sets


def feature_set(source: YamlSource, path: FieldPath, entry: dict[str, Any]) -> dict[str, Any]:
    """One feature set with its defaults filled in."""
    source.unknown_keys(path, entry, standard_fields.FEATURE_SET)
    for key in ("name", "spine"):
        if not entry.get(key):
            source.problem((*path, key), "is missing")
    seed = entry.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        source.problem((*path, "seed"), f"is {seed!r}; a whole number from 0 up is needed")
    return {
        "name": entry.get("name"),
        "spine": entry.get("spine"),
        "on_demand": entry.get("on_demand"),
        "views": list(entry.get("views") or ()),
        "label": entry.get("label"),
        "seed": seed,
        "request": [dict(column) for column in entry.get("request") or ()],
    }


def _ports(source: YamlSource, document: Mapping[str, Any]) -> dict[str, tuple[FieldPath, str | None]]:
    found: dict[str, tuple[FieldPath, str | None]] = {}
    for position, port in enumerate(document.get("inputPorts") or ()):
        path: FieldPath = ("inputPorts", position)
        source.unknown_keys(path, port, standard_fields.PORT)
        if not port.get("contractId"):
            source.problem((*path, "contractId"), "is missing; it names the contract of what arrives here")
            continue
        version = port.get("version")
        found[str(port["contractId"])] = (path, None if version is None else str(version))
    return found
