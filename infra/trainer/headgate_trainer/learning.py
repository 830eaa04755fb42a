"""How a fit goes on: told to the journal as it happens, and kept as the learning curve."""

from collections.abc import Callable
from dataclasses import dataclass, field

from headgate_trainer.checkpoints import Points
from headgate_trainer.journal import Journal


@dataclass
class Learning:
    """See `headgate_trainer.trainers.Progress`. ``points`` are appended to, and never hold a duration: they
    are the same however often the fit was interrupted.

    ``clock`` gives seconds; ``resumed_from`` the iterations that took no time of this process.
    """

    journal: Journal
    rows: int
    points: Points
    clock: Callable[[], float]
    resumed_from: Callable[[], int]
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def __call__(self, done: int, total: int, metrics: dict[str, float]) -> None:
        seconds = self.clock() - self._started
        passed = self.rows * (done - self.resumed_from())
        speed = {"rows_per_second": round(passed / seconds)} if seconds > 0 else {}
        self.points.append({"iteration": done, **metrics})
        self.journal.info(
            "training", iteration=done, iterations=total, seconds=round(seconds, 3), **speed, **metrics
        )
