"""The trials of a search as runs: a spec for each configuration, and which of them are still to be computed.

A trial is an ordinary run: one whose spec is known is not computed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headgate.domain.canonical import canonical_json
from headgate.domain.experiment import Experiment
from headgate.domain.run import RunRecord, RunSpec
from headgate.domain.search import Search
from headgate.domain.training import TrainingConfig
from headgate.ports import ObjectStore, RunCatalog
from headgate.services.products import AppliedProduct
from headgate.services.training.start_training import StartTraining
from headgate.services.training.training_spec import TrainingInputs, TrainingSpecs, spec_key


@dataclass(frozen=True)
class TrialRuns:
    """Makes specs and claims runs."""

    specs: TrainingSpecs
    runs: RunCatalog
    models: ObjectStore
    starting: StartTraining

    def of_search(
        self, applied: AppliedProduct, config: TrainingConfig, search: Search, inputs: TrainingInputs
    ) -> dict[str, RunSpec]:
        """Specs by digest, in the order of the configurations; equal ones are one."""
        found: dict[str, RunSpec] = {}
        for configuration in search.configurations():
            trial = replace(config, params={**config.params, **configuration})
            spec = self.specs.spec(applied, trial, inputs)
            found.setdefault(spec.digest, spec)
        return found

    def to_compute(self, product: str, digests: Mapping[str, RunSpec]) -> tuple[str, ...]:
        """Those that nobody submitted yet, and those that were turned away."""
        known = {digest: self.starting.known(product, digest) for digest in digests}
        return tuple(digest for digest, run in known.items() if run is None or run.turned_away)

    def claim(
        self, experiment: Experiment, specs: Mapping[str, RunSpec], feature_version: str
    ) -> tuple[str, ...]:
        """Writes every spec and record of the array; returns those that are the experiment's: what another
        submission took meanwhile is not. Repeated, it keeps the indices, for a job may know them already.
        """
        own = []
        for digest in experiment.array:
            spec = specs[digest]
            self.models.put(spec_key(spec), canonical_json(spec.to_document()), "application/json")
            if self._claimed(experiment, spec, feature_version):
                own.append(digest)
        return tuple(own)

    def turn_away(self, experiment: Experiment, reason: str) -> None:
        """No job ran: each may be asked for again."""
        for digest in experiment.array:
            run = self.starting.known(experiment.product, digest)
            if run is not None and run.experiment == experiment.id and not run.ended:
                self.runs.update_run(replace(run, state="REFUSED", reason=reason))

    def _claimed(self, experiment: Experiment, spec: RunSpec, feature_version: str) -> bool:
        known = self.starting.known(spec.product, spec.digest)
        record = self._record(experiment, spec, feature_version, known)
        if known is None and self.runs.add_run(record):
            return True
        known = known or self.runs.run(spec.product, spec.digest)
        if known.turned_away:
            self.runs.update_run(record)
            return True
        return known.experiment == experiment.id

    def _record(
        self, experiment: Experiment, spec: RunSpec, feature_version: str, known: RunRecord | None
    ) -> RunRecord:
        refused = known if known is not None and known.turned_away else None
        by = experiment.submitted_by
        return self.specs.record(spec, feature_version, by, "experiment", refused, experiment.id)
