"""Expands the SAM template into plain CloudFormation, as the service does when it deploys.

Owns the expansion alone: no network, no credentials. Must not judge the result (template_lint.py does).
"""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import boto3
from headgate_local.template_source import Template, read_template
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

REGION = "us-east-1"
LOCAL_SOURCES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


class ExpansionError(Exception):
    """SAM refuses the template. The message names each resource and why."""


def expand(path: Path) -> Template:
    """The template at `path` with every AWS::Serverless resource replaced by what it stands for.

    Raises ExpansionError.
    """
    template = _packaged(read_template(path))
    # It warns of feature flags that only its owner's service has.
    logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.ERROR)
    # Policies are written out in the template: there is no name of a managed policy to look up.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    try:
        expanded: dict[str, Any] = translator.translate(template, parameter_values={})
    except InvalidDocumentException as error:
        raise ExpansionError("\n".join(cause.message for cause in error.causes)) from error
    return expanded


def _packaged(template: Template) -> Template:
    """`template` with addresses in a bucket where `sam package` would have put them."""
    packaged = copy.deepcopy(template)
    for logical_id, resource in packaged["Resources"].items():
        if name := LOCAL_SOURCES.get(resource["Type"]):
            resource["Properties"][name] = f"s3://artifacts/{logical_id}.zip"
    return packaged
