"""The QuarantineCatalog contract: a refused drop is open until it is replayed or discarded, once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.dataset import QuarantineRecord, quarantine_name
from headgate.domain.errors import Conflict, NotFound

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


def closed(record: QuarantineRecord, state: str = "discarded", by: str = "user/ada") -> QuarantineRecord:
    return replace(record, state=state, closed_by=by, closed_at=records.at(9), closed_because="überholt")


class TestQuarantineCatalog:
    def test_a_refused_drop_comes_back_whole(self, backend: Backend) -> None:
        backend.quarantine.add_quarantine(records.refused("q1"))

        assert backend.quarantine.quarantined("shop", "orders", "q1") == records.refused("q1")

    def test_what_was_never_refused_is_not_found(self, backend: Backend) -> None:
        backend.quarantine.add_quarantine(records.refused("q1"))

        for product, dataset, name in (
            ("shop", "orders", "q"),
            ("shop", "order", "q1"),
            ("s", "orders", "q1"),
        ):
            with pytest.raises(NotFound, match=name):
                backend.quarantine.quarantined(product, dataset, name)

    def test_quarantine_is_listed_newest_first(self, backend: Backend) -> None:
        for second, name in enumerate(("q1", "q3", "q2")):
            backend.quarantine.add_quarantine(records.refused(name, second=second))
        backend.quarantine.add_quarantine(records.refused("q9", product="other"))

        assert [r.id for r in backend.quarantine.quarantine("shop")] == ["q2", "q3", "q1"]
        assert [r.id for r in backend.quarantine.quarantine("shop", limit=1)] == ["q2"]
        assert backend.quarantine.quarantine("shop")[2] == records.refused("q1")

    def test_a_drop_refused_twice_is_listed_once_for_its_last_reason(self, backend: Backend) -> None:
        again = replace(records.refused("q1"), rule="unique", reason="again")
        backend.quarantine.add_quarantine(records.refused("q1"))
        backend.quarantine.add_quarantine(again)

        assert backend.quarantine.quarantine("shop") == [again]

    @pytest.mark.parametrize("state", ["replayed", "discarded"])
    def test_a_closed_drop_stays_closed(self, backend: Backend, state: str) -> None:
        done = closed(records.refused("q1"), state)
        backend.quarantine.add_quarantine(records.refused("q1"))

        backend.quarantine.close_quarantine(done)

        backend.quarantine.add_quarantine(records.refused("q1"))
        with pytest.raises(Conflict, match="q1"):
            backend.quarantine.close_quarantine(closed(records.refused("q1"), by="user/bob"))
        assert backend.quarantine.quarantine("shop") == [done]
        assert backend.quarantine.quarantined("shop", "orders", "q1") == done

    def test_a_drop_that_was_never_refused_is_not_closed(self, backend: Backend) -> None:
        with pytest.raises(Conflict):
            backend.quarantine.close_quarantine(closed(records.refused("q1")))

        assert backend.quarantine.quarantine("shop") == []

    def test_of_rivals_one_closes(self, backend: Backend) -> None:
        backend.quarantine.add_quarantine(records.refused("q1"))
        rivals = [closed(records.refused("q1"), by=f"user/{n}") for n in range(6)]

        outcomes = race(backend.quarantine.close_quarantine, rivals)

        assert [r for r, error in outcomes if error is None] == backend.quarantine.quarantine("shop")
        assert {type(error) for _, error in outcomes if error} == {Conflict}

    def test_a_commits_view_names_what_was_refused_before(self, backend: Backend) -> None:
        refused, good = records.source("a"), records.source("b")
        record = records.refused(quarantine_name(refused.identity))
        backend.quarantine.add_quarantine(record)

        def seen() -> frozenset[str]:
            return backend.datasets.commit_view("shop", "orders", "main", [refused, good]).refused

        assert seen() == {refused.identity}
        backend.quarantine.close_quarantine(closed(record))
        assert seen() == {refused.identity}

    @pytest.mark.parametrize("record", [records.refused("q1"), closed(records.refused("q1"))])
    def test_what_a_record_tells_of_rows_can_be_taken_away_open_or_closed(
        self, backend: Backend, record: QuarantineRecord
    ) -> None:
        backend.quarantine.add_quarantine(records.refused("q1"))
        if record.state != "open":
            backend.quarantine.close_quarantine(record)
        told = replace(record, reason="(erased)", sample=())

        backend.quarantine.redact_quarantine(told)

        assert backend.quarantine.quarantined("shop", "orders", "q1") == told
