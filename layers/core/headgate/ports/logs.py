"""What jobs printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class LogPage:
    """``lines`` as (epoch milliseconds, text), oldest first; ``after`` asks for what comes behind them."""

    lines: Sequence[tuple[int, str]]
    after: str | None


class JobLogs(Protocol):
    """Reads the log of batch jobs. Raises Throttled, PermissionMissing."""

    def read(self, stream: str, after: str | None = None, limit: int = 1000) -> LogPage:
        """The lines of a stream behind ``after`` (None: from its start). A stream that is not there yet has
        none.
        """
        ...
