"""Why the template is linted expanded: what is wrong inside a function goes unseen as it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sam_expansion import expand

pytestmark = pytest.mark.slow


def complaints(template: Path) -> str:
    """What cfn-lint says of a template."""
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([linter, "--", template], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_wrong_timeout_is_found_in_the_expansion(root: Path, tmp_path: Path) -> None:
    # One function of the real template, with a timeout that AWS Lambda does not take.
    source = (root / "template.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "template.yaml"
    wrong.write_text(source.replace("Timeout: 600\n", "Timeout: 9000\n"))
    assert wrong.read_text() != source

    expanded = tmp_path / "expanded.json"
    expanded.write_text(json.dumps(expand(wrong)))

    assert "9000 is greater than the maximum of 900" in complaints(expanded)
