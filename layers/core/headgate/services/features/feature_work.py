"""Makes what a plan lacks: tasks for the engine, their files put in the lake, and a record of each step.

Order of side effects of a step: its files, then its record. A build that is cut off goes on from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from headgate.domain.canonical import digest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import Partition, ViewVersion
from headgate.domain.online_space import online_spaces
from headgate.ports import BuiltPartition, FeatureEngine, FeatureSession, ObjectStore
from headgate.services.features.feature_memo import FeatureMemo, Made
from headgate.services.features.feature_plan import (
    SeenPartitions,
    Step,
    ViewPlan,
    chunks,
    join_id,
    join_task,
    plan_view,
)
from headgate.services.features.planned_input import PlannedInput, view_input
from headgate.services.file_digest import file_sha256

CHUNK_BYTES = 96 << 20
"""Parquet that one task of the engine reads: what it unpacks to is within its memory, or spills little."""


@dataclass(frozen=True)
class JoinStep:
    """One partition of the training table to be there, and the view partitions it is joined of."""

    id: str
    spine: Partition
    read: Mapping[str, Sequence[Partition]]

    @property
    def bytes(self) -> int:
        return self.spine.bytes + sum(p.bytes for each in self.read.values() for p in each)


@dataclass
class FeatureWork:
    """One build under way. ``local`` maps sha256 to the files that it made: it reads these where they lie."""

    feature_set: FeatureSet
    engine: FeatureEngine
    lake: ObjectStore
    memo: FeatureMemo
    prefix: str
    inputs: Mapping[str, PlannedInput]
    directory: Path
    chunk_bytes: int = CHUNK_BYTES
    built: dict[str, ViewVersion] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    """The ids of the steps that were made here."""
    local: dict[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    """Keys of what is in the lake and stays there. All else is written again where it is made again: what
    lies there may be about to be collected.
    """

    @cached_property
    def spaces(self) -> Mapping[str, str]:
        return online_spaces(self.feature_set)

    def stages(self) -> list[tuple[FeatureView, ...]]:
        """Views by how deep they read other views: those of a stage need only the stages before."""
        depth: dict[str, int] = {}
        for view in self.feature_set.built:
            depth[view.name] = 1 + max((depth[i] for i in view.inputs if i in depth), default=-1)
        return [
            tuple(v for v in self.feature_set.built if depth[v.name] == n)
            for n in range(max(depth.values()) + 1)
        ]

    def plan(self, views: Iterable[FeatureView]) -> list[ViewPlan]:
        """Raises KeyError when a view they read is not built yet."""
        return [plan_view(self.feature_set, v, self.inputs_of(v), self.engine.version) for v in views]

    def missing(self, plans: Sequence[ViewPlan]) -> list[list[Step]]:
        """Of each plan the steps that nobody made."""
        found = self.memo.find([s.id for p in plans for s in p.steps])
        return [[s for s in p.steps if s.id not in found] for p in plans]

    def make_views(self, plans: Sequence[ViewPlan], missing: Sequence[Sequence[Step]]) -> None:
        if any(missing):
            uris = [f.file.uri for p in plans for i in p.inputs for f in i.files]
            with self.engine.session(uris, self.directory, self.feature_set.seed, repeatable=True) as session:
                for plan, steps in zip(plans, missing, strict=True):
                    for chunk in chunks(steps, self.chunk_bytes):
                        self.make_chunk(session, plan, chunk)

    def make_view_share(self, plans: Sequence[ViewPlan], index: int, size: int) -> int:
        """Makes what is missing of every ``size``-th task of a stage, from the one at ``index`` on; the
        number of steps that are its share. Which tasks there are depends on the plans alone.
        """
        tasks = self._tasks(plans)[index::size]
        steps = [s for _, chunk in tasks for s in chunk]
        found = self.memo.find([s.id for s in steps])
        missing = {
            p.view.name: [s for q, c in tasks if q is p for s in c if s.id not in found] for p in plans
        }
        self.make_views(plans, [missing[p.view.name] for p in plans])
        return len(steps)

    def task_bytes(self, missing: Sequence[Sequence[Step]]) -> list[int]:
        """What each task over these steps reads, in bytes."""
        return [sum(s.bytes for s in c) for steps in missing for c in chunks(steps, self.chunk_bytes)]

    def make_join_share(self, index: int, size: int) -> int:
        """As `make_view_share`, of the training table."""
        steps = self.join_steps()[index::size]
        found = self.memo.find([s.id for s in steps])
        with self.engine.session([*self.uris().values()], self.directory, self.feature_set.seed) as session:
            self.make_joins(session, [s for s in steps if s.id not in found])
        return len(steps)

    def make_chunk(self, session: FeatureSession, plan: ViewPlan, chunk: Sequence[Step]) -> None:
        """The steps of one task; each leaves its own record."""
        target = self.directory / plan.view.name / chunk[0].name
        done = session.build_view(plan.task(chunk), target)
        by_step = {s.cut.name: s.id for s in chunk if s.cut}
        stored = [self.store(p, by_step.get(p.name, chunk[0].id)) for p in done.partitions]
        for step in chunk:
            own = tuple(p for p in stored if p.id == step.id)
            self.memo.keep(step.id, Made(done.columns, own))
            self.made.add(step.id)

    def settle(self, plans: Sequence[ViewPlan]) -> None:
        """Notes the views of a stage as built; every step of theirs was made."""
        for plan in plans:
            found = self.memo.find([s.id for s in plan.steps])
            parts = [found[s.id] for s in plan.steps]
            self.built[plan.view.name] = ViewVersion(
                name=plan.view.name,
                recipe=digest([asdict(plan.view), plan.seed, self.engine.version]),
                columns=parts[0].columns if parts else (),
                partitions=tuple(p for part in parts for p in part.partitions),
                whole_because=plan.whole_because,
                space=self.spaces.get(plan.view.name, ""),
            )

    def join_steps(self) -> list[JoinStep]:
        feature_set, built = self.feature_set, self.built
        steps = []
        seen = {v.name: SeenPartitions(v, built[v.name]) for v in feature_set.views}
        for spine in built[feature_set.spine.name].partitions:
            if not spine.rows:
                continue
            read = {name: each.of(spine) for name, each in seen.items()}
            steps.append(JoinStep(join_id(feature_set, spine, read, self.engine.version), spine, read))
        return steps

    def make_joins(self, session: FeatureSession, steps: Iterable[JoinStep]) -> None:
        for step in steps:
            task = join_task(self.feature_set, step.spine, self.built, step.read, self.uris())
            done = session.join(task, self.directory / "joined")
            stored = self.store(done.partition, step.id)
            self.memo.keep(step.id, Made(done.columns, (stored,), done.partition.statistics))
            self.made.add(step.id)

    def uris(self) -> Mapping[str, str]:
        """Where every partition that was built can be read, by sha256."""
        return {p.sha256: self._uri(p) for v in self.built.values() for p in v.partitions if p.key}

    def store(self, built: BuiltPartition, id_: str) -> Partition:
        sha256, key, size = "", "", 0
        if built.path is not None:
            sha256, size = file_sha256(built.path), built.path.stat().st_size
            key = f"{self.prefix}/data/{sha256}.parquet"
            if key not in self.kept:
                self.lake.upload(built.path, key)
            self.local[sha256] = str(built.path)
        return Partition(
            name=built.name,
            id=id_,
            key=key,
            sha256=sha256,
            bytes=size,
            rows=built.rows,
            positives=built.positives,
            min_event_time=built.min_event_time,
            max_event_time=built.max_event_time,
        )

    def inputs_of(self, view: FeatureView) -> Mapping[str, PlannedInput]:
        views = {v.name: v for v in self.feature_set.built}
        read = {
            name: view_input(views[name], self.built[name], self.uris(), self.feature_set.label)
            for name in view.inputs
            if name in views
        }
        return {**self.inputs, **read}

    def _tasks(self, plans: Sequence[ViewPlan]) -> list[tuple[ViewPlan, tuple[Step, ...]]]:
        """The tasks of a stage when nothing of it is made yet."""
        return [(plan, chunk) for plan in plans for chunk in chunks(plan.steps, self.chunk_bytes)]

    def _uri(self, partition: Partition) -> str:
        return self.local.get(partition.sha256) or self.lake.uri(partition.key)
