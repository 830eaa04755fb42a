"""Parquet as the lake's Parquet: columns by their paths, types as the contract says, values unchanged."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.sources.columns import check_columns, listed, located, shown
from headgate.adapters.engines.sources.parquet_target import write_parquet
from headgate.adapters.engines.sources.scratch_file import check_ratio
from headgate.domain.column_type import ColumnType, UnknownType, parse_type
from headgate.domain.contract import Column, Contract
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"


def read_parquet(
    connection: "DuckDBPyConnection", source: Path, contract: Contract, limits: SourceLimits, target: Path
) -> None:
    """Writes ``target``. Raises DropRefused for what the contract or the limits do not allow."""
    _check_file(connection, source, limits)
    raw = f"read_parquet({quoted(str(source))}, hive_partitioning=false)"
    connection.execute(f"CREATE VIEW raw AS SELECT * FROM {raw}")
    held = {row[0]: _known(row[1]) for row in connection.execute("DESCRIBE raw").fetchall()}
    fields = dict(_fields(held, _parents(contract)))
    places = located(contract, list(fields))
    check_columns(contract, list(fields), places, limits)
    _check_inner_fields(contract, fields, places)
    values = {name: ".".join(identifier(p) for p in _steps(place)) for name, place in places.items()}
    _check_values(connection, contract, {name: fields[place] for name, place in places.items()}, values)
    select = ", ".join(
        f"CAST({values.get(c.name, 'NULL')} AS {c.type}) AS {identifier(c.name)}" for c in contract.columns
    )
    write_parquet(connection, f"SELECT {select} FROM raw", len(contract.columns), target)


def _check_file(connection: "DuckDBPyConnection", source: Path, limits: SourceLimits) -> None:
    """What the footer says, before a page is read."""
    packed = source.stat().st_size
    with source.open("rb") as stream:
        head = stream.read(4)
        stream.seek(max(0, packed - 4))
        tail = stream.read(4)
    if _ENCRYPTED in (head, tail):
        raise DropRefused("encrypted", "the Parquet file is encrypted, and nobody here has its key")
    if (head, tail) != (_MAGIC, _MAGIC):
        raise DropRefused("unreadable", "the file is no Parquet, or cut off: PAR1 must begin and end it")
    path = quoted(str(source))
    columns = connection.execute(
        f"SELECT count(*) FROM parquet_schema({path}) WHERE coalesce(num_children, 0) = 0"
    ).fetchone() or (0,)
    if columns[0] > limits.max_columns:
        raise limits.exceeded("max_columns", "columns of the file", f"{columns[0]:,}")
    row = connection.execute(
        "SELECT coalesce(sum(total_uncompressed_size), 0), coalesce(sum(num_values), 0) "
        f"FROM parquet_metadata({path})"
    ).fetchone()
    plain, values = row or (0, 0)
    # A run of equal values is a few bytes however long it is: each value counts for a byte at least.
    if max(plain, values) > limits.max_bytes:
        measured = f"{plain:,} bytes of {values:,} values"
        raise limits.exceeded("max_bytes", "the file without its compression", measured)
    check_ratio(plain, limits, packed)


def _known(kind: str) -> ColumnType:
    """The type, or one of a name that no contract can have."""
    try:
        return parse_type(kind)
    except UnknownType:
        return ColumnType(kind)


def _parents(contract: Contract) -> set[str]:
    """The dotted paths of the structs that the contract looks into."""
    paths = [path for c in contract.columns for path in (c.path or c.name, *c.former_names)]
    steps = [path.split(".") for path in paths]
    return {".".join(step[:depth]) for step in steps for depth in range(1, len(step))}


def _fields(
    held: dict[str, ColumnType], parents: set[str], prefix: str = ""
) -> Iterator[tuple[str, ColumnType]]:
    """Dotted path and type of every column, and of the fields of the structs looked into in their place."""
    for name, kind in held.items():
        path = f"{prefix}{name}"
        if path in parents and kind.kind == "STRUCT":
            yield from _fields(dict(kind.fields), parents, f"{path}.")
        else:
            yield path, kind


def _steps(place: str) -> list[str]:
    return place.split(".")


def _check_inner_fields(contract: Contract, fields: dict[str, ColumnType], places: dict[str, str]) -> None:
    if contract.undeclared == "ignore":
        return
    found = [
        f"{places[c.name]}.{extra}"
        for c in contract.columns
        if c.name in places
        for extra in _extra(c.kind, fields[places[c.name]])
    ]
    if found:
        raise DropRefused("unexpected_column", f"fields the contract does not declare: {listed(found)}")


def _extra(wanted: ColumnType, held: ColumnType) -> Iterator[str]:
    """The fields of ``held`` that ``wanted`` has not."""
    if wanted.item is not None and held.item is not None:
        yield from _extra(wanted.item, held.item)
    declared = dict(wanted.fields)
    for name, kind in held.fields if wanted.kind == "STRUCT" else ():
        if name not in declared:
            yield name
        else:
            yield from (f"{name}.{extra}" for extra in _extra(declared[name], kind))


def _check_values(
    connection: "DuckDBPyConnection", contract: Contract, held: dict[str, ColumnType], values: dict[str, str]
) -> None:
    """A column whose type holds every value of the file's needs no look at them."""
    columns = [c for c in contract.columns if c.name in held and not c.kind.holds(held[c.name])]
    misfits = {c.name: _misfit(values[c.name], c, held[c.name]) for c in columns}
    if not misfits:
        return
    tests = ", ".join(f"count(*) FILTER ({misfit})" for misfit in misfits.values())
    counts = connection.execute(f"SELECT {tests} FROM raw").fetchone() or ()
    for column, count in zip(columns, counts, strict=True):
        if count:
            bad = connection.execute(
                f"SELECT left(CAST({values[column.name]} AS VARCHAR), 200) FROM raw "
                f"WHERE {misfits[column.name]} LIMIT {SAMPLE_ROWS}"
            ).fetchall()
            sample: tuple[dict[str, object], ...] = tuple(
                {"column": column.name, "value": shown(column, value)} for (value,) in bad
            )
            told = listed([str(entry["value"]) for entry in sample[:3]])
            reason = f"{count:,} values of {column.name} ({held[column.name]}) are no {column.type}: {told}"
            raise DropRefused("wrong_type", reason, count, sample)


def _misfit(value: str, column: Column, held: ColumnType) -> str:
    """Numbers must be the same number after the cast: 1.5 is no INTEGER."""
    cast = f"TRY_CAST({value} AS {column.type})"
    wrong = f"{cast} IS NULL"
    if column.kind.numeric and held.numeric and column.kind.kind not in ("FLOAT", "DOUBLE"):
        wrong += f" OR CAST({cast} AS {held}) <> {value}"
    return f"{value} IS NOT NULL AND ({wrong})"
