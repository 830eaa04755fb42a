"""Which credentials the platform's processes were started with: read from /proc, while the tests run.

Owns the sampling thread. It sees functions and training jobs alike: all of them are the
emulator's processes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from headgate_local.demo_memory import descendants

PROC = Path("/proc")


@dataclass(frozen=True)
class Held:
    """One process's keys. ``name`` is the function's, or that of the job's module."""

    name: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    environment: frozenset[str]


class CredentialWatch:
    """Looks at every process below ``root`` a few times a second; each environment is kept once."""

    def __init__(self, root: int, interval: float = 0.2, proc: Path = PROC) -> None:
        self._root = root
        self._interval = interval
        self._proc = proc
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="credential-watch", daemon=True)
        self._seen: dict[int, Held] = {}

    @property
    def available(self) -> bool:
        return (self._proc / "self").exists()

    @property
    def held(self) -> list[Held]:
        """What every process seen so far held."""
        return list(self._seen.values())

    def __enter__(self) -> CredentialWatch:
        if self.available:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            for pid in descendants(self._root, self._proc):
                if pid != self._root and pid not in self._seen and (found := self._read(pid)):
                    self._seen[pid] = found

    def _read(self, pid: int) -> Held | None:
        """None for a process that is gone, or between fork and exec, when it still is the emulator."""
        try:
            raw = (self._proc / str(pid) / "environ").read_bytes()
            command = (self._proc / str(pid) / "cmdline").read_bytes()
        except OSError:
            return None
        if not raw or b"headgate_local.emulator" in command:
            return None
        entries = frozenset(raw.decode("utf-8", "replace").rstrip("\0").split("\0"))
        found = dict(entry.partition("=")[::2] for entry in entries)
        name = found.get("AWS_LAMBDA_FUNCTION_NAME") or ("job" if "AWS_BATCH_JOB_ID" in found else "")
        return Held(
            name or command.decode("utf-8", "replace").replace("\0", " "),
            found.get("AWS_ACCESS_KEY_ID", ""),
            found.get("AWS_SECRET_ACCESS_KEY", ""),
            found.get("AWS_SESSION_TOKEN", ""),
            entries,
        )
