"""CSV in the contract's dialect, as Parquet.

A UTF-8 file with nothing before its header is read by the engine where it lies. What the engine would misread
(lines to skip with quotes in them, comments, mixed line ends) is copied first.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.sources.columns import check_columns, located
from headgate.adapters.engines.sources.csv_header import Layout, layout_of
from headgate.adapters.engines.sources.csv_lines import (
    check_quoted,
    line_ends_differ,
    may_hold_line_ends,
    rows_of,
    tidied,
)
from headgate.adapters.engines.sources.csv_reader import CsvReader
from headgate.adapters.engines.sources.csv_rejects import misread_dates, rejected_rows
from headgate.adapters.engines.sources.parquet_target import write_parquet
from headgate.adapters.engines.sources.scratch_file import write_bounded
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

if TYPE_CHECKING:
    import duckdb
    from duckdb import DuckDBPyConnection

_ONE_THREAD = 8_000_000
"""Bytes that the engine gives to one thread; a smaller file is never divided."""


def read_csv(
    connection: "DuckDBPyConnection", source: Path, contract: Contract, limits: SourceLimits, target: Path
) -> None:
    """Writes ``target``. Raises DropRefused for what the contract or the limits do not allow."""
    layout = layout_of(source, contract, limits)
    places = located(contract, layout.names)
    check_columns(contract, layout.names, places, limits)
    reader = CsvReader(contract, limits, layout.names, places, layout.line_end)
    if not contract.csv.comment and layout.line_end != "\r":
        file, place, header = source, layout, contract.csv.header
        if not layout.plain:
            file, place, header = source.with_name(source.name + ".rows"), replace(layout, start=0), False
            write_bounded(rows_of(source, layout), file, limits)
        problem = _attempt(connection, reader, file, place, target, header)
        if problem is None:
            return
        if not line_ends_differ(file):
            raise _reason(connection, reader, file, place, header) or problem
    file, place = source.with_name(source.name + ".tidy"), replace(layout, start=0, line_end="\n")
    write_bounded(tidied(source, layout, contract.csv, limits), file, limits)
    reader = replace(reader, line_end="\n")
    problem = _attempt(connection, reader, file, place, target, header=False)
    if problem is not None:
        raise _reason(connection, reader, file, place, header=False) or problem


def _attempt(
    connection: "DuckDBPyConnection",
    reader: CsvReader,
    source: Path,
    layout: Layout,
    target: Path,
    header: bool,
) -> "duckdb.Error | None":
    """Writes ``target`` and returns None, or what the engine said about a row that it cannot read."""
    import duckdb

    large = source.stat().st_size > _ONE_THREAD
    parallel = not (large and may_hold_line_ends(source, reader.contract.csv))
    if not parallel:
        check_quoted(source, layout, reader.contract.csv, reader.limits)
    table = reader.sql(source, header=header, parallel=parallel)
    try:
        values = reader.select()
        write_parquet(connection, f"SELECT {', '.join(values)} FROM {table}", len(values), target)
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as problem:
        return problem
    return None


def _reason(
    connection: "DuckDBPyConnection", reader: CsvReader, source: Path, layout: Layout, header: bool
) -> DropRefused | None:
    refusal = rejected_rows(connection, reader, source, layout.start, layout.line)
    if refusal is None:
        refusal = misread_dates(connection, reader, reader.sql(source, header=header))
    return refusal
