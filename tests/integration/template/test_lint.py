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


def test_a_timeout_that_lambda_refuses_is_found_in_the_expansion_alone(root: Path, tmp_path: Path) -> None:
    source = (root / "template.yaml").read_text(encoding="utf-8")
    wrong, expanded = tmp_path / "template.yaml", tmp_path / "expanded.json"
    wrong.write_text(source.replace("Timeout: 600\n", "Timeout: 1000\n"))
    assert wrong.read_text() != source

    expanded.write_text(json.dumps(expand(wrong)))

    assert complaints(wrong) == ""
    assert "1000 is greater than the maximum of 900" in complaints(expanded)
