"""The template as text, as a document, as SAM expands it, and what docs/architecture.md says of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from headgate_local.template_source import read_template
from sam_expansion import expand

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def template_text(root: Path) -> str:
    return (root / "template.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def template(root: Path) -> dict[str, Any]:
    return read_template(root / "template.yaml")


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> Resources:
    found: Resources = template["Resources"]
    return found


@pytest.fixture(scope="session")
def functions(resources: Resources) -> Resources:
    """The functions' properties by logical id."""
    found = {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert len(found) == 11
    return found


@pytest.fixture(scope="session")
def expanded(root: Path) -> Resources:
    found: Resources = expand(root / "template.yaml")["Resources"]
    return found


@pytest.fixture(scope="session")
def architecture(root: Path) -> dict[str, str]:
    """The sections of docs/architecture.md by their first word."""
    text = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    return {
        section.split(None, 1)[0].rstrip(":"): section for section in re.split(r"^## ", text, flags=re.M)[1:]
    }
