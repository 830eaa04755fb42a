"""Building features, and where the newest of them are served from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from headgate.domain.column_lineage import ColumnLineage
from headgate.domain.dataset_input import DatasetInput
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_statistics import ColumnSketch
from headgate.domain.feature_version import FeatureColumn
from headgate.domain.partition import Interval


@dataclass(frozen=True)
class Source:
    """One input of a view as one task reads it. ``time`` is the column that says when a row happened; with
    ``start`` and ``end`` the rows of [start, end) alone are seen, and none without a time.
    """

    name: str
    data: DatasetInput
    time: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    key: tuple[str, ...] = ()
    """Its primary key: what the generated tests leave as it is."""
    known_at: Mapping[str, str] = field(default_factory=dict)
    """Column to a SQL expression: from when on its value is known."""
    rows_known_at: str = ""
    """A SQL expression: from when on a row is known to be there; '' when as soon as it happened."""


@dataclass(frozen=True)
class ViewTask:
    """Partitions of one view that follow each other; none means the whole view, cut by its own grain.

    ``everything`` says that the sources hold all rows there are, so that a row outside ``partitions`` is one
    that its windows deny.
    """

    view: FeatureView
    sources: tuple[Source, ...]
    partitions: tuple[Interval, ...]
    watermark: datetime | None
    seed: int
    everything: bool = False


@dataclass(frozen=True)
class BuiltPartition:
    """``path`` is None where there are no rows. Times are ISO-8601 UTC, '' without an event time."""

    name: str
    path: Path | None
    rows: int
    positives: int | None = None
    min_event_time: str = ""
    max_event_time: str = ""
    statistics: Mapping[str, ColumnSketch] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltView:
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[BuiltPartition, ...]


@dataclass(frozen=True)
class ViewFiles:
    """A built view, or some partitions of it: its columns are ``data``'s schema."""

    view: FeatureView
    data: DatasetInput


@dataclass(frozen=True)
class JoinTask:
    """One partition of a training table: the spine's rows, and of every view what may be as of them."""

    feature_set: FeatureSet
    name: str
    spine: ViewFiles
    views: tuple[ViewFiles, ...]


@dataclass(frozen=True)
class BuiltJoin:
    columns: tuple[FeatureColumn, ...]
    partition: BuiltPartition


@dataclass(frozen=True)
class OnlineValue:
    """One entity's newest row: ``key`` is its `headgate.domain.entity_key.entity_key`."""

    key: str
    event_time: str
    values: Mapping[str, Any]
    known_at: str = ""
    """From when on it is known, where a column of the view says so."""
    earlier: tuple["EarlierValue", ...] = ()


@dataclass(frozen=True)
class EarlierValue:
    """What is used of an entity as long as its newest row is not known yet; times as in `OnlineRow`."""

    event_time: str
    known_at: str
    values: Mapping[str, Any]


class FeatureSession(Protocol):
    """One locked-down SQL session that reads what it was opened with and what it wrote itself. Raises
    InvalidRequest when a view's SQL is refused or fails.
    """

    def build_view(self, task: ViewTask, target: Path) -> BuiltView:
        """Partitions as Parquet files below ``target``, one row per entity and instant, in their order."""
        ...

    def join(self, task: JoinTask, target: Path) -> BuiltJoin:
        """One row for each row of the spine, with what was known by its event time; InvalidRequest with the
        counts where that does not hold.
        """
        ...

    def newest(self, files: ViewFiles, keys: Sequence[str] | None = None) -> Iterator[OnlineValue]:
        """The newest row of every entity, or of those with one of the ``keys``; by key."""
        ...

    def not_known_yet(self, files: ViewFiles, at: datetime, keys: Sequence[str]) -> Iterator[OnlineValue]:
        """Of entities with one of the ``keys`` that have rows which become known after ``at``, the newest,
        with the others as its ``earlier``, and as the last of these the newest that was known by then.
        """
        ...

    def test(
        self, task: ViewTask, wide: ViewTask, built: ViewFiles, label: str | None = None
    ) -> Iterable[Mapping[str, Any]]:
        """The generated tests over one partition, which ``task`` makes, and ``wide`` of more than it needs:
        that it does not change when more of the inputs is read than its windows say, and that no row changes
        with what became known later. Raises InvalidRequest naming the columns.
        """
        ...


class FeatureEngine(Protocol):
    """Opens sessions. ``version`` is part of what names a feature version."""

    @property
    def version(self) -> str: ...

    def session(
        self, readable: Sequence[str], scratch: Path, seed: int = 0, repeatable: bool = False
    ) -> AbstractContextManager[FeatureSession]:
        """``repeatable`` is for making views: rows are taken in one order, so that what their SQL adds up or
        picks is the same to the last bit each time. It may be slower.
        """
        ...

    def lineage(
        self, view: FeatureView, tables: Mapping[str, Sequence[str]], columns: Sequence[str]
    ) -> ColumnLineage:
        """Which columns of its ``tables`` each of a view's ``columns`` comes from. Raises LineageUnknown."""
        ...

    def on_demand(
        self,
        view: FeatureView,
        request: Sequence[Mapping[str, Any]],
        types: Mapping[str, str],
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """The view's features for each request row, in order; ``seed`` is the set's."""
        ...


@dataclass(frozen=True)
class OnlineRow:
    """The newest values of one entity. Rows of one ``space`` (`headgate.domain.online_space`) are of one view
    and were made in one way. ``event_time`` and ``known_at`` are ISO-8601 UTC, '' without one; ``entity``
    names the columns that ``key`` is made of, so that a row tells of itself what it is. ``earlier``, the
    newest first, are used until the row is known.
    """

    product: str
    space: str
    key: str
    event_time: str
    values: Mapping[str, Any]
    feature_version: str
    expires_at: int | None = None
    known_at: str = ""
    entity: tuple[str, ...] = ()
    earlier: tuple[EarlierValue, ...] = ()


class OnlineStore(Protocol):
    """Newest feature rows by key. Raises Throttled."""

    def write(self, rows: Sequence[OnlineRow]) -> int:
        """Write the rows that are not older than what is there; returns how many were written. Raises
        InvalidRequest naming the space when a row is larger than the store takes.
        """
        ...

    def take_back(self, product: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Rows by (space, key, event time) are gone unless another event time is there by now."""
        ...

    def read(
        self, product: str, keys: Sequence[tuple[str, str]], written: bool = False
    ) -> Mapping[tuple[str, str], OnlineRow]:
        """Rows by (space, key); absent ones are left out. What has expired may be there still, and what was
        ``written`` a moment ago is seen for sure only by who asks for it, at twice the price.
        """
        ...

    def rows(self, product: str) -> Iterator[OnlineRow]:
        """Every row of a product, in no order; what is written meanwhile may be among them or not. Reads the
        whole store: for what is rare.
        """
        ...

    def remove(self, product: str, keys: Sequence[tuple[str, str]]) -> None:
        """Rows by (space, key) are gone; absent ones already are."""
        ...
