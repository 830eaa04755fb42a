"""The event bus and queues in memory: what was published or sent, in order, to look at or to pass on."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.domain.events import DomainEvent

MOST_DELAY_SECONDS = 900
Subscriber = Callable[[DomainEvent], None]


class MemoryEventBus:
    """The EventBus port. Publishing and delivering are apart, as on a real bus: see ``deliver``."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = RLock()
        self._published: list[DomainEvent] = []
        self._pending: deque[DomainEvent] = deque()
        self._subscribers: list[tuple[frozenset[str], Subscriber]] = []

    @property
    def events(self) -> tuple[DomainEvent, ...]:
        """Everything that was published, in order."""
        with self._lock:
            return tuple(self._published)

    def of_type(self, kind: str) -> tuple[DomainEvent, ...]:
        return tuple(event for event in self.events if event.type == kind)

    def publish(self, events: Sequence[DomainEvent]) -> None:
        with self._faults.effect("bus.publish"), self._lock:
            copies = [_over_the_wire(event) for event in events]
            self._published.extend(copies)
            self._pending.extend(copies)

    def subscribe(self, subscriber: Subscriber, *types: str) -> None:
        """Call ``subscriber`` with each event of these types (of every type when none is named)."""
        with self._lock:
            self._subscribers.append((frozenset(types), subscriber))

    def deliver(self, times: int = 1) -> int:
        """Hand out what is pending, and what that publishes, until all is quiet; returns how many.

        ``times`` hands each event out again, as a bus that promises at least once may do.
        """
        count = 0
        while (event := self._next()) is not None:
            count += 1
            for types, subscriber in tuple(self._subscribers):
                if not types or event.type in types:
                    for _ in range(times):
                        subscriber(event)
        return count

    def _next(self) -> DomainEvent | None:
        with self._lock:
            return self._pending.popleft() if self._pending else None


class MemoryQueue:
    """The MessageQueue port. Fault name: ``<name>.send``."""

    def __init__(self, name: str = "queue", faults: Faults | None = None) -> None:
        self._name = name
        self._faults = faults or Faults()
        self._lock = RLock()
        self._messages: list[dict[str, Any]] = []
        self._delays: list[int] = []

    @property
    def delays(self) -> tuple[int, ...]:
        """Of every message that waits, how many seconds it was to be held back."""
        with self._lock:
            return tuple(self._delays)

    @property
    def messages(self) -> tuple[dict[str, Any], ...]:
        """What waits in the queue, oldest first."""
        with self._lock:
            return tuple(self._messages)

    def send(self, body: Mapping[str, Any], delay_seconds: int = 0) -> None:
        if not 0 <= delay_seconds <= MOST_DELAY_SECONDS:
            raise ValueError(f"a queue holds no message back for {delay_seconds} s")
        with self._faults.effect(f"{self._name}.send"), self._lock:
            self._messages.append(documents.document_of(documents.text_of(body)))
            self._delays.append(delay_seconds)

    def receive(self, limit: int = 10) -> list[dict[str, Any]]:
        """Take up to ``limit`` messages off the queue. Not in the port: the entry point receives."""
        with self._lock:
            taken, self._messages = self._messages[:limit], self._messages[limit:]
            self._delays = self._delays[limit:]
            return taken


def _over_the_wire(event: DomainEvent) -> DomainEvent:
    """The event as a consumer gets it: its detail went through JSON."""
    return DomainEvent.from_detail(event.type, documents.document_of(documents.event_detail(event)))
