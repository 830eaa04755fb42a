"""Processes of this machine by pid: whether one is the emulator that was recorded, and how to end it.

Owns the check that stands before every signal: a pid alone proves nothing, it may be someone else's by now.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")


def command_line(pid: int) -> str | None:
    """The command line of a process; None when there is none, or it has ended and waits for its parent."""
    if PROC.is_dir():
        try:
            state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
            arguments = (PROC / str(pid) / "cmdline").read_bytes()
        except (OSError, IndexError):
            return None
        return None if state == "Z" else arguments.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() or None


def is_emulator(pid: int, state_file: Path) -> bool:
    """Whether ``pid`` is the emulator that writes ``state_file``."""
    said = command_line(pid)
    return said is not None and "headgate_local.emulator" in said and str(state_file) in said


def end(
    pid: int,
    state_file: Path,
    grace_seconds: float = 15.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """SIGTERM to the recorded emulator, SIGKILL after the grace. False when the pid is not ours."""
    if not is_emulator(pid, state_file):
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = clock() + grace_seconds
    while is_emulator(pid, state_file):
        if clock() >= deadline:
            os.kill(pid, signal.SIGKILL)
            deadline = clock() + grace_seconds
        sleep(0.05)
    return True
