"""Commands by queue that delete what is stored: no other function may."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain import erasure
from headgate.domain.erasure import ErasureRequest
from headgate.domain.notification import maintenance
from headgate.entrypoint import count, each_message, function, logger
from headgate.services.erase_subject import EraseSubject


@cache
def eraser() -> EraseSubject:
    return bootstrap.erase_subject(os.environ)


def erase(document: Mapping[str, Any]) -> None:
    record = eraser().handle(ErasureRequest.from_message(document))
    keys = {"product": record.product, "dataset": record.dataset, "erasure": record.id}
    found = {"rows": record.findings.rows, "files": len(record.findings.files), "problem": record.problem}
    logger().info("erasure considered", extra={**keys, **found, "state": record.state})
    count("SubjectsErased", record.subjects if record.state == "erased" else 0)


COMMANDS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {erasure.KIND: erase}


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: act(body))


def act(body: str) -> None:
    """One command, by its kind."""
    kind, document = maintenance(body, tuple(COMMANDS))
    COMMANDS[kind](document)
