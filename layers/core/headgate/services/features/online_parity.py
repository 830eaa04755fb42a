"""What a comparison of online rows with the rows of a feature version found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DIFFERENCES = 20
"""So many are told of by name."""
COUNTS = ("checked", "equal", "expired", "moved", "different")


@dataclass(frozen=True)
class Difference:
    """One entity whose online values are not those of the version; None where a side has none."""

    view: str
    key: str
    offline: Mapping[str, Any] | None
    online: Mapping[str, Any] | None

    def to_document(self) -> dict[str, Any]:
        return {"view": self.view, "key": self.key, "offline": self.offline, "online": self.online}


@dataclass
class Parity:
    """What was found, so far. ``expired`` are rows that are too old to be served and may be gone; ``moved``
    are those that another build has replaced since, or is replacing.
    """

    checked: int = 0
    equal: int = 0
    expired: int = 0
    moved: int = 0
    different: int = 0
    examples: list[Difference] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Without the examples, which tell values."""
        return {name: getattr(self, name) for name in COUNTS}

    def differs(self, difference: Difference) -> None:
        self.different += 1
        if len(self.examples) < DIFFERENCES:
            self.examples.append(difference)

    def to_document(self) -> dict[str, Any]:
        return {**self.counts, "examples": [d.to_document() for d in self.examples]}
