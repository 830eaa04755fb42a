"""Newest feature rows by key, in memory."""

from collections.abc import Iterator, Mapping, Sequence
from threading import RLock

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.ports import OnlineRow


class MemoryOnlineStore:
    """The OnlineStore port. Fault names: ``online.<method>``. Rows never expire here."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = RLock()
        self._rows: dict[tuple[str, str, str], OnlineRow] = {}

    def write(self, rows: Sequence[OnlineRow]) -> int:
        with self._faults.effect("online.write"), self._lock:
            newest = documents.newest_rows(rows)
            accepted = {key: row for key, row in newest.items() if not self._is_newer(key, row)}
            self._rows.update(accepted)
            return len(accepted)

    def read(
        self,
        product: str,
        keys: Sequence[tuple[str, str]],
        written: bool = False,  # noqa: ARG002 - here every reader sees what was written
    ) -> Mapping[tuple[str, str], OnlineRow]:
        with self._faults.read("online.read"), self._lock:
            found = {(space, key): self._rows.get((product, space, key)) for space, key in keys}
        return {name: row for name, row in found.items() if row is not None}

    def rows(self, product: str) -> Iterator[OnlineRow]:
        with self._faults.read("online.rows"), self._lock:
            found = [row for (owner, _, _), row in self._rows.items() if owner == product]
        yield from found

    def remove(self, product: str, keys: Sequence[tuple[str, str]]) -> None:
        with self._faults.effect("online.remove"), self._lock:
            for space, key in keys:
                self._rows.pop((product, space, key), None)

    def take_back(self, product: str, rows: Sequence[tuple[str, str, str]]) -> None:
        with self._faults.effect("online.take_back"), self._lock:
            for space, key, event_time in rows:
                stored = self._rows.get((product, space, key))
                if stored is not None and stored.event_time == event_time:
                    del self._rows[product, space, key]

    def _is_newer(self, key: tuple[str, str, str], row: OnlineRow) -> bool:
        """Whether what is there is newer than ``row``."""
        stored = self._rows.get(key)
        return stored is not None and stored.event_time > row.event_time
