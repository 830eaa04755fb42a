"""Building features, and where the newest of them are served from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from headgate.domain.dataset_input import DatasetInput
from headgate.domain.feature import FeatureSet, FeatureView
from headgate.domain.feature_version import FeatureColumn


@dataclass(frozen=True)
class BuiltPartition:
    month: str
    path: Path
    rows: int
    positives: int | None
    min_event_time: str
    max_event_time: str


@dataclass(frozen=True)
class OnlineValue:
    """One entity's newest row: key parts joined by the entity columns' order."""

    key: str
    event_time: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class BuiltFeatures:
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[BuiltPartition, ...]
    label_rows: int
    online: Mapping[str, Sequence[OnlineValue]]


class FeatureEngine(Protocol):
    """Builds a feature set in a locked-down SQL engine. Raises InvalidRequest when a view's SQL is refused or
    fails.
    """

    @property
    def version(self) -> str: ...

    def build(
        self, feature_set: FeatureSet, inputs: Mapping[str, DatasetInput], target: Path
    ) -> BuiltFeatures:
        """``inputs`` are dataset versions by the dataset's name; partitions are written below ``target``."""
        ...

    def on_demand(
        self, view: FeatureView, request: Sequence[Mapping[str, Any]], types: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The view's features for each request row, in order."""
        ...


@dataclass(frozen=True)
class OnlineRow:
    """The newest values of one entity of one view. ``event_time`` is ISO-8601 UTC, '' without one."""

    product: str
    view: str
    key: str
    event_time: str
    values: Mapping[str, Any]
    feature_version: str
    expires_at: int | None = None


class OnlineStore(Protocol):
    """Newest feature rows by key. Raises Throttled."""

    def write(self, rows: Sequence[OnlineRow]) -> int:
        """Write the rows that are not older than what is there; returns how many were written."""
        ...

    def read(self, product: str, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], OnlineRow]:
        """Rows by (view, key); absent ones are left out."""
        ...

    def keys(self, product: str, view: str) -> Iterator[str]:
        """Every key of a view, in no order. Reads the whole store: for what is rare."""
        ...

    def remove(self, product: str, keys: Sequence[tuple[str, str]]) -> None:
        """Rows by (view, key) are gone; absent ones already are."""
        ...
