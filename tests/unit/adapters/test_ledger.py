"""The Ledger contract."""

from __future__ import annotations

import pytest
from headgate.domain import audit
from headgate.domain.errors import NotFound, PreconditionFailed
from headgate.domain.lineage import Edge

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race

MONTH = "2030-01"


def chain(backend: Backend) -> audit.ChainReport:
    """Check the whole chain of shop, oldest entry first."""
    entries = [audit.AuditEntry.from_json(d) for d in reversed(backend.ledger.decisions("shop", limit=1000))]
    return audit.verify(entries, audit.genesis("shop"))


class TestLedger:
    def test_decisions_are_chained_and_listed_newest_first(self, backend: Backend) -> None:
        for n in range(1, 13):
            backend.ledger.append_decision("shop", {"id": f"e{n}", "allowed": n % 2 == 0, "cost": 0.1 * n})

        listed = backend.ledger.decisions("shop")

        assert [d["id"] for d in listed] == [f"e{n}" for n in range(12, 0, -1)]
        assert [d["sequence"] for d in listed] == list(range(12, 0, -1))
        assert listed[0]["previous_hash"] == listed[1]["entry_hash"]
        assert listed[4]["cost"] == 0.1 * 8
        assert [d["id"] for d in backend.ledger.decisions("shop", limit=2)] == ["e12", "e11"]
        assert chain(backend).ok and chain(backend).checked == 12

    def test_a_decision_delivered_twice_is_chained_once(self, backend: Backend) -> None:
        for name in ("e1", "e2", "e1"):
            backend.ledger.append_decision("shop", {"id": name})

        assert [d["id"] for d in backend.ledger.decisions("shop")] == ["e2", "e1"]

    def test_products_have_chains_of_their_own(self, backend: Backend) -> None:
        backend.ledger.append_decision("shop", {"id": "e1"})
        backend.ledger.append_decision("bank", {"id": "e1"})

        shop, bank = backend.ledger.decisions("shop")[0], backend.ledger.decisions("bank")[0]

        assert shop["sequence"] == bank["sequence"] == 1
        assert shop["entry_hash"] != bank["entry_hash"]
        assert backend.ledger.decisions("other") == []

    def test_rivals_all_find_a_place_in_one_unbroken_chain(self, backend: Backend) -> None:
        ledger = backend.ledger

        outcomes = race(lambda n: ledger.append_decision("shop", {"id": f"e{n}"}), range(4))

        assert [error for _, error in outcomes if error] == []
        assert sorted(d["id"] for d in backend.ledger.decisions("shop")) == ["e0", "e1", "e2", "e3"]
        assert chain(backend).ok

    def test_cost_lines_are_listed_by_month_in_order_of_time(self, backend: Backend) -> None:
        late, early = records.cost("a", time=records.at(9)), records.cost("b", usd=0.1 + 0.2)
        other = records.cost("c", time="2030-02-01T00:00:00.000Z")
        for line in (late, early, other, late):
            backend.ledger.add_cost(line)

        assert backend.ledger.costs("shop", MONTH) == [early, late]
        assert backend.ledger.costs("shop", "2030-02") == [other]
        assert backend.ledger.costs("bank", MONTH) == []

    def test_the_first_of_two_lines_of_one_id_stays(self, backend: Backend) -> None:
        backend.ledger.add_cost(records.cost("a", usd=1.0))
        backend.ledger.add_cost(records.cost("a", usd=2.0))

        assert backend.ledger.costs("shop", MONTH) == [records.cost("a", usd=1.0)]

    def test_lineage_is_followed_upstream(self, backend: Backend) -> None:
        long = "object/landing/" + "é" * 700 + "?versionId=v1"
        edges = [
            Edge("model/churn/1", "run/shop/r1", "register", {"sha256": "x", "rows": 3}),
            Edge("model/churn/1", "dataset/shop/orders/d1", "register"),
            Edge("run/shop/r1", long, "train"),
            Edge("run/shop/r1", long.replace("v1", "v2"), "train"),
        ]
        backend.ledger.add_edges([*edges, edges[0]])
        backend.ledger.add_edges(edges)

        assert backend.ledger.upstream("model/churn/1") == [edges[1], edges[0]]
        assert backend.ledger.upstream("run/shop/r1") == edges[2:]
        assert backend.ledger.upstream("model/churn/11") == []

    def test_many_edges_are_all_kept(self, backend: Backend) -> None:
        edges = [Edge("dataset/shop/orders/d1", f"object/landing/{n:03d}", "ingest") for n in range(230)]

        backend.ledger.add_edges(edges)

        assert backend.ledger.upstream("dataset/shop/orders/d1") == edges

    def test_no_edges_are_no_problem(self, backend: Backend) -> None:
        backend.ledger.add_edges([])

        assert backend.ledger.upstream("dataset/shop/orders/d1") == []

    def test_a_prediction_is_found_by_id(self, backend: Backend) -> None:
        entry = {"model": "churn", "version": 1, "score": 1 / 3, "key": "predictions/ü.jsonl"}
        backend.ledger.index_prediction("p1", entry)
        backend.ledger.index_prediction("p1", entry)

        assert backend.ledger.prediction("p1") == entry
        with pytest.raises(NotFound, match="p2"):
            backend.ledger.prediction("p2")

    def test_money_is_reserved_up_to_the_last_cent(self, backend: Backend) -> None:
        backend.ledger.reserve("shop", MONTH, "r1", 0.3, 0.1)
        budget = backend.ledger.reserve("shop", MONTH, "r2", 0.3, 0.2)

        assert (budget.reserved, budget.spent, budget.limit) == (0.3, 0.0, 0.3)
        with pytest.raises(PreconditionFailed, match=r"0\.00 of 0\.30 USD"):
            backend.ledger.reserve("shop", MONTH, "r3", 0.3, 0.01)

    def test_a_first_reservation_above_the_limit_is_refused(self, backend: Backend) -> None:
        with pytest.raises(PreconditionFailed, match=r"1\.00 of 1\.00 USD"):
            backend.ledger.reserve("shop", MONTH, "r1", 1.0, 1.5)

        assert backend.ledger.reserve("shop", MONTH, "r1", 1.0, 1.0).reserved == 1.0

    def test_a_repeated_reservation_holds_the_money_once(self, backend: Backend) -> None:
        for _ in range(3):
            budget = backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.6)

        assert (budget.reserved, budget.left) == (0.6, 0.4)

    def test_what_a_run_did_not_use_can_be_reserved_again(self, backend: Backend) -> None:
        backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.8)

        backend.ledger.settle("shop", MONTH, "r1", 0.3)
        budget = backend.ledger.reserve("shop", MONTH, "r2", 1.0, 0.7)

        assert (budget.reserved, budget.spent) == (0.7, 0.3)
        with pytest.raises(PreconditionFailed):
            backend.ledger.reserve("shop", MONTH, "r3", 1.0, 0.01)

    def test_a_run_is_settled_once_and_never_reserved_again(self, backend: Backend) -> None:
        backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.8)

        backend.ledger.settle("shop", MONTH, "r1", 0.3)
        backend.ledger.settle("shop", MONTH, "r1", 0.5)
        budget = backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.8)

        assert (budget.reserved, budget.spent) == (0.0, 0.3)

    def test_settling_what_was_never_reserved_changes_nothing(self, backend: Backend) -> None:
        backend.ledger.settle("shop", MONTH, "r9", 0.5)

        budget = backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.25)
        assert (budget.reserved, budget.spent) == (0.25, 0.0)

    def test_a_run_that_cost_more_than_reserved_counts_in_full(self, backend: Backend) -> None:
        backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.5)
        backend.ledger.settle("shop", MONTH, "r1", 1.2)

        with pytest.raises(PreconditionFailed, match=r"-0\.20"):
            backend.ledger.reserve("shop", MONTH, "r2", 1.0, 0.1)

    def test_the_account_is_read_as_it_stands(self, backend: Backend) -> None:
        empty = backend.ledger.budget("shop", MONTH)
        backend.ledger.reserve("shop", MONTH, "r1", 2.0, 0.5)
        backend.ledger.reserve("shop", MONTH, "r2", 2.0, 0.25)
        backend.ledger.settle("shop", MONTH, "r1", 0.125)

        found = backend.ledger.budget("shop", MONTH)

        assert (empty.limit, empty.reserved, empty.spent) == (0.0, 0.0, 0.0)
        assert (found.limit, found.reserved, found.spent, found.left) == (2.0, 0.25, 0.125, 1.625)

    def test_months_and_products_have_accounts_of_their_own(self, backend: Backend) -> None:
        backend.ledger.reserve("shop", MONTH, "r1", 1.0, 1.0)

        assert backend.ledger.reserve("shop", "2030-02", "r2", 1.0, 1.0).reserved == 1.0
        assert backend.ledger.reserve("bank", MONTH, "r3", 1.0, 1.0).reserved == 1.0

    def test_an_account_is_no_cost_line(self, backend: Backend) -> None:
        backend.ledger.reserve("shop", MONTH, "r1", 1.0, 0.5)
        backend.ledger.add_cost(records.cost("a"))

        assert backend.ledger.costs("shop", MONTH) == [records.cost("a")]

    def test_rivals_never_reserve_more_than_there_is(self, backend: Backend) -> None:
        ledger = backend.ledger

        outcomes = race(lambda n: ledger.reserve("shop", MONTH, f"r{n}", 1.0, 0.4), range(6))

        refusals = [error for _, error in outcomes if error is not None]
        assert len(refusals) == 4
        assert {type(error) for error in refusals} == {PreconditionFailed}

    def test_rival_deliveries_of_one_run_reserve_and_settle_once(self, backend: Backend) -> None:
        ledger = backend.ledger

        race(lambda _: ledger.reserve("shop", MONTH, "r1", 1.0, 0.4), range(4))
        race(lambda _: ledger.settle("shop", MONTH, "r1", 0.1), range(4))

        budget = ledger.reserve("shop", MONTH, "r2", 1.0, 0.5)
        assert (budget.reserved, budget.spent) == (0.5, 0.1)
