"""The reproduction job: ``python -m headgate.jobs.reproduce <reproduction>``. What a registered model was
made of is read, and its features are made again.

Exit codes: 0 done (made, or found to be gone), 64 no reproduction or no settings: no retry, 70 it failed for
good, 75 try again.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from headgate import bootstrap
from headgate.domain.errors import ConfigurationError, HeadgateError, InvalidRequest, Retryable
from headgate.domain.reproduction import place_of
from headgate.jobs.running import AGAIN, BAD, DONE, FAILED, logged
from headgate.services.reproduction.rebuild_features import RebuildFeatures


def run(
    arguments: Sequence[str], make: Callable[[], RebuildFeatures], say: Callable[[dict[str, Any]], None]
) -> int:
    """Makes the features of the reproduction that ``arguments`` name; ``say`` gets a line of log."""
    try:
        if len(arguments) != 1:
            raise InvalidRequest(f"one argument is needed, found {len(arguments)}")
        (product, name), service = place_of(arguments[0]), make()
    except (InvalidRequest, ConfigurationError) as error:
        say({"level": "ERROR", "message": str(error)})
        return BAD
    keys = {"product": product, "reproduction": name}
    try:
        rebuilt = service.rebuild(product, name)
    except HeadgateError as error:
        say({"level": "ERROR", "message": str(error), "error_type": type(error).__name__, **keys})
        return AGAIN if isinstance(error, Retryable) else FAILED
    for sentence in rebuilt.gone:
        say({"level": "WARNING", "message": sentence, **keys})
    made = {"partitions": len(rebuilt.partitions), "problem": rebuilt.problem}
    say({"level": "INFO", "message": "features made again", **made, **keys})
    return DONE


def main() -> int:
    return run(sys.argv[1:], lambda: bootstrap.reproduce_job(os.environ), logged("reproduce-job"))


if __name__ == "__main__":
    sys.exit(main())
