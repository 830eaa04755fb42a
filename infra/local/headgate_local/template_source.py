"""Reads a CloudFormation template as YAML: short tags (`!Ref`, `!Sub`, …) become the long forms that JSON
can hold.

Owns that reading alone. Must not interpret the template.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Template = dict[str, Any]
# The two functions whose long form lacks the `Fn::` that all the others have.
BARE = frozenset({"Ref", "Condition"})


class TemplateLoader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short function tags, and dates kept as the text they are."""


def _long_form(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise TypeError(f"a YAML node of kind {type(node).__name__}")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in BARE else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _long_form)
# `Version: 2012-10-17` is text to CloudFormation and a date to YAML.
TemplateLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_template(path: Path) -> Template:
    """The template at `path`. Raises yaml.YAMLError, or ValueError if it holds no resources."""
    template = yaml.load(path.read_text(encoding="utf-8"), Loader=TemplateLoader)  # noqa: S506 (a SafeLoader)
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ValueError(f"{path}: a template must have Resources")
    return template
