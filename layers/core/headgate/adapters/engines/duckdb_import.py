"""ImportEngine on DuckDB: a Parquet object is checked where it lies, and nothing is written.

What is imported is read as it is for as long as it is in a version. So its columns must hold the contract's
types already, or narrower ones whose every value stays what it is; nothing can be converted on the way in.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.contract_checks import run_checks
from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.adapters.engines.file_statistics import column_stats
from headgate.adapters.engines.sources.columns import listed, located
from headgate.domain.check_context import CheckContext
from headgate.domain.column_type import UnknownType, parse_type
from headgate.domain.contract import Column, Contract
from headgate.domain.errors import DropRefused, OutOfTime, Retryable
from headgate.ports import Checked, S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OBJECT = "__object"
"""The view of the object as it is; datasets that checks look at are views by their names."""


@dataclass(frozen=True)
class DuckDbImportEngine:
    """``s3`` and ``httpfs`` are needed for objects that are not on this disk."""

    limits: Limits
    scratch: Path
    s3: S3AccessProvider | None = None
    httpfs: Path | None = None

    def check(self, uri: str, name: str, contract: Contract, context: CheckContext | None = None) -> Checked:
        """See `headgate.ports.ImportEngine`."""
        import duckdb

        self.scratch.mkdir(parents=True, exist_ok=True)
        try:
            with open_session(
                self.limits,
                self.scratch,
                readable=[uri, *(context.uris if context else ())],
                s3=self.s3,
                httpfs=self.httpfs,
            ) as connection:
                return _check(connection, uri, name, contract, context)
        except duckdb.OutOfMemoryException:
            raise
        except OutOfTime as error:
            raise DropRefused("out_of_time", f"{name} takes too long to check: {error}") from None
        except duckdb.HTTPException as error:
            if getattr(error, "status_code", 0) == 404:
                raise DropRefused("object_missing", f"the object version is gone: {name}") from None
            raise Retryable(f"{name} cannot be read now: {_told(error, uri, name)}") from None
        except duckdb.Error as error:
            told = _told(error, uri, name)
            raise DropRefused("unreadable", f"{name} cannot be read as Parquet: {told}") from None


def _check(
    connection: "DuckDBPyConnection", uri: str, name: str, contract: Contract, context: CheckContext | None
) -> Checked:
    raw = f"SELECT * FROM read_parquet({quoted(uri)}, hive_partitioning=false)"
    connection.execute(f"CREATE VIEW {_OBJECT} AS {raw}")
    found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {_OBJECT}").fetchall()}
    places = _compare_columns(found, contract)
    _compare_types(found, contract, places)
    row = connection.execute(f"SELECT count(*) FROM {_OBJECT}").fetchone()
    rows = int(row[0]) if row else 0
    if rows == 0:
        raise DropRefused("no_rows", f"{name} has columns but no rows")
    columns = ", ".join(
        f"CAST({identifier(places[c.name]) if c.name in places else 'NULL'} AS {c.type}) "
        f"AS {identifier(c.name)}"
        for c in contract.columns
    )
    connection.execute(f"CREATE VIEW this AS SELECT {columns} FROM {_OBJECT}")
    checks = run_checks(connection, contract, context)
    # What is kept of the file is what it holds: missing columns and wider types are the readers' to supply.
    connection.execute(f"CREATE OR REPLACE VIEW this AS SELECT * FROM {_OBJECT}")
    declared = {places[c.name]: c for c in contract.columns if c.name in places}
    held = [
        replace(declared.get(name, Column(name, kind)), name=name, type=str(parse_type(kind)))
        for name, kind in found.items()
        if name in declared or _known(kind)
    ]
    stats = column_stats(connection, replace(contract, columns=tuple(held)), rows)
    return Checked(rows, stats, tuple(checks))


def _compare_columns(found: dict[str, str], contract: Contract) -> dict[str, str]:
    """Contract column -> the file's, by its name or a former one, as readers of the version will find it."""
    moved = [f"{c.name} from {c.path}" for c in contract.columns if c.path not in (None, c.name)]
    if moved:
        raise DropRefused(
            "path",
            f"the contract reads {listed(moved)}: an import moves nothing; drop the file to have it read",
        )
    places = located(contract, list(found))
    missing = [c.name for c in contract.columns if c.must_be_there and c.name not in places]
    if missing:
        raise DropRefused(
            "missing_column",
            f"required columns are missing: {listed(missing)}; found {listed(list(found))}"
            " (what only the path says, as in year=2013/, is no column of the file)",
        )
    used = set(places.values())
    unexpected = [n for n in found if n not in used] if contract.undeclared == "refuse" else []
    if unexpected:
        raise DropRefused("unexpected_column", f"columns the contract does not declare: {listed(unexpected)}")
    return places


def _compare_types(found: dict[str, str], contract: Contract, places: dict[str, str]) -> None:
    wrong = [
        f"{places[c.name]} is {found[places[c.name]]} and the contract says {c.type}"
        for c in contract.columns
        if c.name in places and not keeps_values(found[places[c.name]], c.type)
    ]
    if wrong:
        raise DropRefused(
            "wrong_type",
            f"{'; '.join(wrong)}: an import converts nothing; drop the file to have it converted",
        )


def keeps_values(held: str, wanted: str) -> bool:
    """Whether every value of the type ``held`` is the same value in ``wanted`` (DuckDB's names)."""
    try:
        return parse_type(wanted).holds(parse_type(held))
    except UnknownType:
        return False


def _known(kind: str) -> bool:
    try:
        parse_type(kind)
    except UnknownType:
        return False
    return True


def _told(error: Exception, uri: str, name: str) -> str:
    """The first line of what DuckDB says, without the signed address."""
    return str(error).replace(uri, name).splitlines()[0].partition("?X-Amz-")[0].partition("&X-Amz-")[0]
