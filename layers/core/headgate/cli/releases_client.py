"""A product's models and releases behind the HTTP door. Owns the addresses, nothing of the terminal."""

from dataclasses import dataclass
from typing import Any

from headgate.cli.client import ApiClient, Document, path


@dataclass(frozen=True)
class ReleasesClient:
    """Every method raises ApiRefused or Unreachable."""

    api: ApiClient
    product: str

    def releases(self) -> Document:
        return self.api.get(self._at("releases"))

    def live(self, at: str | None) -> Document:
        return self.api.get(self._at("live"), at=at)

    def rollback(self, reason: str, **target: int | None) -> Document:
        """``target`` is ``number`` or ``version``; the release before without either."""
        chosen: dict[str, Any] = {name: value for name, value in target.items() if value is not None}
        return self.api.call("POST", self._at("releases", "rollback"), {**chosen, "reason": reason})

    def proposals(self) -> Document:
        return self.api.get(self._at("proposals"))

    def propose(self, version: str, reason: str) -> Document:
        return self.api.call("POST", self._model(version, "propose"), {"reason": reason})

    def withdraw(self, version: str) -> Document:
        return self.api.call("POST", self._model(version, "withdraw"), {})

    def compare(self, version: str, other: str) -> Document:
        return self.api.get(self._model(version, "compare", other))

    def card(self, version: str) -> Document:
        return self.api.get(self._model(version, "card"))

    def bom(self, version: str) -> Document:
        return self.api.get(self._model(version, "bom"))

    def verify(self, version: str) -> Document:
        return self.api.get(self._model(version, "verify"))

    def _model(self, version: str, *parts: str) -> str:
        return self._at("models", version, *parts)

    def _at(self, *parts: str) -> str:
        return path("products", self.product, *parts)
