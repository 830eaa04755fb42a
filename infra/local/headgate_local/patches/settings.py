"""What the patches need to know about this run. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from headgate_local.batch.engine import EngineSettings
from headgate_local.batch.ports import ImageResolver


@dataclass(frozen=True)
class PatchSettings:
    """One emulator run: where it listens, what it may use, and what to call before it ends."""

    endpoint: str
    root_access_key_id: str
    function_python: str
    scratch: Path
    engine: EngineSettings
    images: ImageResolver
    on_exit: list[Callable[[], None]] = field(default_factory=list)
