"""The ErasureCatalog contract, and the tombstones that datasets keep."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.erasure import ErasureRecord, Findings, Rewrite
from headgate.domain.errors import NotFound

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend


def erasure(name: str, second: int = 0, product: str = "shop") -> ErasureRecord:
    return ErasureRecord(
        id=name,
        product=product,
        dataset="orders",
        columns=("id", "shop"),
        subjects=2,
        salt="s",
        subject_digest="5" * 64,
        reason="gefragt",
        requested_by="user/ada",
        requested_at=records.at(second),
        dry_run=False,
        state="erased",
        findings=Findings(rows=3, versions=(1, 2), models=("model/m/1",), files=("a", "b")),
        rewritten=(Rewrite("a", "1", "2"),),
        committed=(3,),
    )


class TestErasureCatalog:
    def test_an_erasure_comes_back_whole_as_it_is_now(self, backend: Backend) -> None:
        backend.erasures.put_erasure(replace(erasure("e1"), state="running", findings=Findings()))
        backend.erasures.put_erasure(erasure("e1"))

        assert backend.erasures.erasure("shop", "e1") == erasure("e1")

    def test_one_that_was_never_asked_for_is_not_found(self, backend: Backend) -> None:
        backend.erasures.put_erasure(erasure("e1"))

        with pytest.raises(NotFound, match="e2"):
            backend.erasures.erasure("shop", "e2")
        with pytest.raises(NotFound):
            backend.erasures.erasure("bank", "e1")

    def test_a_products_are_listed_newest_first(self, backend: Backend) -> None:
        for name, second in (("b", 1), ("a", 2), ("c", 0)):
            backend.erasures.put_erasure(erasure(name, second))
        backend.erasures.put_erasure(erasure("d", 3, "bank"))

        assert [e.id for e in backend.erasures.erasures("shop")] == ["a", "b", "c"]
        assert [e.id for e in backend.erasures.erasures("shop", limit=1)] == ["a"]
        assert backend.erasures.erasures("nobody") == []

    def test_a_commits_view_says_which_bytes_were_erased(self, backend: Backend) -> None:
        gone, fine = records.source("a"), records.source("b")

        for _ in range(2):
            backend.datasets.bury("shop", "orders", [gone.sha256], "e1")

        view = backend.datasets.commit_view("shop", "orders", "main", [gone, fine])
        assert view.erased == {gone.sha256}
        assert backend.datasets.commit_view("shop", "returns", "main", [gone]).erased == frozenset()
