"""What goes out: events, messages, jobs."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from headgate.domain.events import DomainEvent
from headgate.domain.job import Job


class EventBus(Protocol):
    """Publishes facts. Raises Throttled, or StateUnknown when some were not accepted."""

    def publish(self, events: Sequence[DomainEvent]) -> None: ...


class MessageQueue(Protocol):
    """One queue to send to. Raises Throttled."""

    def send(self, body: Mapping[str, Any], delay_seconds: int = 0) -> None:
        """``delay_seconds`` of at most 900 pass before anyone is given the message."""
        ...


class BatchCompute(Protocol):
    """Submits and describes jobs. Raises ConfigurationError for a compute class that is not deployed,
    Throttled, PermissionMissing.
    """

    def submit(
        self,
        *,
        name: str,
        compute_class: str,
        parameters: Mapping[str, str],
        timeout_seconds: int,
        array_size: int | None = None,
    ) -> str:
        """Returns the job id. ``parameters`` fill the places that the job definition's command names; with an
        ``array_size`` of 2 or more so many jobs run, each of which knows its index. Raises InvalidRequest for
        an array of jobs of several nodes each.
        """
        ...

    def describe(self, job_id: str) -> Job:
        """Raises NotFound."""
        ...

    def terminate(self, job_id: str, reason: str) -> None:
        """End a job, or all of an array, wherever it is; one that has ended is left as it is."""
        ...
