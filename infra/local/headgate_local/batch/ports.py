"""What the engine needs from outside, as small Protocols.

Nothing here runs; adapters live in `sinks`, `images`, `runner`, and in whoever embeds the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Clock(Protocol):
    """Tells the time, in epoch milliseconds."""

    def now_ms(self) -> int: ...


class CredentialSource(Protocol):
    """Hands out what a job's role may use, as environment variables (AWS_ACCESS_KEY_ID, …).

    Raises LookupError with a sentence when the role cannot be assumed.
    """

    def for_role(self, role_arn: str | None, job_id: str, /) -> Mapping[str, str]: ...


class LogSink(Protocol):
    """Takes the output of jobs. Must not raise: a lost log line never harms a job."""

    def write(self, group: str, stream: str, timestamp_ms: int, message: str, /) -> None: ...

    def close(self) -> None: ...


class EventSink(Protocol):
    """Takes a job's description at each change of its state. Must not raise."""

    def job_changed(self, detail: Mapping[str, Any], /) -> None: ...


@dataclass(frozen=True)
class ImageEnvironment:
    """What stands in for a container image: the directory whose bin leads PATH, and where commands run."""

    directory: str
    working_directory: str | None = None
    python_path: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()


class ImageResolver(Protocol):
    """Finds the environment of a container image; None when no such image is known here."""

    def resolve(self, image: str) -> ImageEnvironment | None: ...


@dataclass(frozen=True)
class ProcessSpec:
    """A command with the whole of its environment; nothing is inherited."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str | None
    memory_mib: int | None = None


class Process(Protocol):
    """A started process with its descendants."""

    @property
    def reason(self) -> str | None:
        """Why the runner itself ended the process, as a container's `reason`; None when it did not."""
        ...

    def wait(self, timeout: float | None) -> int | None:
        """The exit code (128 + signal where killed), or None when the timeout passed first."""
        ...

    def stop(self, grace_seconds: float, /) -> None:
        """Ask the process group to end now, and kill it after the grace. Returns at once."""
        ...


class Runner(Protocol):
    """Starts processes. Raises OSError with a sentence when the command cannot be started."""

    def start(self, spec: ProcessSpec, on_line: Callable[[str], None]) -> Process: ...
