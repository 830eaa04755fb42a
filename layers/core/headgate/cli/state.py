"""What a developer's machine knows of its platform: ``build/local/state.json``, readable by its owner alone.

Owns the file's form and where it lies. It holds a dropper's and an operator's keys, never an administrator's.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headgate.cli.failures import NotSetUp

FORMAT = "headgate.local/1"


@dataclass(frozen=True)
class Keys:
    """One IAM user's access key."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class LocalState:
    """A platform on this machine. ``emulator`` says how to find its process: pid, start time, log."""

    endpoint: str
    region: str
    stack: str
    api_url: str
    outputs: Mapping[str, str]
    dropper: Keys
    operator: Keys
    product: str | None = None
    principal: str | None = None
    emulator: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "LocalState":
        """Raises NotSetUp when the file is of another form."""
        if document.get("format") != FORMAT:
            raise NotSetUp(
                f"the state has the form {document.get('format')!r}, not {FORMAT}; `headgate up` again"
            )
        fields = {k: v for k, v in document.items() if k != "format"}
        fields["dropper"] = Keys(**document["dropper"])
        fields["operator"] = Keys(**document["operator"])
        return cls(**fields)


@dataclass(frozen=True)
class Home:
    """The folder local state lies in: state.json, tokens/, identity/, emulator.log."""

    folder: Path

    @property
    def state_file(self) -> Path:
        return self.folder / "state.json"

    @property
    def identity(self) -> Path:
        return self.folder / "identity"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def emulator_log(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def emulator_state(self) -> Path:
        """The emulator's own file; it holds the administrator's key, which nothing here copies."""
        return self.folder / "emulator.json"

    def load(self) -> LocalState | None:
        """The state, or None when no platform was set up here."""
        if not self.state_file.is_file():
            return None
        try:
            return LocalState.from_document(json.loads(self.state_file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as broken:
            raise NotSetUp(
                f"{self.state_file} cannot be read ({broken}); delete it, then `headgate up`"
            ) from broken

    def save(self, state: LocalState) -> None:
        write_private(self.state_file, json.dumps(state.to_document(), indent=2, sort_keys=True) + "\n")

    def forget(self) -> None:
        self.state_file.unlink(missing_ok=True)

    def token(self, principal: str) -> str | None:
        file = self._token_file(principal)
        return file.read_text(encoding="utf-8").strip() if file.is_file() else None

    def save_token(self, principal: str, token: str) -> Path:
        file = self._token_file(principal)
        write_private(file, token + "\n")
        return file

    def _token_file(self, principal: str) -> Path:
        if not principal.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise NotSetUp(f"{principal!r} is no name for a token; letters, digits, -, _ and . only")
        return self.tokens / f"{principal}.token"


def repository(start: Path) -> Path:
    """The nearest folder at or above ``start`` with a template.yaml; ``start`` itself when there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / "template.yaml").is_file()), start)


def home_of(environ: Mapping[str, str], start: Path) -> Home:
    """HEADGATE_HOME, or build/local in the repository."""
    return Home(Path(environ.get("HEADGATE_HOME") or repository(start) / "build" / "local"))


def write_private(file: Path, text: str) -> None:
    """Replaces the file in one step; only its owner can read it, at no moment anybody else."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(file)
