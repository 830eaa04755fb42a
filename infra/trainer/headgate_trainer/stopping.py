"""Being told to stop. AWS Batch sends SIGTERM, and kills 30 seconds later (a reclaimed host: two minutes).

Owns what happens in between: a fit that keeps checkpoints goes on to the next step where it can save one, or
to its end, for as long as there is time; anything else ends at once.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from headgate_trainer.errors import Terminated

SAVING_SECONDS = 20.0
"""Of the 30 that there are; what is left is for writing the checkpoint."""


def _alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


@dataclass
class Stop:
    """``reason`` is set once the run was told to stop. ``alarm`` has `hurry` called after some seconds."""

    alarm: Callable[[float], None] = _alarm
    reason: str | None = None
    _saves: bool = False

    @property
    def asked(self) -> bool:
        return self.reason is not None

    @contextmanager
    def waiting_for_a_checkpoint(self) -> Iterator[None]:
        """Within, a request to stop waits for `saved`, and not longer than there is time."""
        self._saves = True
        try:
            yield
        finally:
            self._saves = False

    def saved(self, steps: int) -> None:
        """Ends the run if it was told to stop."""
        if self.reason is not None:
            raise Terminated(f"{self.reason}; step {steps} was saved, and a retry goes on from there")

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the runtime's signature
        """The handler of SIGTERM."""
        self.reason = f"stopped by {signal.Signals(number).name}"
        if not self._saves:
            raise Terminated(f"{self.reason}; nothing was published")
        self.alarm(SAVING_SECONDS)

    def hurry(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the runtime's signature
        """The handler of the alarm: neither a checkpoint nor the end came in time."""
        raise Terminated(f"{self.reason}; a retry goes on from the newest checkpoint, if there is one")

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self.handle)
        signal.signal(signal.SIGALRM, self.hurry)
