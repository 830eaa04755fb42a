"""Starting and stopping the emulator from another program: `with start(python) as emulator: …`.

It owns the child process and its readiness. Standard library only, because it runs in environments
without MiniStack.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

SUPPORTED_MINISTACK = "1.5.33"
# The directory to put on PYTHONPATH so that `headgate_local` is found.
PACKAGE_ROOT = Path(__file__).resolve().parent.parent
LOG_TAIL_LINES = 30


class EmulatorError(RuntimeError):
    """The emulator did not become ready; the message ends with the tail of its log."""


@dataclass(frozen=True)
class Credentials:
    """An access key pair of the emulator."""

    access_key_id: str
    secret_access_key: str

    def environment(self) -> dict[str, str]:
        """As the variables AWS SDKs read."""
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}


@dataclass(frozen=True)
class EmulatorState:
    """What a running emulator's state file says."""

    endpoint: str
    pid: int
    region: str
    account_id: str
    root_credentials: Credentials
    started_at: str
    ministack_version: str

    @classmethod
    def read(cls, path: Path) -> EmulatorState:
        """Read a state file. Raises FileNotFoundError while there is none."""
        found = json.loads(path.read_text(encoding="utf-8"))
        root = Credentials(found["root_access_key_id"], found["root_secret_access_key"])
        return cls(
            found["endpoint"],
            found["pid"],
            found["region"],
            found["account_id"],
            root,
            found["started_at"],
            found["ministack_version"],
        )


@dataclass
class Emulator:
    """A started emulator; leaving the context stops it."""

    state: EmulatorState
    process: subprocess.Popen[bytes]
    log_file: Path
    # Where state and log are when the caller named no place for them; it goes away with the emulator.
    home: Path | None = None

    @property
    def endpoint(self) -> str:
        """The URL for AWS_ENDPOINT_URL."""
        return self.state.endpoint

    @property
    def region(self) -> str:
        """The region of this emulator."""
        return self.state.region

    @property
    def root_credentials(self) -> Credentials:
        """The key pair of the account's root, made for this run: for deploying, never for applications."""
        return self.state.root_credentials

    def stop(self, grace_seconds: float = 15.0) -> None:
        """End it: SIGTERM, and SIGKILL should the grace not suffice. Safe to call twice."""
        end(self.process, grace_seconds)
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    env_python: str | Path,
    function_python: str | Path,
    *,
    state_file: Path | None = None,
    log_file: Path | None = None,
    port: int = 0,
    batch_images: Mapping[str, str | Path] | None = None,
    batch_cwd: str | Path | None = None,
    batch_vcpus: float | None = None,
    extra_arguments: Sequence[str] = (),
    bound_to_parent: bool = True,
    ready_within_seconds: float = 30.0,
) -> Emulator:
    """Start the emulator and wait until it answers.

    `env_python` is the interpreter of the emulator's environment, `function_python` the one functions run on.
    `batch_images` maps patterns of container images to environment directories. With `bound_to_parent` it
    ends when this process does; `make up` passes False. Raises EmulatorError with the tail of the log.
    """
    home = None
    if state_file is None or log_file is None:
        home = Path(tempfile.mkdtemp(prefix="headgate-state-"))
        state_file, log_file = state_file or home / "state.json", log_file or home / "emulator.log"
    state_file.unlink(missing_ok=True)
    state_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    command = [
        str(env_python),
        "-m",
        "headgate_local.emulator",
        "--port",
        str(port),
        "--state-file",
        str(state_file),
        "--function-python",
        str(function_python),
    ]
    for pattern, directory in (batch_images or {}).items():
        command += ["--batch-image", f"{pattern}={directory}"]
    if batch_cwd is not None:
        command += ["--batch-cwd", str(batch_cwd)]
    if batch_vcpus is not None:
        command += ["--batch-vcpus", str(batch_vcpus)]
    if bound_to_parent:
        command += ["--parent-pid", str(os.getpid())]
    with log_file.open("ab") as log:
        # A session of its own: Ctrl-C in the terminal is for the caller, who then stops the emulator.
        process = subprocess.Popen(
            [*command, *extra_arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
            start_new_session=True,
        )
    try:
        state = _await_state(process, state_file, log_file, time.monotonic() + ready_within_seconds)
    except BaseException:
        end(process, 5.0)
        raise
    return Emulator(state, process, log_file, home)


def _await_state(
    process: subprocess.Popen[bytes], path: Path, log_file: Path, deadline: float
) -> EmulatorState:
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            return EmulatorState.read(path)
        if process.poll() is not None:
            raise EmulatorError(f"the emulator ended with status {process.returncode}:\n{log_tail(log_file)}")
        time.sleep(0.02)
    raise EmulatorError(f"the emulator was not ready in time:\n{log_tail(log_file)}")


def log_tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log, or why there are none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error})"


def end(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """SIGTERM, then SIGKILL after the grace; returns when the process is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
