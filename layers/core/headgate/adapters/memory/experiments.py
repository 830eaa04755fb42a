"""Experiments and the state of triggers in memory."""

from collections.abc import Sequence

from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.canonical import short
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.experiment import Experiment
from headgate.domain.trigger_state import TriggerState


class MemoryExperiments(CatalogPart):
    """The ExperimentCatalog and TriggerCatalog ports."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._experiments: dict[tuple[str, str], Experiment] = {}
        self._trigger_states: dict[str, TriggerState] = {}

    def add_experiment(self, record: Experiment) -> bool:
        with self._faults.effect("catalog.add_experiment"), self._lock:
            key = (record.product, record.id)
            if key in self._experiments:
                return False
            self._experiments[key] = record
            return True

    def experiment(self, product: str, name: str) -> Experiment:
        with self._faults.read("catalog.experiment"), self._lock:
            if (product, name) not in self._experiments:
                raise NotFound(f"product {product} has no experiment {short(name)}")
            return self._experiments[product, name]

    def experiments(self, product: str, limit: int = 100) -> Sequence[Experiment]:
        with self._faults.read("catalog.experiments"), self._lock:
            found = [record for (p, _), record in self._experiments.items() if p == product]
        return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]

    def update_experiment(self, record: Experiment) -> None:
        with self._faults.effect("catalog.update_experiment"), self._lock:
            if (record.product, record.id) not in self._experiments:
                raise NotFound(f"product {record.product} has no experiment {short(record.id)}")
            self._experiments[record.product, record.id] = record

    def trigger_state(self, product: str) -> TriggerState:
        with self._faults.read("catalog.trigger_state"), self._lock:
            return self._trigger_states.get(product, TriggerState(product))

    def put_trigger_state(self, state: TriggerState) -> None:
        with self._faults.effect("catalog.put_trigger_state"), self._lock:
            known = self._trigger_states.get(state.product, TriggerState(state.product))
            if state.revision != known.revision + 1:
                raise Conflict(f"the triggers of {state.product} are at revision {known.revision} by now")
            self._trigger_states[state.product] = state
