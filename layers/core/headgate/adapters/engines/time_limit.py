"""A limit of time for the SQL of one connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from headgate.domain.errors import OutOfTime

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

INTERRUPTED_EVERY = 0.05
"""Seconds, once the time is up."""
THREAD = "headgate-time-limit"


@contextmanager
def within(connection: "DuckDBPyConnection", seconds: float | None) -> Iterator[None]:
    """Statements of the block are interrupted once ``seconds`` have passed, again and again until it ends:
    between two of them nothing would hear it. None is no limit.

    Raises OutOfTime for what a statement that was stopped here raised, also where the block has made another
    error of it; an interrupt that comes from elsewhere passes as it is. DuckDB hears of it between two
    batches of rows: one call of a function over one value goes on to its end.
    """
    if seconds is None:
        yield
        return
    done, late = Event(), Event()

    def watch() -> None:
        if done.wait(max(seconds, 0.0)):
            return
        late.set()
        connection.interrupt()
        while not done.wait(INTERRUPTED_EVERY):
            connection.interrupt()

    thread = Thread(target=watch, name=THREAD, daemon=True)
    thread.start()
    try:
        yield
    except Exception as error:
        if late.is_set() and _interrupted(error):
            raise OutOfTime(f"the query ran longer than {seconds:g} s and was stopped") from error
        raise
    finally:
        done.set()
        thread.join()


def _interrupted(error: BaseException | None) -> bool:
    import duckdb

    while error is not None:
        if isinstance(error, duckdb.InterruptException):
            return True
        error = error.__cause__ or error.__context__
    return False
