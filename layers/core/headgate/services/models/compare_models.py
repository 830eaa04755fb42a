"""Two versions of a model side by side: numbers, and what of their closures differs."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.identity import Principal
from headgate.domain.model import ModelVersion
from headgate.domain.model_card import QUALITY
from headgate.services.models.closures import known_closure
from headgate.services.models.model_documents import CARD
from headgate.services.models.read_model import ReadModel

NUMBERS = (
    *(*QUALITY, "calibration_error", "rows", "positives"),
    *("size_mb", "latency_ms_p50", "latency_ms_p95"),
)
PLAIN = ("feature_set", "feature_version", "code_digest", "config_digest", "environment_digest", "run")


@dataclass(frozen=True)
class CompareModels:
    """The use case. Numbers of different windows are shown, and said to be of different windows."""

    read: ReadModel

    def compare(self, principal: Principal, product: str, first: int, second: int) -> dict[str, Any]:
        """``{"a", "b", "same_window", "metrics", "auc_difference", "changed"}``; differences are b minus a.

        Raises NotFound, AccessDenied.
        """
        a, b = self.read.versions(principal, product, first, second)
        return {
            "a": _side(a),
            "b": _side(b),
            "same_window": a.metrics.get("window") == b.metrics.get("window"),
            "metrics": list(_numbers(a, b)),
            "auc_difference": _difference(a, b),
            "changed": [*_closures(a, b), *self._declared(a, b)],
        }

    def _declared(self, a: ModelVersion, b: ModelVersion) -> Iterator[dict[str, Any]]:
        """Parameters, features and libraries, of versions that have a card."""
        cards = [self._card(a), self._card(b)]
        if None in cards:
            return
        one, other = (card or {} for card in cards)
        for part, found in (("params", ("declared", "params")), ("library", ("claims", "environment"))):
            left, right = (each[found[0]].get(found[1]) or {} for each in (one, other))
            if part == "library":
                left, right = left.get("packages", {}), right.get("packages", {})
            yield from _changed(part, left, right)
        plain = ("trainer", "seed", "compute_class", "label", "features", "split")
        yield from _changed(
            "declared",
            {name: one["declared"].get(name) for name in plain},
            {name: other["declared"].get(name) for name in plain},
        )

    def _card(self, version: ModelVersion) -> dict[str, Any] | None:
        with suppress(NotFound):
            return self.read.document(version, CARD)
        return None


def _side(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "created_at": version.created_at,
        "digest": version.digest,
        "run": version.run,
        "window": version.metrics.get("window"),
    }


def _numbers(a: ModelVersion, b: ModelVersion) -> Iterator[dict[str, Any]]:
    for name in NUMBERS:
        left, right = a.metrics.get(name), b.metrics.get(name)
        if left is not None or right is not None:
            difference = None if left is None or right is None else right - left
            yield {"name": name, "a": left, "b": right, "difference": difference}


def _difference(a: ModelVersion, b: ModelVersion) -> dict[str, Any] | None:
    """The AUC difference of b over a with its bootstrap interval, where registration measured one against
    the other on the same rows; None where it did not.
    """
    for version, other, sign in ((b, a, 1), (a, b, -1)):
        compared: Mapping[str, Any] = version.metrics.get("champion") or {}
        if compared.get("version") == other.version and compared.get("comparable"):
            gain = compared["gain"]
            low, high = sorted((sign * gain["low"], sign * gain["high"]))
            return {
                "value": sign * gain["value"],
                "low": low,
                "high": high,
                "resamples": gain["resamples"],
                "measured_with": version.version,
            }
    return None


def _closures(a: ModelVersion, b: ModelVersion) -> Iterator[dict[str, Any]]:
    left, right = asdict(known_closure(a)), asdict(known_closure(b))
    yield from _changed("dataset", left["datasets"], right["datasets"])
    yield from _changed("closure", {n: left[n] for n in PLAIN}, {n: right[n] for n in PLAIN})


def _changed(part: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in sorted({*a, *b}):
        if a.get(name) != b.get(name):
            yield {"part": part, "name": name, "a": a.get(name), "b": b.get(name)}
