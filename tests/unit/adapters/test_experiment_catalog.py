"""The contracts of ExperimentCatalog and TriggerCatalog."""

from __future__ import annotations

import pytest
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.trigger_state import Pending, Submitted, TriggerState

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


class TestExperimentCatalog:
    def test_an_experiment_is_added_once(self, backend: Backend) -> None:
        assert backend.experiments.add_experiment(records.experiment("e1")) is True
        assert backend.experiments.add_experiment(records.experiment("e1", job_id="another")) is False

        assert backend.experiments.experiment("shop", "e1") == records.experiment("e1")

    def test_an_unknown_experiment_is_not_found(self, backend: Backend) -> None:
        with pytest.raises(NotFound, match="product shop has no experiment e1"):
            backend.experiments.experiment("shop", "e1")
        with pytest.raises(NotFound):
            backend.experiments.update_experiment(records.experiment("e1"))
        assert backend.experiments.experiments("shop") == []

    def test_an_update_replaces_the_record(self, backend: Backend) -> None:
        backend.experiments.add_experiment(records.experiment("e1"))
        gain = {"against": "churn/1", "value": 0.1 + 0.2, "low": 0.1, "high": 1 / 3, "resamples": 400.0}
        done = records.experiment(
            "e1", state="FINISHED", best_run="r3", significance=gain, cost_usd=0.7, model_version=2
        )

        backend.experiments.update_experiment(done)

        assert backend.experiments.experiment("shop", "e1") == done

    def test_experiments_are_listed_newest_first(self, backend: Backend) -> None:
        for name, second in (("c", 2), ("a", 3), ("b", 1)):
            backend.experiments.add_experiment(records.experiment(name, second))

        assert [each.id for each in backend.experiments.experiments("shop")] == ["a", "c", "b"]
        assert [each.id for each in backend.experiments.experiments("shop", limit=2)] == ["a", "c"]
        assert backend.experiments.experiments("bank") == []


def place(run: str, second: int = 0) -> Submitted:
    return Submitted(run, "feature_version", records.at(second), 10, records.TIME)


class TestTriggerCatalog:
    def test_where_nothing_was_asked_the_state_is_empty(self, backend: Backend) -> None:
        assert backend.triggers.trigger_state("shop") == TriggerState("shop")

    def test_a_state_follows_exactly_the_one_that_was_read(self, backend: Backend) -> None:
        first = TriggerState("shop").with_submission(place("r1"))
        waiting = first.waiting_for(Pending("t1", records.at(9), ("feature_version", "drift")))
        backend.triggers.put_trigger_state(first)
        backend.triggers.put_trigger_state(waiting)

        for stale in (first, waiting):
            with pytest.raises(Conflict):
                backend.triggers.put_trigger_state(stale)
        assert backend.triggers.trigger_state("shop") == waiting
        assert backend.triggers.trigger_state("bank") == TriggerState("bank")

    def test_of_rivals_that_read_the_same_state_one_writes(self, backend: Backend) -> None:
        triggers, seen = backend.triggers, backend.triggers.trigger_state("shop")

        outcomes = race(lambda n: triggers.put_trigger_state(seen.with_submission(place(f"r{n}"))), range(6))

        lost = [type(error) for _, error in outcomes if error is not None]
        assert lost == [Conflict] * 5
        assert len(triggers.trigger_state("shop").submissions) == 1
