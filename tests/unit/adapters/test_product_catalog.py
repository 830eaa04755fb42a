"""The ProductCatalog contract."""

from __future__ import annotations

import pytest
from headgate.domain.errors import Conflict, NotFound

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


class TestProductCatalog:
    def test_a_product_that_was_never_applied_is_not_found(self, backend: Backend) -> None:
        assert backend.products.products() == []
        assert backend.products.evidence("shop") == []
        with pytest.raises(NotFound, match="shop"):
            backend.products.product("shop")
        with pytest.raises(NotFound, match="shop"):
            backend.products.change_stage("shop", "poc", "prototype", records.TIME)

    def test_applied_products_are_listed_by_name(self, backend: Backend) -> None:
        for name in ("shop", "bank"):
            backend.products.put_product(records.product(name))
        backend.products.put_product(records.product("shop"), records.product("shop"))

        assert backend.products.products() == [records.product("bank"), records.product("shop")]
        assert backend.products.product("shop") == records.product("shop")

    def test_an_apply_replaces_exactly_what_it_was_decided_on(self, backend: Backend) -> None:
        backend.products.put_product(records.product())
        backend.products.change_stage("shop", "poc", "prototype", records.at(5))

        for previous in (None, records.product()):
            with pytest.raises(Conflict, match="meanwhile"):
                backend.products.put_product(records.product(stage="mvp"), previous)

        changed = backend.products.product("shop")
        assert (changed.stage, changed.stage_from, changed.stage_since) == ("prototype", "poc", records.at(5))

    def test_a_stage_change_is_seen_everywhere(self, backend: Backend) -> None:
        backend.products.put_product(records.product())

        backend.products.change_stage("shop", "poc", "prototype", records.at(5))

        changed = backend.products.product("shop")
        assert (changed.stage, changed.updated_at) == ("prototype", records.at(5))
        assert changed.spec == records.product().spec
        assert backend.products.products() == [changed]

    def test_a_stage_change_from_another_stage_conflicts(self, backend: Backend) -> None:
        backend.products.put_product(records.product(stage="prototype"))

        with pytest.raises(Conflict, match="prototype"):
            backend.products.change_stage("shop", "poc", "prototype", records.at(5))

        assert backend.products.product("shop") == records.product(stage="prototype")

    def test_of_rival_stage_changes_exactly_one_wins(self, backend: Backend) -> None:
        backend.products.put_product(records.product())

        outcomes = race(
            lambda n: backend.products.change_stage("shop", "poc", "prototype", records.at(n)), range(4)
        )

        winners = [n for n, error in outcomes if error is None]
        assert [backend.products.product("shop").updated_at] == [records.at(n) for n in winners]

    def test_each_gate_keeps_its_newest_evidence(self, backend: Backend) -> None:
        backend.products.put_product(records.product())
        backend.products.put_evidence(records.evidence("prototype", passed=False, found="0.5"))
        backend.products.put_evidence(records.evidence("prototype"))
        backend.products.put_evidence(records.evidence("mvp"))

        assert backend.products.evidence("shop") == [records.evidence("mvp"), records.evidence("prototype")]
        assert backend.products.evidence("bank") == []
