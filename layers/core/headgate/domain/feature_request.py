"""What someone asks of a feature set that takes longer than an answer may: to build it, or to compare all its
online rows with the newest version. And the report of what became of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast

from headgate.domain.errors import InvalidRequest

FORMAT = "headgate.feature-report/1"
Kind = Literal["build", "parity"]
KINDS: tuple[Kind, ...] = ("build", "parity")
State = Literal["asked", "done", "failed"]


@dataclass(frozen=True)
class FeatureRequest:
    """One request; ``requested_at`` is ISO-8601 UTC."""

    kind: Kind
    product: str
    feature_set: str
    id: str
    requested_by: str
    requested_at: str

    def to_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_message(cls, document: Mapping[str, Any]) -> "FeatureRequest":
        """Raises InvalidRequest when it is none."""
        kind = document.get("kind")
        if kind not in KINDS:
            raise InvalidRequest(f"the message is no request of {', '.join(KINDS)}; its kind is {kind!r}")
        names = ("product", "feature_set", "id", "requested_by", "requested_at")
        fields = {name: document.get(name) for name in names}
        if wrong := sorted(n for n, value in fields.items() if not isinstance(value, str) or not value):
            raise InvalidRequest(f"the request of features has no {', '.join(wrong)}")
        return cls(kind=cast(Kind, kind), **cast("dict[str, str]", fields))


@dataclass(frozen=True)
class FeatureReport:
    """A request and, once it is done, its result; ``problem`` says why it failed.

    The result of a build is ``{"outcome": "built"|"unchanged"|"waiting"|"superseded"|"handed over", "detail",
    "inputs": {dataset: ordinal}, "version", "digest", "rows", "built", "steps", "seconds"}``, that of a
    comparison ``{"version", "digest", "checked", "different", "views": [{"view", "checked", "equal",
    "expired", "moved", "different", "note", "examples": [{"key", "offline", "online"}]}]}``.
    """

    request: FeatureRequest
    state: State = "asked"
    finished_at: str = ""
    problem: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    def done(self, at: str, result: Mapping[str, Any]) -> "FeatureReport":
        return replace(self, state="done", finished_at=at, result=result)

    def failed(self, at: str, problem: str) -> "FeatureReport":
        return replace(self, state="failed", finished_at=at, problem=problem)

    def to_document(self) -> dict[str, Any]:
        own = {"state": self.state, "finished_at": self.finished_at, "problem": self.problem}
        return {"format": FORMAT, **self.request.to_message(), **own, "result": dict(self.result)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "FeatureReport":
        own = {name: document[name] for name in ("state", "finished_at", "problem", "result")}
        return cls(FeatureRequest.from_message(document), **own)
