"""What happens during a run, as JSON lines with stable keys. Never rows, never values of the data."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Journal:
    """Writes to ``stream``; ``bound`` are keys that every line carries, such as the run."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    clock: Callable[[], str] = _now
    bound: dict[str, Any] = field(default_factory=dict)

    def bind(self, **keys: Any) -> None:
        self.bound.update(keys)

    def info(self, event: str, **keys: Any) -> None:
        self._line("INFO", event, keys)

    def error(self, event: str, **keys: Any) -> None:
        self._line("ERROR", event, keys)

    def _line(self, level: str, event: str, keys: dict[str, Any]) -> None:
        line = {"time": self.clock(), "level": level, "event": event, **self.bound, **keys}
        print(json.dumps(line, ensure_ascii=False, default=str), file=self.stream, flush=True)
