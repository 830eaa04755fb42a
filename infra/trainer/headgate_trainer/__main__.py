"""``python -m headgate_trainer s3://<models>/<product>/runs/<digest>/spec.json``: wiring, signals and the
exit code. In an array job the argument is ``…/experiments/<id>/trials.json``.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

from headgate_trainer.errors import DONE, BadSpec, OtherNode, Terminated, TrainerError
from headgate_trainer.journal import Journal
from headgate_trainer.stopping import Stop
from headgate_trainer.storage import AnyStorage, Storage
from headgate_trainer.train_run import TrainRun
from headgate_trainer.trials import spec_uri_of

BUG = 1
ATTEMPT = "AWS_BATCH_JOB_ATTEMPT"


def main(
    arguments: list[str],
    journal: Journal,
    storage: Storage | None = None,
    environ: Mapping[str, str] = os.environ,
    stop: Stop | None = None,
) -> int:
    """Exit status: 0 done, 64 bad spec or data, 70 model refused, 75 try again, 1 a bug."""
    try:
        if len(arguments) != 1:
            raise BadSpec("one argument is needed: the URI of the run spec, or of a list of trials")
        reached = storage or AnyStorage({})
        spec_uri = spec_uri_of(arguments[0], environ, reached)
        with tempfile.TemporaryDirectory(prefix="headgate-run-") as scratch:
            attempt = int(environ.get(ATTEMPT, "1"))
            run = TrainRun(reached, journal, Path(scratch), stop=stop or Stop(), attempt=attempt)
            metrics = run.run(spec_uri)
            journal.info("run_finished", auc=round(metrics["auc"], 6), seconds=run.seconds)
            return DONE
    except OtherNode as part:
        journal.info("part_finished", reason=str(part))
        return part.exit_code
    except (TrainerError, Terminated) as end:
        journal.error("run_ended", exit_code=end.exit_code, kind=type(end).__name__, reason=str(end))
        return end.exit_code
    except MemoryError:
        journal.error(
            "run_ended",
            exit_code=75,
            kind="MemoryError",
            reason="out of memory; a larger compute class may do",
        )
        return 75
    except Exception as bug:  # the last handler: what is not foreseen must still leave one readable line
        journal.error(
            "run_ended", exit_code=BUG, kind=type(bug).__name__, reason=str(bug), trace=traceback.format_exc()
        )
        return BUG


if __name__ == "__main__":
    stopping = Stop()
    stopping.install()
    sys.exit(main(sys.argv[1:], Journal(), stop=stopping))
