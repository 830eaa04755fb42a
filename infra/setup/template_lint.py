"""Lints template.yaml: as written, as SAM expands it, and as `sam validate` sees it. `make lint` runs it.

Expanded as well, because cfn-lint passes a wrong Runtime or Timeout of an unexpanded function.
Owns the running of the linters. Must not hold rules of its own (tests/unit/template does).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sam_expansion import REGION, ExpansionError, expand

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
SAM = ROOT / ".envs" / "sam" / "bin" / "sam"


def main() -> int:
    """Run every linter that is installed; 0 when none complains."""
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        expanded = Path(scratch) / "expanded.json"
        try:
            expanded.write_text(json.dumps(expand(TEMPLATE), indent=1), encoding="utf-8")
        except ExpansionError as error:
            print(f"template.yaml does not expand: {error}", file=sys.stderr)
            return 1
        failures += _run("cfn-lint", _cfn_lint(TEMPLATE))
        failures += _run("cfn-lint, expanded", _cfn_lint(expanded))
    if SAM.exists():
        failures += _run("sam validate --lint", [str(SAM), "validate", "--lint", "--template", str(TEMPLATE)])
    else:
        print("sam validate: skipped, .envs/sam is not set up (`make setup-lint`)")
    return min(failures, 1)


def _cfn_lint(template: Path) -> list[str]:
    return [str(Path(sys.executable).parent / "cfn-lint"), "--regions", REGION, "--", str(template)]


def _run(name: str, command: Sequence[str]) -> int:
    """Run one linter; its output is shown only when it complains."""
    environment = {**os.environ, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    print(f"{name}: {'clean' if done.returncode == 0 else 'FAILED'}")
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
