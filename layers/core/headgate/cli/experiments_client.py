"""A product's experiments, and the money for training, behind the HTTP door. Owns the addresses."""

from dataclasses import dataclass

from headgate.cli.client import ApiClient, Document, path


@dataclass(frozen=True)
class ExperimentsClient:
    """Every method raises ApiRefused or Unreachable."""

    api: ApiClient
    product: str

    def all(self) -> Document:
        return self.api.get(self._at())

    def show(self, experiment: str) -> Document:
        return self.api.get(self._at(experiment))

    def start(self, reason: str) -> Document:
        return self.api.call("POST", self._at(), {"reason": reason})

    def stop(self, experiment: str, reason: str) -> Document:
        return self.api.call("POST", self._at(experiment, "stop"), {"reason": reason})

    def budget(self, month: str | None) -> Document:
        return self.api.get(path("products", self.product, "budget"), month=month)

    def _at(self, *parts: str) -> str:
        return path("products", self.product, "experiments", *parts)
