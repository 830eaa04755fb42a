"""``python -m headgate_trainer s3://<models>/<product>/runs/<digest>/spec.json``: wiring, signals and the
exit code.
"""

import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType

from headgate_trainer.errors import DONE, BadSpec, Terminated, TrainerError
from headgate_trainer.journal import Journal
from headgate_trainer.storage import AnyStorage, Storage
from headgate_trainer.train_run import TrainRun

BUG = 1


def main(arguments: list[str], journal: Journal, storage: Storage | None = None) -> int:
    """Exit status: 0 done, 64 bad spec or data, 70 model refused, 75 try again, 1 a bug."""
    try:
        if len(arguments) != 1:
            raise BadSpec("one argument is needed: the URI of the run spec")
        with tempfile.TemporaryDirectory(prefix="headgate-run-") as scratch:
            run = TrainRun(storage or AnyStorage({}), journal, Path(scratch))
            metrics = run.run(arguments[0])
            journal.info("run_finished", auc=round(metrics["auc"], 6), seconds=run.seconds)
            return DONE
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


def stop_cleanly(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is the runtime's
    """Batch sends SIGTERM before it takes the machine away: no manifest, and the retry starts anew."""
    raise Terminated(f"stopped by {signal.Signals(number).name}; nothing was published")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop_cleanly)
    sys.exit(main(sys.argv[1:], Journal()))
