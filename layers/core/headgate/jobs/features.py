"""The features job: ``python -m headgate.jobs.features <build>``, one worker's share of a stage of a feature
build.

In an array each worker takes its share by the index that AWS Batch gives it. Exit codes: 0 done (made, or
declared anew meanwhile), 64 no build or no settings: no retry, 70 it failed for good, 75 try again.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headgate import bootstrap
from headgate.domain.errors import ConfigurationError, HeadgateError, InvalidRequest, Retryable
from headgate.domain.feature_job import FeatureJob
from headgate.jobs.running import AGAIN, BAD, DONE, FAILED, logged
from headgate.services.features.make_feature_share import MakeFeatureShare

INDEX = "AWS_BATCH_JOB_ARRAY_INDEX"


def run(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    make: Callable[[], MakeFeatureShare],
    say: Callable[[dict[str, Any]], None],
) -> int:
    """Makes the share of the stage that ``arguments`` name; ``say`` gets a line of log at a time."""
    try:
        if len(arguments) != 1:
            raise InvalidRequest(f"one argument is needed, found {len(arguments)}")
        job, service = FeatureJob.from_parameter(arguments[0]), make()
    except (InvalidRequest, ConfigurationError) as error:
        say({"level": "ERROR", "message": str(error)})
        return BAD
    index = int(environ.get(INDEX, "0"))
    keys = {"product": job.product, "feature_set": job.feature_set, "stage": job.stage, "share": index}
    try:
        outcome = service.make(job, index)
    except HeadgateError as error:
        say({"level": "ERROR", "message": str(error), "error_type": type(error).__name__, **keys})
        return AGAIN if isinstance(error, Retryable) else FAILED
    if outcome.stale:
        say({"level": "WARNING", "message": "the set was declared anew: nothing to make", **keys})
    say({"level": "INFO", "message": "share made", "steps": outcome.steps, "made": outcome.made, **keys})
    return DONE


def main() -> int:
    return run(sys.argv[1:], os.environ, lambda: bootstrap.feature_job(os.environ), logged("features-job"))


if __name__ == "__main__":
    sys.exit(main())
