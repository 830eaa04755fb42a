"""Calling the api function as API Gateway does, with the payloads in events/api."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.unit.control_plane.world import World

EVENTS = Path(__file__).resolve().parents[3] / "events" / "api"
CASES = sorted(path.stem for path in EVENTS.glob("*.json"))
CONTEXT = SimpleNamespace(aws_request_id="00000000-0000-4000-8000-000000000000")


def event(case: str, **top: Any) -> dict[str, Any]:
    """One payload, with ``top`` in place of its own top-level fields."""
    whole: dict[str, Any] = json.loads((EVENTS / f"{case}.json").read_text(encoding="utf-8"))
    return {**whole, **top}


@dataclass
class Door:
    """The function's routes over a world; what it logs and counts is kept."""

    world: World
    counted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from chalicelib import (
            diffs,
            erasure,
            features,
            garbage,
            governance,
            history,
            imports,
            model_documents,
            models,
            products,
            quarantine,
            releases,
            tables,
        )
        from chalicelib.application import create_app

        groups = (
            *(products, features, history, diffs, quarantine, garbage, erasure, imports, tables, models),
            *(model_documents, releases, governance),
        )
        endpoints = tuple(endpoint for group in groups for endpoint in group.ENDPOINTS)
        self.endpoints = endpoints
        log = logging.getLogger("control-plane-test")
        self.app = create_app(endpoints, lambda: self.world.plane, lambda: log, self.counted.append)

    def raw(self, payload: dict[str, Any]) -> dict[str, Any]:
        from chalicelib.application import answer

        return answer(self.app, payload, CONTEXT)

    def call(self, payload: dict[str, Any]) -> tuple[int, Any]:
        """(status, body) of one event."""
        response = self.raw(payload)
        assert response["headers"]["Content-Type"] == "application/json"
        return response["statusCode"], json.loads(response["body"])
