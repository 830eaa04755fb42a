"""One feature set behind the HTTP door. Owns the addresses, nothing of the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from headgate.cli.client import ApiClient, Document, path
from headgate.cli.failures import CommandFailed

Asked = Literal["builds", "parity"]


@dataclass(frozen=True)
class FeaturesClient:
    """Every method raises ApiRefused or Unreachable."""

    api: ApiClient
    product: str
    feature_set: str

    def show(self, version: str) -> Document:
        return self.api.get(self._at("versions", version))

    def files(self, version: str, start: str | None, end: str | None, views: bool = False) -> Document:
        where = self._at("versions", version, "files")
        given: dict[str, Any] = {"from": start, "to": end, "views": "true" if views else None}
        return self.api.get(where, **given)

    def plan(self) -> Document:
        return self.api.get(self._at("plan"))

    def ask(self, what: Asked) -> Document:
        return self.api.call("POST", self._at(what), {})

    def report(self, what: Asked, name: str) -> Document:
        return self.api.get(self._at(what, name))

    def collect(self, dry_run: bool, retention: dict[str, int]) -> Document:
        return self.api.call("POST", self._at("collections"), {"dry_run": dry_run, **retention})

    def collections(self) -> Document:
        return self.api.get(self._at("collections"))

    def collection(self, name: str) -> Document:
        return self.api.get(self._at("collections", name))

    def row(self, view: str, keys: Sequence[str], at: str | None) -> Document:
        query = [*(("key", key) for key in keys), *([("at", at)] if at else [])]
        return self.api.call("GET", f"{self._at('online', view)}?{urlencode(query)}")

    def _at(self, *parts: str) -> str:
        return path("products", self.product, "features", self.feature_set, *parts)


def features_of(api: ApiClient, product: str, given: str | None, view: str | None = None) -> FeaturesClient:
    """The feature set meant: named, as ``product/set`` too, or the only one (with ``view``, that joins it).
    Raises CommandFailed with the sets there are.
    """
    owner, _, name = (given or "").rpartition("/")
    if name:
        return FeaturesClient(api, owner or product, name)
    sets: Document = api.product(product)["bundle"]["feature_sets"]
    fitting = [name for name, each in sorted(sets.items()) if view is None or view in each["views"]]
    if len(fitting) == 1:
        return FeaturesClient(api, product, fitting[0])
    known = ", ".join(sorted(sets)) or "none"
    if view is not None and not fitting:
        joined = ", ".join(sorted({v for each in sets.values() for v in each["views"]})) or "none"
        raise CommandFailed(f"no feature set of {product} joins the view {view}; joined are {joined}")
    raise CommandFailed(f"which feature set of {product} is meant? it has {', '.join(fitting) or known}")
