"""One dataset's history behind the HTTP door. Owns the addresses, nothing of the terminal."""

from dataclasses import dataclass
from typing import Any

from headgate.cli.client import ApiClient, Document, path


@dataclass(frozen=True)
class HistoryClient:
    """Every method raises ApiRefused or Unreachable."""

    api: ApiClient
    product: str
    dataset: str

    def log(self, branch: str | None, before: int | None, limit: int | None) -> Document:
        return self.api.get(self._at("versions"), branch=branch, before=before, limit=limit)

    def show(self, version: str, files: int | None = None) -> Document:
        """``version`` may be ``main@2026-11-23T08:00``."""
        name, _, at = version.partition("@")
        return self.api.get(self._at("versions", name or "main"), at=at or None, files=files)

    def names(self) -> Document:
        return self.api.get(self._at("names"))

    def tag(self, name: str, version: str, message: str) -> Document:
        return self._post("tags", {"name": name, "version": version, "message": message})

    def create_branch(self, name: str, version: str) -> Document:
        return self._post("branches", {"name": name, "version": version})

    def delete_branch(self, name: str) -> Document:
        return self.api.call("DELETE", self._at("branches", name))

    def hold(self, name: str, version: str, reason: str) -> Document:
        return self._post("holds", {"name": name, "version": version, "reason": reason})

    def release(self, name: str) -> Document:
        return self.api.call("DELETE", self._at("holds", name))

    def rollback(self, to: str, branch: str, reason: str) -> Document:
        return self._post("rollback", {"to": to, "branch": branch, "reason": reason})

    def merge(self, source: str, into: str, message: str) -> Document:
        return self._post("merge", {"source": source, "into": into, "message": message})

    def publish(self, version: str | None, message: str) -> Document:
        return self._post("publish", {"version": version, "message": message})

    def reject(self, version: str | None, reason: str) -> Document:
        return self._post("reject", {"version": version, "reason": reason})

    def diff(self, before: str, after: str, key: list[str] | None, limit: int) -> Document:
        return self._post("diffs", {"from": before, "to": after, "key": key, "limit": limit})

    def diff_report(self, name: str) -> Document:
        return self.api.get(self._at("diffs", name))

    def collect(self, dry_run: bool, retention: dict[str, int]) -> Document:
        return self._post("collections", {"dry_run": dry_run, **retention})

    def collections(self) -> Document:
        return self.api.get(self._at("collections"))

    def collection(self, name: str) -> Document:
        return self.api.get(self._at("collections", name))

    def _post(self, what: str, body: dict[str, Any]) -> Document:
        return self.api.call("POST", self._at(what), body)

    def _at(self, *parts: str) -> str:
        return path("products", self.product, "datasets", self.dataset, *parts)


def pending(api: ApiClient, product: str) -> Document:
    """What waits for publication, over all datasets of a product."""
    return api.get(path("products", product, "pending"))
