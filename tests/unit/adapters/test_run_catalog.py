"""The RunCatalog contract."""

from __future__ import annotations

import pytest
from headgate.domain.errors import NotFound

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


class TestRunCatalog:
    def test_a_run_is_added_once(self, backend: Backend) -> None:
        assert backend.runs.add_run(records.run("r1")) is True
        assert backend.runs.add_run(records.run("r1", job_id="another")) is False

        assert backend.runs.run("shop", "r1") == records.run("r1")

    def test_of_rivals_that_add_one_run_exactly_one_does(self, backend: Backend) -> None:
        runs, added = backend.runs, list[str]()

        def add(job: str) -> None:
            if runs.add_run(records.run("r1", job_id=job)):
                added.append(job)

        race(add, ["j1", "j2", "j3", "j4", "j5"])

        assert [backend.runs.run("shop", "r1").job_id] == added

    def test_an_unknown_run_is_not_found(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            backend.runs.run("shop", "r1")
        with pytest.raises(NotFound):
            backend.runs.update_run(records.run("r1"))
        assert backend.runs.runs("shop") == []

    def test_an_update_replaces_the_record(self, backend: Backend) -> None:
        backend.runs.add_run(records.run("r1"))
        done = records.run("r1", state="REGISTERED", cost_usd=0.1 + 0.2, seconds=7.5, model_version=3)

        backend.runs.update_run(done)

        assert backend.runs.run("shop", "r1") == done

    def test_runs_are_listed_newest_first(self, backend: Backend) -> None:
        for digest, second in (("c", 2), ("a", 3), ("b", 1)):
            backend.runs.add_run(records.run(digest, second))

        assert [r.digest for r in backend.runs.runs("shop")] == ["a", "c", "b"]
        assert [r.digest for r in backend.runs.runs("shop", limit=2)] == ["a", "c"]
        assert backend.runs.runs("bank") == []
