"""IngestEngine on DuckDB alone: one source file in, one zstd Parquet file out, every declared check run on
the way.

What the source is written in is known to `headgate.adapters.engines.sources`; the declared checks run on the
written Parquet, column by column, so that memory does not grow with the file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.contract_checks import run_checks
from headgate.adapters.engines.duckdb_session import Limits, open_session, quoted
from headgate.adapters.engines.file_statistics import column_stats
from headgate.adapters.engines.sources.csv_source import read_csv
from headgate.adapters.engines.sources.json_source import read_json
from headgate.adapters.engines.sources.parquet_source import read_parquet
from headgate.adapters.engines.sources.scratch_file import check_disk
from headgate.adapters.engines.sources.text_encoding import as_utf8
from headgate.adapters.engines.sources.unpack import unpacked
from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused, OutOfTime, Retryable, TooLargeHere
from headgate.domain.source_limits import SourceLimits
from headgate.ports import Converted, S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class DuckDbIngestEngine:
    """``limits`` is what a connection may use, ``source_limits`` what a source may become. ``s3`` and
    ``httpfs`` are needed for checks that look at datasets which are not on this disk.
    """

    limits: Limits
    source_limits: SourceLimits = field(default_factory=SourceLimits)
    s3: S3AccessProvider | None = None
    httpfs: Path | None = None

    def convert(
        self,
        source: Path,
        source_name: str,
        contract: Contract,
        target: Path,
        context: CheckContext | None = None,
    ) -> Converted:
        """See `headgate.ports.IngestEngine`; ``source`` and ``target`` must lie in one scratch directory."""
        import duckdb

        if source.stat().st_size == 0:
            raise DropRefused("empty_file", f"{source_name} has no bytes")
        try:
            plain = self._plain(source, source_name, contract)
            readable = context.uris if context else ()
            with open_session(
                self.limits, target.parent, readable=readable, s3=self.s3, httpfs=self.httpfs
            ) as connection:
                self._write(connection, plain, source_name, contract, target)
                return _checked(connection, source_name, contract, target, context)
        except DropRefused:
            target.unlink(missing_ok=True)
            raise
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            target.unlink(missing_ok=True)
            raise TooLargeHere(
                f"{source_name} takes more memory than there is: {_first_line(error)}"
            ) from error
        except OutOfTime as error:
            target.unlink(missing_ok=True)
            raise TooLargeHere(f"{source_name} takes more time than there is: {error}") from error
        finally:
            _clear(source, target)

    def _write(
        self,
        connection: "DuckDBPyConnection",
        plain: Path,
        source_name: str,
        contract: Contract,
        target: Path,
    ) -> None:
        """The source as Parquet at ``target``, in the contract's columns and types."""
        import duckdb

        try:
            _READERS[contract.format](connection, plain, contract, self.source_limits, target)
        except (duckdb.OutOfMemoryException, duckdb.InterruptException):
            raise
        except duckdb.Error as error:
            if isinstance(error, duckdb.IOException):
                check_disk(target.parent)
            told = _first_line(error).replace(str(plain), source_name)
            raise DropRefused(
                "unreadable", f"{source_name} cannot be read as {contract.format}: {told}"
            ) from error

    def _plain(self, source: Path, source_name: str, contract: Contract) -> Path:
        """Unpacked, and text as UTF-8."""
        plain = unpacked(source, self.source_limits)
        if plain.stat().st_size == 0:
            raise DropRefused("empty_file", f"{source_name} has no bytes once unpacked")
        if contract.format == "parquet":
            return plain
        text = as_utf8(plain, contract.encoding, self.source_limits, keep_mark=contract.format == "csv")
        if source != plain != text:
            plain.unlink()
        return text


def _clear(source: Path, target: Path) -> None:
    """Removes what was made of the source on the way: a batch shares one disk."""
    for path in source.parent.iterdir():
        if path.name.startswith(f"{source.name}.") and path != target:
            path.unlink()


def _checked(
    connection: "DuckDBPyConnection",
    source_name: str,
    contract: Contract,
    target: Path,
    context: CheckContext | None,
) -> Converted:
    """The written file, once every check was made."""
    import duckdb

    rows = _scalar(connection, f"SELECT count(*) FROM {quoted(str(target))}")
    if rows == 0:
        raise DropRefused("no_rows", f"{source_name} holds no rows")
    connection.execute(f"CREATE VIEW this AS SELECT * FROM {quoted(str(target))}")
    try:
        checks = run_checks(connection, contract, context)
    except duckdb.HTTPException as error:
        raise Retryable(f"a dataset that {contract.name} refers to cannot be read now: {error}") from error
    except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:  # a pattern, say, that came with a bundle which nobody bound
        told = f"the contract's checks cannot run: {_first_line(error)}"
        raise DropRefused("unanswerable", told) from error
    return Converted(target, rows, column_stats(connection, contract, rows, target), tuple(checks))


def _scalar(connection: "DuckDBPyConnection", sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


_READERS: dict[str, Callable[["DuckDBPyConnection", Path, Contract, SourceLimits, Path], None]] = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_json,
    "parquet": read_parquet,
}
