"""One build of a feature set.

Order of side effects: partitions and their records, statistics, manifest, online rows, head. All but the head
are content-addressed or conditional on event time, so a repeated build ends in the same state. A build of
older inputs never replaces one of newer inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Conflict, Permanent
from headgate.domain.feature_job import FeatureJob
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord
from headgate.domain.product import Product
from headgate.domain.version import VersionRecord
from headgate.ports import Clock, FeatureCatalog, FeatureEngine, ObjectStore, OnlineStore
from headgate.services.clock import iso
from headgate.services.features.feature_compute import FUNCTION, FeatureJobs
from headgate.services.features.feature_inputs import planned_inputs
from headgate.services.features.feature_lineage import version_lineage
from headgate.services.features.feature_manifests import (
    features_manifest_key,
    features_prefix,
    load_features,
    load_statistics,
    sketches_of,
    statistics_document,
    store_statistics,
)
from headgate.services.features.feature_memo import FeatureMemo, Made
from headgate.services.features.feature_tests import FeatureTests
from headgate.services.features.feature_work import CHUNK_BYTES, FeatureWork, JoinStep
from headgate.services.features.follow_online import Before, FollowOnline

COMMIT_ATTEMPTS = 8


@dataclass(frozen=True)
class BuildOutcome:
    """What became of one build: ``state`` is built, unchanged, waiting, handed over or superseded; of the
    rows of a live model's recipe, kept or not kept. ``detail`` says why, and what was handed over.
    """

    feature_set: str
    state: str
    record: FeatureVersionRecord | None = None
    detail: str = ""


@dataclass(frozen=True)
class BuildParts:
    """What a build is made with; ``declared`` says whether the set is still declared as it is built."""

    features: FeatureCatalog
    lake: ObjectStore
    engine: FeatureEngine
    online: OnlineStore
    clock: Clock
    jobs: FeatureJobs | None
    declared: Callable[[], bool]

    def follow(self, product: str, feature_set: FeatureSet, answered: frozenset[str]) -> FollowOnline:
        return FollowOnline(
            self.features,
            self.lake,
            self.engine,
            self.online,
            self.clock,
            product,
            feature_set,
            answered,
        )


class FeatureBuild:
    """One build of a set from pinned input versions; ``name`` is its build id, ``answered`` the online spaces
    that live models are answered from.
    """

    def __init__(
        self,
        parts: BuildParts,
        product: Product,
        feature_set: FeatureSet,
        inputs: Mapping[str, VersionRecord],
        name: str,
        directory: Path,
        answered: frozenset[str] = frozenset(),
    ) -> None:
        self._parts = parts
        self._product, self._spec = product.name, product.digest
        self._set = feature_set
        self._inputs = inputs
        self._name = name
        self._started = parts.clock.monotonic()
        self._head_before = self._newest_head()
        self._before = self._manifest_before()
        self._tests = FeatureTests(self._before)
        sketches = sketches_of(load_statistics(parts.lake, self._before)) if self._before else {}
        prefix = features_prefix(self._product, feature_set.name)
        self._work = FeatureWork(
            feature_set=feature_set,
            engine=parts.engine,
            lake=parts.lake,
            memo=FeatureMemo(parts.lake, prefix, self._before, sketches),
            prefix=prefix,
            inputs=planned_inputs(parts.lake, product, inputs),
            directory=directory,
            chunk_bytes=parts.jobs.decide.chunk_bytes if parts.jobs else CHUNK_BYTES,
            kept=frozenset(p.key for p in self._before.stored) if self._before else frozenset(),
        )

        self._online = parts.follow(self._product, feature_set, answered)

    def run(self, made: int | None = None) -> BuildOutcome:
        """``made`` is the stage that a job has just made. Raises InvalidRequest when a view fails, Permanent
        when that stage is not made after all, Conflict after many lost races.
        """
        work, ordinals = self._work, {d: r.ordinal for d, r in self._inputs.items()}
        stages = work.stages()
        for number, stage in enumerate(stages):
            plans = work.plan(stage)
            missing = work.missing(plans)
            if (handed := self._hand_over(number, work.task_bytes(missing), made)) is not None:
                return handed
            work.make_views(plans, missing)
            work.settle(plans)
            self._tests.views(work, plans)
        steps = work.join_steps()
        found = work.memo.find([s.id for s in steps])
        joins = [s for s in steps if s.id not in found]
        if (handed := self._hand_over(len(stages), [step.bytes for step in joins], made)) is not None:
            return handed
        before = self._online.before(self._newest_head())
        with self._session(before) as session:
            work.make_joins(session, joins)
            manifest = self._stored_manifest(steps)
            head, uris = self._newest_head(), work.uris()
            if (head is not None and head.supersedes(ordinals)) or not self._parts.declared():
                return BuildOutcome(self._set.name, "superseded", head)
            parity = self._online.write(session, manifest, manifest.digest, uris, before)
            record = self._commit(manifest, ordinals, parity)
            if record is not None:
                self._online.settle(session, manifest, record, uris, before)
                return BuildOutcome(self._set.name, "built", record)
        self._online.overtaken(manifest, manifest.digest, uris, work.directory)
        return BuildOutcome(self._set.name, "superseded")

    def _hand_over(self, stage: int, tasks: Sequence[int], made: int | None) -> BuildOutcome | None:
        """The stage given to Batch, where what is missing of it is more than a function should make;
        ``tasks`` are the bytes that each task reads.
        """
        jobs = self._parts.jobs
        if jobs is None or (placed := jobs.decide.place(tasks)).kind == FUNCTION:
            return None
        if made == stage:
            raise Permanent(
                f"the job of stage {stage} of {self._product}/{self._set.name} ended well, and {len(tasks)} "
                "of its tasks are not made"
            )
        ordinals = {d: r.ordinal for d, r in self._inputs.items()}
        recipe = self._set.recipe_digest()
        job = FeatureJob(
            *(self._product, self._set.name, recipe, ordinals, stage, placed.workers),
            chunk_bytes=self._work.chunk_bytes,
            before=self._head_before.ordinal if self._head_before else 0,
        )
        size = f"{len(tasks)} tasks over {sum(tasks)} bytes"
        said = f"stage {stage}: {size}, {jobs.submit(job, placed)}"
        return BuildOutcome(self._set.name, "handed over", detail=said)

    def _newest_head(self) -> FeatureVersionRecord | None:
        return self._parts.features.feature_head(self._product, self._set.name)

    def _manifest_before(self) -> FeatureManifest | None:
        head = self._head_before
        if head is None:
            return None
        return load_features(self._parts.lake, self._product, self._set.name, head.digest)

    def _session(self, before: Before) -> Any:
        work = self._work
        readable = [*work.uris().values(), *before.uris(self._parts.lake).values()]
        return work.engine.session(readable, work.directory, self._set.seed)

    def _stored_manifest(self, steps: Sequence[JoinStep]) -> FeatureManifest:
        """Every partition is there: the manifest is put in the lake."""
        parts = self._work.memo.find([s.id for s in steps])
        statistics = statistics_document({id_: part.sketches for id_, part in parts.items()})
        manifest = self._manifest(steps, parts, self._stored(statistics))
        key = features_manifest_key(self._product, self._set.name, manifest.digest)
        self._parts.lake.put(key, canonical_json(manifest.to_document()), "application/json")
        return manifest

    def _stored(self, statistics: Mapping[str, Any]) -> str:
        return store_statistics(self._parts.lake, self._product, self._set.name, statistics)

    def _manifest(
        self, steps: Sequence[JoinStep], parts: Mapping[str, Made], statistics: str
    ) -> FeatureManifest:
        work = self._work
        ordered = [parts[s.id] for s in steps]
        columns = ordered[0].columns if ordered else ()
        return FeatureManifest(
            product=self._product,
            feature_set=self._set.name,
            recipe=self._set.recipe_digest(),
            engine=work.engine.version,
            seed=self._set.seed,
            inputs={d: r.digest for d, r in self._inputs.items()},
            columns=columns,
            partitions=tuple(p for part in ordered for p in part.partitions),
            label_rows=work.built[self._set.spine.name].rows,
            views=tuple(work.built[v.name] for v in self._set.built),
            statistics=statistics,
            tests=self._tests.results(),
            lineage=version_lineage(work, columns, self._before),
        )

    def _commit(
        self, manifest: FeatureManifest, ordinals: Mapping[str, int], parity: Mapping[str, Any]
    ) -> FeatureVersionRecord | None:
        """Moves the head; None when a build of newer inputs got there first, and when the set is declared
        otherwise by now.
        """
        parts = self._parts
        problem = Conflict("no attempt was made")
        for attempt in range(COMMIT_ATTEMPTS):
            head = parts.features.feature_head(manifest.product, manifest.feature_set)
            if head is not None and (head.build_id == self._name or head.supersedes(ordinals)):
                return head if head.build_id == self._name else None
            if not parts.declared():
                return None
            record = self._record(manifest, ordinals, parity, 1 if head is None else head.ordinal + 1)
            try:
                parts.features.commit_features(record)
                return record
            except Conflict as error:
                problem = error
                parts.clock.sleep(0.05 * 2**attempt)
        raise problem

    def _record(
        self, manifest: FeatureManifest, ordinals: Mapping[str, int], parity: Mapping[str, Any], ordinal: int
    ) -> FeatureVersionRecord:
        clock = self._parts.clock
        return FeatureVersionRecord(
            product=manifest.product,
            feature_set=manifest.feature_set,
            ordinal=ordinal,
            digest=manifest.digest,
            build_id=self._name,
            inputs=manifest.inputs,
            rows=manifest.rows,
            partitions=len(manifest.partitions),
            min_event_time=min((p.min_event_time for p in manifest.partitions), default=""),
            max_event_time=max((p.max_event_time for p in manifest.partitions), default=""),
            created_at=iso(clock.now()),
            seconds=round(clock.monotonic() - self._started, 3),
            input_ordinals=ordinals,
            built=len(self._work.made),
            parity=parity,
            steps=max(manifest.steps, len(self._work.made)),
            spec=self._spec,
        )
