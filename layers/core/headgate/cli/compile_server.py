"""The server of an ODCS contract: in what format, with which delimiter and encoding drops arrive."""

from collections.abc import Mapping
from typing import Any

from headgate.cli.yaml_source import YamlSource
from headgate.domain.csv_dialect import encoding_of
from headgate.domain.errors import InvalidRequest

_FORMATS = {"csv": "csv", "jsonl": "jsonl", "json": "json", "ndjson": "jsonl", "parquet": "parquet"}
_JSON_LAYOUTS = {"new_line": "jsonl", "array": "json"}
"""What the standard's delimiter of JSON documents says of the file."""


def compile_server(source: YamlSource, servers: list[Mapping[str, Any]]) -> dict[str, Any]:
    """``format``, ``encoding`` and ``csv`` as far as the server says them."""
    if len(servers) > 1:
        source.problem(("servers",), f"names {len(servers)} servers; drops arrive at one, the landing bucket")
    settings: dict[str, Any] = {}
    for server in servers[:1]:
        if server.get("format"):
            if server["format"] not in _FORMATS:
                known = ", ".join(_FORMATS)
                source.problem(("servers", 0, "format"), f"is {server['format']!r}; known: {known}")
            settings["format"] = _FORMATS.get(server["format"], "csv")
        if server.get("delimiter"):
            settings |= _delimiter(source, str(server["delimiter"]), settings.get("format"))
        if server.get("encoding"):
            settings["encoding"] = str(server["encoding"])
            check_encoding(source, ("servers", 0, "encoding"), settings["encoding"])
    return settings


def _delimiter(source: YamlSource, delimiter: str, found: str | None) -> dict[str, Any]:
    if found in ("json", "jsonl"):
        if delimiter in _JSON_LAYOUTS:
            return {"format": _JSON_LAYOUTS[delimiter]}
        source.problem(("servers", 0, "delimiter"), f"is {delimiter!r}; JSON has new_line or array")
        return {}
    if found == "parquet":
        source.problem(("servers", 0, "delimiter"), f"is {delimiter!r}, and Parquet has none")
        return {}
    # the standard's word for one record a line, which CSV always has
    return {} if delimiter == "new_line" else {"csv": {"delimiter": delimiter}}


def check_encoding(source: YamlSource, path: tuple[str | int, ...], written: str) -> None:
    """Notes a problem for an encoding that ingest does not read."""
    try:
        encoding_of(written, "")
    except InvalidRequest as refused:
        source.problem(path, str(refused).removeprefix("contract : "))
