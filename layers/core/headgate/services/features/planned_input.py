"""What a build reads, with what is known of it before it is read: files, and when their rows happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile
from headgate.domain.dataset_input import DatasetInput, InputFile, columns_of
from headgate.domain.feature import FeatureView
from headgate.domain.feature_version import Partition, ViewVersion
from headgate.domain.manifest import SchemaColumn
from headgate.domain.partition import LAST, Span
from headgate.ports import Source

NEVER = "TIMESTAMP 'infinity'"
"""When a label is known, as far as a spine says; SQL."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class PlannedFile:
    """``span`` is that of its rows' event times, None where nobody knows it; ``timeless`` when no row has
    one.
    """

    file: InputFile
    sha256: str
    bytes: int
    span: Span | None
    timeless: bool = False


@dataclass(frozen=True)
class PlannedInput:
    """A dataset version, or a view that was built before: what views read under ``name``."""

    name: str
    schema: tuple[SchemaColumn, ...]
    files: tuple[PlannedFile, ...]
    time: str | None
    key: tuple[str, ...] = ()
    known_at: Mapping[str, str] = field(default_factory=dict)
    rows_known_at: str = ""

    @property
    def watermark(self) -> datetime | None:
        """The newest event time."""
        return max((f.span.last for f in self.files if f.span), default=None)

    @property
    def unknown(self) -> PlannedFile | None:
        """A file of which nobody knows when its rows happened."""
        return next((f for f in self.files if f.span is None and not f.timeless), None)

    def within(self, start: datetime, end: datetime) -> tuple[PlannedFile, ...]:
        return tuple(f for f in self.files if f.span and f.span.meets(start, end))

    def source(self, files: Sequence[PlannedFile], start: datetime | None, end: datetime | None) -> Source:
        """Files are read in an order of their own, whatever history put them together: which of two comes
        first does not depend on what others there are.
        """
        ordered = sorted(files, key=lambda f: (sorted(f.file.columns), f.sha256))
        data = DatasetInput(self.schema, tuple(f.file for f in ordered))
        return Source(self.name, data, self.time, start, end, self.key, self.known_at, self.rows_known_at)


def dataset_input_plan(
    schema: tuple[SchemaColumn, ...], files: Sequence[DataFile], contract: Contract, uri_of: Mapping[str, str]
) -> PlannedInput:
    """``uri_of`` maps a file's key to what an engine reads. Event times come from the files' statistics."""
    return PlannedInput(
        name=contract.name,
        schema=schema,
        files=tuple(_planned(f, schema, contract.event_time, uri_of[f.key]) for f in files),
        time=contract.event_time,
        key=contract.primary_key,
        known_at={c.name: c.known_at for c in contract.columns if c.known_at},
    )


def view_input(
    view: FeatureView, built: ViewVersion, uris: Mapping[str, str], label: str | None
) -> PlannedInput:
    """A built view as others read it; ``uris`` maps sha256 to what an engine reads. A spine does not say when
    its ``label`` is known, so that others find out by it what they may not tell.
    """
    columns, known = tuple((c.name, c.type) for c in built.columns), _known_at(view)
    known_at = {c.name: known for c in built.columns if c.role == "feature"} if known else {}
    if view.kind == "spine" and label is not None:
        known_at[label] = NEVER
    return PlannedInput(
        name=view.name,
        schema=tuple(SchemaColumn(c.name, c.type, False, "internal") for c in built.columns),
        files=tuple(
            PlannedFile(
                InputFile(uris[p.sha256], columns), p.sha256, p.bytes, span_of(p), not p.min_event_time
            )
            for p in built.partitions
            if p.key
        ),
        time=view.event_time,
        key=(*view.entity, *view.times),
        known_at=known_at,
        rows_known_at=known,
    )


def _known_at(view: FeatureView) -> str:
    """When the rows of a view are known, as SQL over its columns; '' when as soon as they happened."""
    happened = f'"{view.event_time}" + to_seconds({view.available_after})'
    if view.known_at is not None:
        return f'greatest({happened}, coalesce("{view.known_at}", {happened}))'
    return happened if view.available_after else ""


def span_of(partition: Partition) -> Span | None:
    """Of the rows of a partition; its times are cut to milliseconds."""
    if not partition.min_event_time:
        return None
    first, last = (
        datetime.fromisoformat(t.replace("Z", "+00:00"))
        for t in (partition.min_event_time, partition.max_event_time)
    )
    return Span(first, _just_after(last))


def _planned(file: DataFile, schema: Sequence[SchemaColumn], time: str | None, uri: str) -> PlannedFile:
    columns = tuple((c.name, c.type) for c in file.columns)
    given = PlannedFile(InputFile(uri, columns), file.sha256 or file.key, file.bytes, None)
    if time is None:
        return given
    name = columns_of(schema, [n for n, _ in columns]).get(time)
    stats = next((c for c in file.columns if c.name == name), None)
    if stats is None or stats.nulls == file.rows:
        return replace(given, timeless=True)
    return replace(given, span=_span(stats.minimum, stats.maximum))


def _span(minimum: str | None, maximum: str | None) -> Span | None:
    """As DuckDB prints instants; None for what has no place in a calendar of years 1 to 9999."""
    try:
        first, last = (datetime.fromisoformat(t or "") for t in (minimum, maximum))
    except ValueError:
        return None
    return Span(_utc(first), _just_after(_utc(last)))


def _just_after(moment: datetime) -> datetime:
    return min(moment, LAST - _MILLISECOND) + _MILLISECOND


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
