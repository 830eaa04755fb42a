"""Opening DuckDB connections that can read only what they were given.

Owns limits, the sandbox and the S3 secret. It must not know what the SQL is about.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headgate.adapters.engines.time_limit import within
from headgate.ports import S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REMOTE = ("s3://", "https://", "http://")
"""What httpfs reads: an imported object's URI is a signed address, for S3 URIs know no VersionId."""


@dataclass(frozen=True)
class Limits:
    """What one connection may use. ``memory_bytes`` should be about 60% of the function's memory: spilling
    sorts and joins were measured up to 49% above their limit. ``seconds`` is how long the connection may be
    worked with before its statements are stopped; None leaves that to whoever runs the process.
    """

    memory_bytes: int
    threads: int
    spill_bytes: int = 8 * 1024**3
    seconds: float | None = None


def quoted(text: str) -> str:
    """``text`` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def open_session(
    limits: Limits,
    scratch: Path,
    *,
    readable: Sequence[str] = (),
    s3: S3AccessProvider | None = None,
    httpfs: Path | None = None,
    prepare: Callable[["DuckDBPyConnection"], None] | None = None,
) -> Iterator["DuckDBPyConnection"]:
    """A connection that reads ``readable`` (URIs or paths) and reads and writes below ``scratch``, and
    nothing else.

    ``prepare`` runs before the doors are locked. httpfs is loaded from the file ``httpfs`` only when
    something readable is not on this disk, and never installed. Raises OutOfTime for a statement that was
    stopped after ``limits.seconds``.
    """
    import duckdb

    # Threads are told at once: set later, one for every core of the machine has been started before.
    connection = duckdb.connect(":memory:", config={"threads": limits.threads})
    try:
        with within(connection, limits.seconds):
            _configure(connection, limits, scratch)
            if any(uri.startswith(REMOTE) for uri in readable):
                _open_s3(connection, s3, httpfs)
            if prepare is not None:
                prepare(connection)
            _lock(connection, scratch, readable)
            yield connection
    finally:
        connection.close()


def _configure(connection: "DuckDBPyConnection", limits: Limits, scratch: Path) -> None:
    connection.execute(f"SET memory_limit = '{limits.memory_bytes // 1024**2}MiB'")
    connection.execute(f"SET temp_directory = {quoted(str(scratch / 'spill'))}")
    connection.execute(f"SET max_temp_directory_size = '{limits.spill_bytes // 1024**2}MiB'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET enable_progress_bar = false")


def _open_s3(connection: "DuckDBPyConnection", s3: S3AccessProvider | None, httpfs: Path | None) -> None:
    if s3 is None or httpfs is None:
        raise ValueError("reading s3:// needs credentials and the httpfs extension's file")
    connection.execute(f"LOAD {quoted(str(httpfs))}")
    # With the external file cache on, a full scan of 949 MB took 1,039 MB instead of 144 MB.
    connection.execute("SET enable_external_file_cache = false")
    connection.execute("SET http_retries = 5")
    access = s3()
    options = [
        "TYPE s3",
        "PROVIDER config",
        f"KEY_ID {quoted(access.access_key_id)}",
        f"SECRET {quoted(access.secret_access_key)}",
        f"REGION {quoted(access.region)}",
    ]
    if access.session_token:
        options.append(f"SESSION_TOKEN {quoted(access.session_token)}")
    if access.endpoint:
        parts = urlsplit(access.endpoint)
        options += [
            f"ENDPOINT {quoted(parts.netloc)}",
            "URL_STYLE 'path'",
            f"USE_SSL {parts.scheme == 'https'}",
        ]
    connection.execute(f"CREATE SECRET headgate_s3 ({', '.join(options)})")


def _lock(connection: "DuckDBPyConnection", scratch: Path, readable: Sequence[str]) -> None:
    connection.execute(f"SET allowed_directories = [{quoted(str(scratch) + '/')}]")
    connection.execute(f"SET allowed_paths = [{', '.join(quoted(u) for u in readable)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
