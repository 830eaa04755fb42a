"""The ingest job: ``python -m headgate.jobs.ingest <drop>``, the function's own use case over one large drop.

Exit codes: 0 done (taken in, known, or refused by its contract), 64 no drop or no settings: no retry, 70 it
failed for good, 75 try again.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from headgate import bootstrap
from headgate.domain.errors import ConfigurationError, InvalidRequest, Retryable
from headgate.jobs.running import AGAIN, BAD, DONE, FAILED, logged
from headgate.services.ingestion.hand_over_drop import handed_drop
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.ingestion.ingest_report import IngestReport


def run(
    arguments: Sequence[str], ingest: Callable[[], IngestDrops], say: Callable[[dict[str, Any]], None]
) -> int:
    """Takes in the one drop that ``arguments`` name; ``say`` gets a line of log at a time."""
    try:
        if len(arguments) != 1:
            raise InvalidRequest(f"one argument is needed, found {len(arguments)}")
        drop = handed_drop(arguments[0])
        report = ingest().ingest([drop])
    except (InvalidRequest, ConfigurationError) as error:
        say({"level": "ERROR", "message": str(error)})
        return BAD
    for line in lines(report):
        say(line)
    problems = list(report.failed.values())
    if not problems:
        return DONE
    return AGAIN if all(isinstance(p, Retryable) for p in problems) else FAILED


def lines(report: IngestReport) -> list[dict[str, Any]]:
    """What became of the drop, with the keys that the function's log has."""
    said: list[dict[str, Any]] = [
        {
            "level": "INFO",
            "message": "version committed",
            "product": v.product,
            "dataset": v.dataset,
            "ordinal": v.ordinal,
            "rows": v.rows,
            "added_rows": v.added_rows,
        }
        for v in report.committed
    ]
    said += [{"level": "INFO", "message": "known already"} for _ in report.repeated]
    said += [
        {
            "level": "WARNING",
            "message": "drop quarantined",
            "product": q.product,
            "dataset": q.dataset,
            "key": q.key,
            "rule": q.rule,
            "reason": q.reason,
        }
        for q in report.quarantined
    ]
    said += [
        {"level": "ERROR", "message": str(e), "error_type": type(e).__name__} for e in report.failed.values()
    ]
    return said


def main() -> int:
    return run(sys.argv[1:], lambda: bootstrap.ingest_job(os.environ), logged("ingest-job"))


if __name__ == "__main__":
    sys.exit(main())
