"""What the SQL engine of a function or job is given: memory, time, a folder of its own, an extension."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.adapters.engines.duckdb_session import Limits

MEMORY_SHARE = 0.6
"""Of a function's memory for DuckDB: its sorts and joins were measured up to 49% above their limit."""
BUILD_SECONDS = 500.0
FEATURE_JOB_SECONDS = 12_000.0
"""How long the SQL of one build may run, in the function and in a job: five sixths of what each has, so that
it ends with an error that says why.
"""


def limits_of(memory_mb: int, threads: int = 2, seconds: float | None = None) -> "Limits":
    from headgate.adapters.engines.duckdb_session import Limits

    return Limits(int(memory_mb * 1024**2 * MEMORY_SHARE), threads, seconds=seconds)


def sql_scratch() -> Path:
    """A folder of the SQL engine's own: what else lies in the temporary directory stays out of a product's
    reach.
    """
    import tempfile

    return Path(tempfile.gettempdir()) / "headgate-sql"


def httpfs() -> Path | None:
    """The httpfs extension's file where the duckdb layer or environment has it; it is loaded from there,
    never installed.
    """
    import sys

    for folder in sys.path:
        for found in Path(folder).glob("duckdb_extension_httpfs/extensions/*/httpfs.duckdb_extension"):
            return found
    return None
