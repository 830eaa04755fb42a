"""The DatasetCatalog contract."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.errors import Conflict, InvalidRequest, NotFound
from headgate.domain.version import MAX_SOURCES, VersionRecord

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


class TestDatasetCatalog:
    def test_a_dataset_without_versions_has_no_head(self, backend: Backend) -> None:
        assert backend.datasets.dataset_head("shop", "orders") is None
        assert backend.datasets.dataset_versions("shop", "orders") == []
        with pytest.raises(NotFound, match="v1"):
            backend.datasets.dataset_version("shop", "orders", 1)

    def test_a_committed_version_is_the_head_and_comes_back_whole(self, backend: Backend) -> None:
        record = records.version(1, sources=(records.source("a"), records.source("ü b")))

        backend.datasets.commit_version(record)

        assert backend.datasets.dataset_head("shop", "orders") == record
        assert backend.datasets.dataset_version("shop", "orders", 1) == record

    def test_history_is_listed_newest_first_over_pages(self, backend: Backend) -> None:
        made = [records.version(n) for n in range(1, 13)]
        for record in made:
            backend.datasets.commit_version(record)

        assert backend.datasets.dataset_versions("shop", "orders") == made[::-1]
        assert backend.datasets.dataset_versions("shop", "orders", limit=3) == made[:8:-1]
        assert backend.datasets.dataset_version("shop", "orders", 7) == made[6]

    def test_datasets_do_not_see_each_other(self, backend: Backend) -> None:
        backend.datasets.commit_version(records.version(1, sources=(records.source("a"),)))

        assert backend.datasets.dataset_head("shop", "order") is None
        assert backend.datasets.dataset_head("sho", "orders") is None
        assert backend.datasets.version_with_source("shop", "order", "sha-a") is None

    @pytest.mark.parametrize(
        "late",
        [
            records.version(1, "other"),
            records.version(2, "other", parent="other"),
            records.version(2, "other", parent=None),
            records.version(3, "other", parent="d1"),
        ],
        ids=["first again", "other parent", "no parent", "ordinal skipped"],
    )
    def test_a_commit_that_does_not_follow_the_head_conflicts(
        self, backend: Backend, late: VersionRecord
    ) -> None:
        backend.datasets.commit_version(records.version(1))

        with pytest.raises(Conflict):
            backend.datasets.commit_version(replace(late, sources=(records.source("late"),)))

        assert backend.datasets.dataset_versions("shop", "orders") == [records.version(1)]
        assert backend.datasets.version_with_source("shop", "orders", "sha-late") is None

    def test_a_first_commit_needs_no_parent(self, backend: Backend) -> None:
        with pytest.raises(Conflict):
            backend.datasets.commit_version(records.version(2, parent="d1"))

        assert backend.datasets.dataset_head("shop", "orders") is None

    def test_the_same_commit_again_conflicts(self, backend: Backend) -> None:
        backend.datasets.commit_version(records.version(1))

        with pytest.raises(Conflict):
            backend.datasets.commit_version(records.version(1))

    def test_a_source_is_found_in_its_version(self, backend: Backend) -> None:
        sources = tuple(records.source(str(n)) for n in range(MAX_SOURCES))
        backend.datasets.commit_version(records.version(1, sources=(records.source("first"),)))
        backend.datasets.commit_version(records.version(2, sources=sources))

        assert backend.datasets.version_with_source("shop", "orders", "sha-first") == 1
        assert backend.datasets.version_with_source("shop", "orders", "sha-89") == 2
        assert backend.datasets.version_with_source("shop", "orders", "sha-none") is None

    def test_more_sources_than_a_transaction_holds_are_refused(self, backend: Backend) -> None:
        sources = tuple(records.source(str(n)) for n in range(MAX_SOURCES + 1))

        with pytest.raises(InvalidRequest, match="90"):
            backend.datasets.commit_version(records.version(1, sources=sources))

    def test_equal_bytes_at_two_keys_are_one_source(self, backend: Backend) -> None:
        twice = (records.source("a"), replace(records.source("a"), key="shop/orders/copy.csv"))

        backend.datasets.commit_version(records.version(1, sources=twice))

        assert backend.datasets.version_with_source("shop", "orders", "sha-a") == 1

    def test_of_rival_commits_exactly_one_wins(self, backend: Backend) -> None:
        backend.datasets.commit_version(records.version(1))
        rivals = [records.version(2, f"rival-{n}", sources=(records.source(str(n)),)) for n in range(6)]

        outcomes = race(lambda rival: backend.datasets.commit_version(rival), rivals)

        winners = [rival for rival, error in outcomes if error is None]
        assert len(winners) == 1
        assert {type(error) for _, error in outcomes if error} == {Conflict}
        assert backend.datasets.dataset_head("shop", "orders") == winners[0]
        held = [n for n in range(6) if backend.datasets.version_with_source("shop", "orders", f"sha-{n}")]
        assert [records.source(str(n)) for n in held] == list(winners[0].sources)

    def test_quarantine_is_listed_newest_first(self, backend: Backend) -> None:
        for second, name in enumerate(("q1", "q3", "q2")):
            backend.datasets.add_quarantine(records.refused(name, second=second))
        backend.datasets.add_quarantine(records.refused("q9", product="other"))

        assert [r.id for r in backend.datasets.quarantine("shop")] == ["q2", "q3", "q1"]
        assert [r.id for r in backend.datasets.quarantine("shop", limit=1)] == ["q2"]
        assert backend.datasets.quarantine("shop")[2] == records.refused("q1")

    def test_a_drop_refused_twice_is_listed_once(self, backend: Backend) -> None:
        backend.datasets.add_quarantine(records.refused("q1"))
        backend.datasets.add_quarantine(records.refused("q1"))

        assert backend.datasets.quarantine("shop") == [records.refused("q1")]
