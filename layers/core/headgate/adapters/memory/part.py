"""What the parts of the in-memory catalog share: one lock, and the planned faults."""

from threading import RLock

from headgate.adapters.memory.faults import Faults


class CatalogPart:
    """Base of one port's share of the catalog."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = RLock()
