"""Keeps online rows up to date where a live model learnt from what is declared otherwise by now.

Such a model is answered from the rows of its own views. They follow new data as the newest version's rows do,
until it is live no more; then they go. Only its online views are built: no training table, no version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from headgate.domain.canonical import canonical_json, short
from headgate.domain.errors import NotFound
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet, in_order
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord
from headgate.domain.online_space import online_spaces
from headgate.domain.product import Product
from headgate.domain.version import VersionRecord
from headgate.services.clock import iso
from headgate.services.features.feature_build import BuildOutcome, BuildParts
from headgate.services.features.feature_compute import FUNCTION
from headgate.services.features.feature_inputs import planned_inputs
from headgate.services.features.feature_manifests import (
    features_manifest_key,
    features_prefix,
    load_features,
)
from headgate.services.features.feature_memo import FeatureMemo
from headgate.services.features.feature_work import CHUNK_BYTES, FeatureWork
from headgate.services.features.online_notes import OnlineNotes
from headgate.services.features.online_rows import OnlineRows

TOO_LARGE = "what its views lack is more than the function makes"


@dataclass(frozen=True)
class KeepAnswering:
    """The use case for one feature set, which is ``current``."""

    parts: BuildParts
    product: Product
    current: FeatureSet

    @property
    def notes(self) -> OnlineNotes:
        return OnlineNotes(self.parts.lake, self.parts.clock, self.product.name, self.current.name)

    def views(self, declared: FeatureSet) -> list[FeatureView]:
        """The online views whose rows lie elsewhere than those of today."""
        now, then = set(online_spaces(self.current).values()), online_spaces(declared)
        return [v for v in declared.views if v.online and then[v.name] not in now]

    def keep(
        self, declared: FeatureSet, inputs: Mapping[str, VersionRecord], directory: Path
    ) -> BuildOutcome:
        """The rows of ``declared`` are those that ``inputs`` make. Raises InvalidRequest when a view fails,
        NotFound when a dataset is declared no more.
        """
        name, recipe = declared.name, declared.recipe_digest()
        manifest = self._built(declared, inputs, directory)
        if manifest is None:
            return BuildOutcome(name, "not kept", detail=f"recipe {short(recipe)}: {TOO_LARGE}")
        version, known = manifest.digest, self.notes.kept(recipe)
        if known == version:
            return BuildOutcome(name, "kept", detail=f"recipe {short(recipe)}: nothing is new")
        key = features_manifest_key(manifest.product, name, version)
        self.parts.lake.put(key, canonical_json(manifest.to_document()), "application/json")
        before = self._manifest(known) if known else None
        self.notes.keep(recipe, "")
        self._write(declared, manifest, version, before, directory)
        self.notes.keep(recipe, version)
        record = self._record(manifest, version, inputs)
        return BuildOutcome(name, "kept", record, f"recipe {short(recipe)}")

    def give_up(self, live: Iterable[FeatureSet]) -> None:
        """Rows that nobody is answered from any more are gone. Reads the whole store when there are some."""
        over = self.notes.read().kept - {each.recipe_digest() for each in live}
        if not over:
            return
        stay = {*online_spaces(self.current).values(), *(s for d in live for s in online_spaces(d).values())}
        prefix = f"{self.current.name}."
        found = (r for r in self.parts.online.rows(self.product.name) if r.space.startswith(prefix))
        lost = [(r.space, r.key) for r in found if r.space not in stay]
        if not self.notes.read().writing:  # else rows of a version to come may be among them
            self.parts.online.remove(self.product.name, lost)
            self.notes.end(kept=over)

    def _built(
        self, declared: FeatureSet, inputs: Mapping[str, VersionRecord], directory: Path
    ) -> FeatureManifest | None:
        """What the views are made of ``inputs``; None when that is too much for here."""
        parts, jobs = self.parts, self.parts.jobs
        prefix = features_prefix(self.product.name, declared.name)
        work = FeatureWork(
            feature_set=declared,
            engine=parts.engine,
            lake=parts.lake,
            memo=FeatureMemo(parts.lake, prefix, None, {}),
            prefix=prefix,
            inputs=planned_inputs(parts.lake, self.product, inputs),
            directory=directory,
            chunk_bytes=jobs.decide.chunk_bytes if jobs else CHUNK_BYTES,
        )
        views = self.views(declared)
        needed = {v.name for v in in_order(views, {v.name: v for v in declared.built})}
        for stage in work.stages():
            plans = work.plan([v for v in stage if v.name in needed])
            missing = work.missing(plans)
            if jobs and jobs.decide.place(work.task_bytes(missing)).kind != FUNCTION:
                return None
            work.make_views(plans, missing)
            work.settle(plans)
        kept = {v.name for v in views}
        built = [work.built[v.name] for v in declared.built if v.name in needed]
        return FeatureManifest(
            product=self.product.name,
            feature_set=declared.name,
            recipe=declared.recipe_digest(),
            engine=parts.engine.version,
            seed=declared.seed,
            inputs={d: r.digest for d, r in inputs.items()},
            columns=(),
            partitions=(),
            label_rows=0,
            views=tuple(v if v.name in kept else replace(v, space="") for v in built),
        )

    def _write(
        self,
        declared: FeatureSet,
        manifest: FeatureManifest,
        version: str,
        before: FeatureManifest | None,
        directory: Path,
    ) -> None:
        parts, views = self.parts, self.views(declared)
        known = [*manifest.stored, *(before.stored if before else ())]
        uris = {p.sha256: parts.lake.uri(p.key) for p in known}
        rows = OnlineRows(parts.online, parts.clock, manifest, version, uris)
        with parts.engine.session([*uris.values()], directory, declared.seed) as session:
            for view in views:
                was = before.view(view.name) if before else None
                rows.follow(session, view, [was] if was else [])
            if before is None:
                rows.tidy(session, views, stays=bool, still=lambda: True)

    def _manifest(self, version: str) -> FeatureManifest | None:
        try:
            return load_features(self.parts.lake, self.product.name, self.current.name, version)
        except NotFound:
            return None

    def _record(
        self, manifest: FeatureManifest, version: str, inputs: Mapping[str, VersionRecord]
    ) -> FeatureVersionRecord:
        """What is told of where the rows come from; no catalog has it."""
        return FeatureVersionRecord(
            product=manifest.product,
            feature_set=manifest.feature_set,
            ordinal=0,
            digest=version,
            build_id="",
            inputs=manifest.inputs,
            rows=0,
            partitions=0,
            min_event_time="",
            max_event_time="",
            created_at=iso(self.parts.clock.now()),
            seconds=0.0,
            input_ordinals={d: r.ordinal for d, r in inputs.items()},
        )
