"""What a build has to make: for every view the partitions with what each is made of. Pure: no file is read.

A partition's id is a digest of the SQL and header, the engine's version, the seed, and of just those input
files that may have a row that reaches it. Appends, overwrites, rollbacks and erasures all come down to that:
a partition is made anew when its id is one that was never made.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from headgate.domain.canonical import digest
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.feature import WATERMARK_TABLE, FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import Partition, ViewVersion
from headgate.domain.manifest import SchemaColumn
from headgate.domain.partition import WHOLE, Interval, before, count, intervals
from headgate.ports import JoinTask, Source, ViewFiles, ViewTask
from headgate.services.features.planned_input import PlannedFile, PlannedInput, span_of

MOST_PARTITIONS = 10_000
"""Of one view: 27 years of days. More come of a date that is wrong, and each is a record and a task."""


@dataclass(frozen=True)
class Step:
    """One partition to be there, or a whole view (``cut`` is None)."""

    id: str
    cut: Interval | None
    bytes: int

    @property
    def name(self) -> str:
        return self.cut.name if self.cut else WHOLE


@dataclass(frozen=True)
class ViewPlan:
    """The steps of one view in the order of time, and how tasks are made of them."""

    view: FeatureView
    inputs: tuple[PlannedInput, ...]
    steps: tuple[Step, ...]
    whole_because: str | None
    seed: int

    @property
    def watermark(self) -> datetime | None:
        """How far all windowed inputs reach."""
        return _watermark(self.view, self.inputs)

    def task(self, steps: Sequence[Step], widened: timedelta | None = None) -> ViewTask:
        """What makes the partitions of ``steps``, which follow each other. ``widened`` reads so much more of
        the windowed inputs than is needed, at both ends.
        """
        cuts = tuple(s.cut for s in steps if s.cut)
        return ViewTask(
            view=self.view,
            sources=tuple(self._source(each, cuts, widened or timedelta()) for each in self.inputs),
            partitions=cuts,
            watermark=self.watermark,
            seed=self.seed,
            everything=bool(cuts) and len(cuts) == len(self.steps),
        )

    def _source(self, each: PlannedInput, cuts: Sequence[Interval], widened: timedelta) -> Source:
        window = self.view.window(each.name)
        if not cuts or window is None:
            return each.source(each.files, None, None)
        start = before(cuts[0].start, window.latest) - widened
        end = before(cuts[-1].end, window.earliest) + widened
        return each.source(each.within(start, end), start, end)


def plan_view(
    feature_set: FeatureSet, view: FeatureView, inputs: Mapping[str, PlannedInput], engine: str
) -> ViewPlan:
    """``inputs`` are those of the view's datasets and of the views it reads."""
    read = tuple(inputs[name] for name in view.inputs if name != WATERMARK_TABLE)
    whole = feature_set.whole_because(view) or _unknown_times(view, read) or _too_many(view, read)
    made_of = {"view": asdict(view), "engine": engine, "seed": feature_set.seed}
    steps = [] if whole else list(_steps(view, read, made_of))
    if not steps:
        whole = whole or "no row of a windowed input has an event time yet"
        steps = [_whole_step(read, made_of)]
    return ViewPlan(view, read, tuple(steps), whole, feature_set.seed)


def chunks(steps: Sequence[Step], most_bytes: int) -> Iterator[tuple[Step, ...]]:
    """Steps that are made together: what follows each other, up to so many bytes of input."""
    held: list[Step] = []
    for step in steps:
        follows = bool(held and held[-1].cut and step.cut and held[-1].cut.end == step.cut.start)
        if held and not (follows and sum(s.bytes for s in held) + step.bytes <= most_bytes):
            yield tuple(held)
            held = []
        held.append(step)
    if held:
        yield tuple(held)


def join_id(
    feature_set: FeatureSet, spine: Partition, read: Mapping[str, Sequence[Partition]], engine: str
) -> str:
    """The id of one partition of a training table: the rows it is joined of, and how."""
    headers = [{**asdict(v), "sql": "", "inputs": (), "tests": ()} for v in feature_set.views]
    return digest(
        {
            "join": headers,
            "on_demand": asdict(feature_set.on_demand) if feature_set.on_demand else None,
            "label": feature_set.label,
            "spine": [spine.name, spine.sha256],
            "views": {name: [p.sha256 for p in partitions] for name, partitions in read.items()},
            "engine": engine,
            "seed": feature_set.seed,
        }
    )


class SeenPartitions:
    """The partitions of a built view that have rows, to be asked which of them a label may see."""

    def __init__(self, view: FeatureView, built: ViewVersion) -> None:
        self._present = tuple(p for p in built.partitions if p.key)
        spans = [span_of(p) for p in self._present]
        self._timed = [(p, s) for p, s in zip(self._present, spans, strict=True) if s is not None]
        self._all = view.event_time is None
        self._max_age = view.max_age_seconds
        self._firsts = [s.first for _, s in self._timed]
        self._lasts = [s.last for _, s in self._timed]
        self._ordered = self._firsts == sorted(self._firsts) and self._lasts == sorted(self._lasts)

    def of(self, spine: Partition) -> tuple[Partition, ...]:
        """Those that the rows of a spine's partition may see: known by its end, and not older than the
        staleness cap at its start.
        """
        span = span_of(spine)
        if self._all or span is None:
            return self._present
        oldest = None if self._max_age is None else before(span.first, self._max_age)
        if self._ordered:
            start = 0 if oldest is None else bisect_left(self._lasts, oldest)
            return tuple(p for p, _ in self._timed[start : bisect_right(self._firsts, span.last)])
        return tuple(
            p for p, s in self._timed if s.first <= span.last and (oldest is None or s.last >= oldest)
        )


