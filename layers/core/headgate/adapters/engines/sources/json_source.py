"""JSON lines, one array, or objects one after the other, as Parquet.

Each object is read whole as JSON; the columns are taken out of it by their paths.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.sources.columns import check_columns, listed, located, shown
from headgate.adapters.engines.sources.json_fault import fault
from headgate.adapters.engines.sources.json_values import converted, fits, json_path, text
from headgate.adapters.engines.sources.parquet_target import write_parquet
from headgate.domain.contract import Column, Contract
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10
_SNIFFED = 1 << 16


def read_json(
    connection: "DuckDBPyConnection", source: Path, contract: Contract, limits: SourceLimits, target: Path
) -> None:
    """Writes ``target``. Raises DropRefused for what the contract or the limits do not allow."""
    import duckdb

    layout = "newline_delimited" if contract.format == "jsonl" else _layout(source)
    objects = (
        f"read_json({quoted(str(source))}, format='{layout}', records=false, columns={{json: 'JSON'}}, "
        f"maximum_object_size={limits.max_object_bytes})"
    )
    try:
        if layout != "newline_delimited":
            objects = _split(connection, objects, source)
        connection.execute(f"CREATE VIEW objects AS SELECT json FROM {objects}")
        _convert(connection, contract, limits, target)
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as problem:
        raise fault(source, contract.format == "jsonl", limits) or problem from problem


def _split(connection: "DuckDBPyConnection", objects: str, source: Path) -> str:
    """The objects in a file that several threads can read: of an array, one alone finds where each begins,
    and four passes over 400 MB took 57 s instead of 21.
    """
    path = source.with_name(source.name + ".objects")
    write_parquet(connection, f"SELECT json FROM {objects}", 1, path)
    return f"read_parquet({quoted(str(path))})"


def _layout(source: Path) -> str:
    with source.open("rb") as stream:
        return "array" if stream.read(_SNIFFED).lstrip().startswith(b"[") else "unstructured"


def _convert(
    connection: "DuckDBPyConnection", contract: Contract, limits: SourceLimits, target: Path
) -> None:
    parents = _parents(contract)
    _check_objects(connection, parents, limits)
    found = _fields(connection, contract, parents)
    places = located(contract, found)
    check_columns(contract, found, places, limits)
    columns = [c for c in contract.columns if c.name in places]
    paths = ", ".join(json_path(places[c.name]) for c in columns)
    connection.execute(f"CREATE VIEW raw AS SELECT json_extract(json, [{paths}]) AS j FROM objects")
    values = {c.name: _value(f"j[{i}]", contract) for i, c in enumerate(columns, 1)}
    _check_values(connection, contract, columns, values)
    select = ", ".join(
        f"{converted(values[c.name], c) if c.name in values else f'CAST(NULL AS {c.type})'} "
        f"AS {identifier(c.name)}"
        for c in contract.columns
    )
    write_parquet(connection, f"SELECT {select} FROM raw", len(contract.columns), target)


def _parents(contract: Contract) -> tuple[str, ...]:
    """The dotted paths of the objects that the contract looks into, below the root."""
    paths = [path for c in contract.columns for path in (c.path or c.name, *c.former_names)]
    steps = [path.split(".") for path in paths]
    return tuple(sorted({".".join(step[:depth]) for step in steps for depth in range(1, len(step))}))


def _check_objects(connection: "DuckDBPyConnection", parents: Sequence[str], limits: SourceLimits) -> None:
    """What is wrong with objects as such, whatever the contract says of their fields."""
    inner = [f"json_type(json_extract(json, {json_path(p)})) NOT IN ('OBJECT', 'NULL')" for p in parents]
    row = connection.execute(
        "SELECT coalesce(max(strlen(json)), 0), coalesce(max(len(json_keys(json))), 0), "
        "count(*) FILTER (json IS NULL OR json_type(json) <> 'OBJECT'), "
        "count(*) FILTER (len(json_keys(json)) <> len(list_distinct(json_keys(json))))"
        + "".join(f", count(*) FILTER ({test})" for test in inner)
        + " FROM objects"
    ).fetchone()
    size, fields, others, repeated, *wrong = row or (0, 0, 0, 0)
    if size > limits.max_object_bytes:
        raise limits.exceeded("max_object_bytes", "bytes of the largest object", f"{size:,}")
    if fields > limits.max_columns:
        raise limits.exceeded("max_columns", "fields of an object", f"{fields:,}")
    if others:
        raise DropRefused("no_object", f"{others:,} values are no JSON objects; a row is an object", others)
    if repeated:
        raise DropRefused("duplicate_column", f"{repeated:,} objects have a field twice", repeated)
    for parent, count in zip(parents, wrong, strict=True):
        if count:
            raise DropRefused("wrong_type", f"{count:,} values of {parent} are no objects", count)


def _fields(connection: "DuckDBPyConnection", contract: Contract, parents: Sequence[str]) -> list[str]:
    """The dotted paths of every field of the root and of the objects looked into; those objects themselves
    are not among them, unless a column is the whole of one.
    """
    lists = ["json_keys(json)"] + [
        f"coalesce(list_transform(json_keys(json_extract(json, {json_path(p)})), "
        f"lambda k: {quoted(p + '.')} || k), [])"
        for p in parents
    ]
    rows = connection.execute(f"SELECT DISTINCT unnest({' || '.join(lists)}) FROM objects").fetchall()
    whole = {path for c in contract.columns for path in (c.path or c.name, *c.former_names)}
    return sorted(name for (name,) in rows if name not in parents or name in whole)


def _value(extracted: str, contract: Contract) -> str:
    """JSON nulls, and texts that mean none, as NULL."""
    nulls = ", ".join(quoted(v) for v in contract.null_values)
    none = f"json_type({extracted}) = 'NULL'"
    if nulls:
        none += f" OR (json_type({extracted}) = 'VARCHAR' AND {text(extracted)} IN ({nulls}))"
    return f"(CASE WHEN {none} THEN NULL ELSE {extracted} END)"


def _check_values(
    connection: "DuckDBPyConnection", contract: Contract, columns: Sequence[Column], values: dict[str, str]
) -> None:
    closed = contract.undeclared == "refuse"
    misfits = {
        c.name: f"{values[c.name]} IS NOT NULL AND NOT {fits(values[c.name], c, closed)}" for c in columns
    }
    tests = ", ".join(f"count(*) FILTER ({misfit})" for misfit in misfits.values())
    counts = connection.execute(f"SELECT {tests} FROM raw").fetchone() or ()
    for column, count in zip(columns, counts, strict=True):
        if count:
            raise _wrong_type(connection, column, misfits[column.name], values[column.name], count)


def _wrong_type(
    connection: "DuckDBPyConnection", column: Column, misfit: str, value: str, count: int
) -> DropRefused:
    bad = connection.execute(
        f"SELECT record, left(CAST({value} AS VARCHAR), 200) FROM "
        f"(SELECT row_number() OVER () AS record, j FROM raw) WHERE {misfit} LIMIT {SAMPLE_ROWS}"
    ).fetchall()
    sample = tuple({"row": n, "column": column.name, "value": shown(column, found)} for n, found in bad)
    form = f"{column.type} of the form {column.format!r}" if column.format else column.type
    told = listed([str(entry["value"]) for entry in sample[:3]])
    reason = f"{count:,} values of {column.name} are no {form}; first in object {bad[0][0]:,}: {told}"
    if column.kind.kind == "DECIMAL":
        reason += " (a number of more than 15 digits loses some on the way: write it as a string)"
    return DropRefused("wrong_type", reason, count, sample)
