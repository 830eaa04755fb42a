"""A program as a process: what it may see, what it says on the way, and what its end means."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import headgate_trainer
from headgate_trainer.errors import BadSpec, ModelRefused, TryAgain
from headgate_trainer.program import VARIABLE
from headgate_trainer.trainers import Progress

LOOKS_EVERY_SECONDS = 0.5
SHOWN_LINES = 12
# A program gets its rows as files: the job's own credentials are not among what it sees.
_SEEN = ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")
_SEEN_PREFIXES = ("CUDA_", "NVIDIA_", "OMP_", "PYTHON")


def run_program(
    command: tuple[str, ...],
    task: dict[str, Any],
    folder: Path,
    progress: Progress,
    look: Callable[[], None],
) -> None:
    """Runs it to its end; ``look`` is called now and then meanwhile.

    Raises BadSpec when it cannot be started or fails, ModelRefused for its exit status 70, TryAgain for 75 or
    when a signal ended it (the machine's memory is the usual reason).
    """
    path = folder / f"{task['task']}.json"
    path.write_text(json.dumps(task, indent=1))
    with (folder / "errors.log").open("w+") as errors:
        with _started(command, _environment(path, task["threads"]), folder, errors) as process:
            try:
                _follow(process, progress, look)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            raise _ended(" ".join(command), process.returncode, errors)


def _started(
    command: tuple[str, ...], environment: dict[str, str], folder: Path, errors: IO[str]
) -> "subprocess.Popen[str]":
    """In a session of its own, so that what it starts ends with it."""
    call = [sys.executable if command[0] == "python" else command[0], *command[1:]]
    try:
        return subprocess.Popen(
            call,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise BadSpec(f"trainer command: {call[0]} cannot be started: {error.strerror}") from error


def _environment(path: Path, threads: int) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name in _SEEN or name.startswith(_SEEN_PREFIXES)
    }
    here = str(Path(headgate_trainer.__file__).parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [here, kept.get("PYTHONPATH", "")]))
    return {"OMP_NUM_THREADS": str(threads), **kept, VARIABLE: str(path)}


def _follow(process: "subprocess.Popen[str]", progress: Progress, look: Callable[[], None]) -> None:
    lines: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=LOOKS_EVERY_SECONDS)
        except queue.Empty:
            look()
            continue
        if line is None:
            break
        _told(line, progress)
        look()
    process.wait()


def _read(stream: IO[str], lines: "queue.Queue[str | None]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _told(text: str, progress: Progress) -> None:
    """Lines that tell no progress are the program's own business."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        line = json.loads(text)
        metrics = {str(name): float(value) for name, value in line.get("metrics", {}).items()}
        progress(int(line["iteration"]), int(line["iterations"]), metrics)


def _ended(command: str, status: int, errors: IO[str]) -> Exception:
    errors.seek(0)
    last = "".join(deque(errors, SHOWN_LINES)).strip()
    said = f"{command} ended with status {status}: {last or 'it said nothing on standard error'}"
    if status < 0 or status == TryAgain.exit_code:
        return TryAgain(said)
    return ModelRefused(said) if status == ModelRefused.exit_code else BadSpec(said)