def join_task(
    feature_set: FeatureSet,
    spine: Partition,
    built: Mapping[str, ViewVersion],
    read: Mapping[str, Sequence[Partition]],
    uris: Mapping[str, str],
) -> JoinTask:
    return JoinTask(
        feature_set=feature_set,
        name=spine.name,
        spine=view_files(feature_set.spine, built[feature_set.spine.name], [spine], uris),
        views=tuple(view_files(v, built[v.name], read[v.name], uris) for v in feature_set.views),
    )


def view_files(
    view: FeatureView, built: ViewVersion, partitions: Sequence[Partition], uris: Mapping[str, str]
) -> ViewFiles:
    columns = tuple((c.name, c.type) for c in built.columns)
    schema = tuple(SchemaColumn(name, type_, False, "internal") for name, type_ in columns)
    files = tuple(InputFile(uris[p.sha256], columns) for p in partitions if p.key)
    return ViewFiles(view, DatasetInput(schema, files))


def _unknown_times(view: FeatureView, inputs: Sequence[PlannedInput]) -> str | None:
    for each in inputs:
        if view.window(each.name) and each.unknown:
            return f"a file of {each.name} does not tell the times of its rows: {each.unknown.file.uri}"
    return None


def _too_many(view: FeatureView, inputs: Sequence[PlannedInput]) -> str | None:
    for each in inputs:
        window = view.window(each.name)
        for file in each.files if window else ():
            if window is None or file.span is None:
                continue
            found = count(file.span.moved(window.earliest, window.latest), view.partition)
            if found > MOST_PARTITIONS:
                first, last = file.span.first.date(), file.span.last.date()
                return (
                    f"rows of one file of {each.name} are of {first} to {last} and reach {found:,} "
                    f"partitions by {view.partition}, more than {MOST_PARTITIONS:,}: {file.file.uri}"
                )
    return None


def _watermark(view: FeatureView, inputs: Sequence[PlannedInput]) -> datetime | None:
    newest = [each.watermark for each in inputs if view.window(each.name)]
    known = [moment for moment in newest if moment is not None]
    return min(known) if known and len(known) == len(newest) else None


@dataclass
class _Cut:
    """A partition that some row of a windowed input reaches, and by input the files that have such rows."""

    interval: Interval
    files: dict[str, list[PlannedFile]] = field(default_factory=dict)


def _cuts(view: FeatureView, inputs: Sequence[PlannedInput]) -> list[_Cut]:
    """In the order of time. Each file is looked at once, however many partitions there are."""
    found: dict[str, _Cut] = {}
    for each in inputs:
        window = view.window(each.name)
        for file in each.files if window else ():
            if file.span and window:
                for cut in intervals(file.span.moved(window.earliest, window.latest), view.partition):
                    reached = found.setdefault(cut.name, _Cut(cut))
                    reached.files.setdefault(each.name, []).append(file)
    return [found[name] for name in sorted(found)]


def _steps(
    view: FeatureView, inputs: Sequence[PlannedInput], made_of: Mapping[str, object]
) -> Iterator[Step]:
    watermark = _watermark(view, inputs) if WATERMARK_TABLE in view.inputs else None
    for reached in _cuts(view, inputs):
        cut = reached.interval
        read = {
            each.name: reached.files.get(each.name, ()) if view.window(each.name) else each.files
            for each in inputs
        }
        until = watermark.isoformat() if watermark and watermark < cut.end else None
        id_ = _id(made_of, inputs, read, {"partition": cut.name, "watermark": until})
        yield Step(id_, cut, _bytes(read.values()))


def _whole_step(inputs: Sequence[PlannedInput], made_of: Mapping[str, object]) -> Step:
    read = {each.name: each.files for each in inputs}
    return Step(_id(made_of, inputs, read, {"partition": WHOLE}), None, _bytes(read.values()))


def _id(
    made_of: Mapping[str, object],
    inputs: Sequence[PlannedInput],
    read: Mapping[str, Sequence[PlannedFile]],
    of: Mapping[str, object],
) -> str:
    schemas = {each.name: [[c.name, c.type, list(c.former_names)] for c in each.schema] for each in inputs}
    files = {name: sorted(f.sha256 for f in planned) for name, planned in read.items()}
    times = {each.name: each.time for each in inputs}
    return digest({**made_of, **of, "schemas": schemas, "files": files, "times": times})


def _bytes(read: Iterable[Sequence[PlannedFile]]) -> int:
    return sum(f.bytes for files in read for f in files)
