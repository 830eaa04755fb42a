"""A product's training runs behind the HTTP door. Owns the addresses, nothing of the terminal."""

from dataclasses import dataclass

from headgate.cli.client import ApiClient, Document, path


@dataclass(frozen=True)
class RunsClient:
    """Every method raises ApiRefused or Unreachable."""

    api: ApiClient
    product: str

    def all(self) -> Document:
        return self.api.runs(self.product)

    def show(self, run: str) -> Document:
        return self.api.get(self._at(run))

    def start(self) -> Document:
        return self.api.call("POST", self._at(), {})

    def stop(self, run: str, reason: str) -> Document:
        return self.api.call("POST", self._at(run, "stop"), {"reason": reason})

    def log(self, run: str, after: str | None = None) -> Document:
        return self.api.get(self._at(run, "log"), after=after)

    def _at(self, *parts: str) -> str:
        return path("products", self.product, "runs", *parts)
