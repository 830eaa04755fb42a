"""What is kept of experiments, and of what asked for training and when."""

from collections.abc import Sequence
from typing import Protocol

from headgate.domain.experiment import Experiment
from headgate.domain.trigger_state import TriggerState


class ExperimentCatalog(Protocol):
    """Experiments, one for each set of trials."""

    def add_experiment(self, record: Experiment) -> bool:
        """False when an experiment of that id exists already."""
        ...

    def experiment(self, product: str, name: str) -> Experiment:
        """Raises NotFound."""
        ...

    def experiments(self, product: str, limit: int = 100) -> Sequence[Experiment]:
        """Newest first."""
        ...

    def update_experiment(self, record: Experiment) -> None:
        """Raises NotFound when it was never added."""
        ...


class TriggerCatalog(Protocol):
    """One state of triggers for each product."""

    def trigger_state(self, product: str) -> TriggerState:
        """Revision 0 where nothing was ever asked."""
        ...

    def put_trigger_state(self, state: TriggerState) -> None:
        """Replace the state of exactly one revision before. Raises Conflict."""
        ...
