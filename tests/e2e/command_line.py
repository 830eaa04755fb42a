"""The `headgate` command as a process of its own, with a person's token and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack

SECONDS = 150
RUN = "import sys; from headgate.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class CommandLine:
    """What one person types. ``folder`` has no platform of its own: settings come by the environment, the
    product that is meant among them.
    """

    stack: Stack
    person: str
    folder: Path
    product: str = ""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HEADGATE_"))}
        named = {
            "HEADGATE_API_URL": self.stack.state.api_url,
            "HEADGATE_TOKEN": self.stack.token(self.person),
        }
        named |= {"HEADGATE_PRODUCT": self.product} if self.product else {}
        return subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            cwd=self.folder,
            env={**kept, **named},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str) -> dict[str, Any]:
        """The answer of a command that has to succeed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, f"headgate {' '.join(arguments)}: {done.stdout}{done.stderr}"
        found = json.loads(done.stdout)
        assert isinstance(found, dict), found
        return found

    def refused(self, *arguments: str) -> dict[str, Any]:
        """What a command says that has to be refused."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 1, f"headgate {' '.join(arguments)}: {done.stdout}{done.stderr}"
        found = json.loads(done.stdout)
        assert isinstance(found, dict), found
        return found
