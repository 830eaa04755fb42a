"""Runs a job's command as a local process group with exactly the environment it is given.

It owns starting, reading output, limiting memory, stopping and reaping. It must not decide about retries
or know jobs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable

from headgate_local.batch.memory_limit import OUT_OF_MEMORY, MemoryWatch
from headgate_local.batch.ports import ProcessSpec


class LocalProcess:
    """A process group started by LocalRunner."""

    def __init__(
        self, process: subprocess.Popen[str], on_line: Callable[[str], None], memory_mib: int | None = None
    ) -> None:
        self._process = process
        self._on_line = on_line
        self._reason: str | None = None
        self._watch = MemoryWatch(process.pid, memory_mib, self._out_of_memory) if memory_mib else None
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"batch-output-{process.pid}")
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def reason(self) -> str | None:
        """That the memory limit ended the process, if it did."""
        return self._reason

    def _out_of_memory(self) -> None:
        self._reason = OUT_OF_MEMORY
        self._signal(signal.SIGKILL)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._on_line(line.rstrip("\n"))

    def wait(self, timeout: float | None) -> int | None:
        """The exit code as a container reports it, or None when the timeout passed first."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        if self._watch is not None:
            self._watch.close()
        # A container ends with its first process: whatever that one left behind goes too.
        self._signal(signal.SIGKILL)
        self._reader.join(timeout=5)
        return code if code >= 0 else 128 - code

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM to the group now, SIGKILL after the grace."""
        self._signal(signal.SIGTERM)
        timer = threading.Timer(grace_seconds, self._kill_if_running)
        timer.daemon = True
        timer.start()

    def _kill_if_running(self) -> None:
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class LocalRunner:
    """A Runner over subprocess. Where `setpriv` exists, a job dies with this process even if it is killed."""

    def __init__(self, setpriv: str | None = None) -> None:
        self._prefix = (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()

    @classmethod
    def detect(cls) -> LocalRunner:
        """A runner that uses setpriv where this machine has it."""
        return cls(shutil.which("setpriv"))

    def start(self, spec: ProcessSpec, on_line: Callable[[str], None]) -> LocalProcess:
        """Start the command. Raises OSError when it is not found on the PATH it was given."""
        executable = shutil.which(spec.command[0], path=spec.environment.get("PATH", ""))
        if executable is None:
            raise FileNotFoundError(f'exec: "{spec.command[0]}": executable file not found in $PATH')
        process = subprocess.Popen(
            [*self._prefix, executable, *spec.command[1:]],
            env=dict(spec.environment),
            cwd=spec.working_directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return LocalProcess(process, on_line, spec.memory_mib)
