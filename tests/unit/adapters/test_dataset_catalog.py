"""The DatasetCatalog contract: heads, history, known sources, and commits that find what they saw or fail."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from headgate.domain.errors import Conflict, InvalidRequest, NotFound
from headgate.domain.version import MAX_SOURCES, CommitView, Head, VersionRecord

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race

A, B = records.source("a"), records.source("b")
A_COPY = replace(A, key="shop/orders/copy of a.csv")


def view(backend: Backend, *sources: object, branch: str = "main") -> CommitView:
    return backend.datasets.commit_view("shop", "orders", branch, sources)  # type: ignore[arg-type]


def commit(backend: Backend, record: VersionRecord, seen: CommitView | None = None) -> VersionRecord:
    return records.committed(backend.datasets, record, seen)


def opened(backend: Backend, name: str) -> None:
    """A branch from main's head."""
    head = records.head(backend.datasets)
    backend.refs.add_branch("shop", "orders", records.branch(name, head), head)


class TestDatasetCatalog:
    def test_a_dataset_without_versions_has_no_head(self, backend: Backend) -> None:
        assert backend.datasets.dataset_head("shop", "orders") is None
        assert backend.datasets.dataset_versions("shop", "orders") == []
        assert view(backend, A) == CommitView(None, 1)
        with pytest.raises(NotFound, match="v1"):
            backend.datasets.dataset_version("shop", "orders", 1)

    def test_a_committed_version_is_the_head_and_comes_back_whole(self, backend: Backend) -> None:
        record = records.version(1, sources=(A, records.source("ü b")))

        commit(backend, record)

        assert backend.datasets.dataset_head("shop", "orders") == record
        assert backend.datasets.dataset_version("shop", "orders", 1) == record
        assert view(backend).head == Head(record, records.manifest(record))

    def test_history_is_listed_newest_first_over_pages(self, backend: Backend) -> None:
        made = [commit(backend, records.version(n)) for n in range(1, 13)]

        assert backend.datasets.dataset_versions("shop", "orders") == made[::-1]
        assert backend.datasets.dataset_versions("shop", "orders", limit=3) == made[:8:-1]
        assert backend.datasets.dataset_version("shop", "orders", 7) == made[6]

    def test_history_goes_on_before_an_ordinal(self, backend: Backend) -> None:
        made = [commit(backend, records.version(n)) for n in range(1, 13)]

        def ordinals(limit: int, before: int) -> list[int]:
            return [v.ordinal for v in backend.datasets.dataset_versions("shop", "orders", limit, before)]

        assert ordinals(3, 11) == [10, 9, 8]
        assert ordinals(100, 4) == [3, 2, 1]
        assert ordinals(100, 99) == [v.ordinal for v in made[::-1]]
        assert ordinals(100, 1) == ordinals(100, 0) == ordinals(100, -3) == []

    def test_datasets_do_not_see_each_other(self, backend: Backend) -> None:
        commit(backend, records.version(1, sources=(A,)))

        for product, dataset in (("shop", "order"), ("sho", "orders")):
            assert backend.datasets.dataset_head(product, dataset) is None
            assert backend.datasets.commit_view(product, dataset, "main", [A]) == CommitView(None, 1)

    def test_a_commit_on_a_head_that_has_moved_conflicts(self, backend: Backend) -> None:
        # Given a committer who saw v1
        commit(backend, records.version(1))
        stale = view(backend, B)
        commit(backend, records.version(2))

        # When it commits v2 or v3 on what it saw, then nothing of it is kept
        for ordinal in (2, 3):
            with pytest.raises(Conflict):
                commit(backend, records.version(ordinal, "other", sources=(B,)), stale)
        assert [v.digest for v in backend.datasets.dataset_versions("shop", "orders")] == ["d2", "d1"]
        assert view(backend, B).known(B) is None

    def test_a_commit_that_skips_or_repeats_an_ordinal_conflicts(self, backend: Backend) -> None:
        with pytest.raises(Conflict):
            commit(backend, records.version(2))
        commit(backend, records.version(1))
        for ordinal in (1, 3):
            with pytest.raises(Conflict):
                commit(backend, records.version(ordinal, "other"))

        assert backend.datasets.dataset_versions("shop", "orders") == [records.version(1)]

    def test_the_same_commit_again_conflicts(self, backend: Backend) -> None:
        first = view(backend)
        commit(backend, records.version(1), first)

        with pytest.raises(Conflict):
            commit(backend, records.version(1), first)

    def test_a_source_is_known_by_object_and_by_bytes(self, backend: Backend) -> None:
        commit(backend, records.version(1, sources=(A,)))
        commit(backend, records.version(2, sources=(B,)))

        seen = view(backend, A, A_COPY, B, records.source("c"))

        assert seen.objects == {A.identity: 1, B.identity: 2}
        assert seen.contents == {A.sha256: 1, B.sha256: 2}
        assert [seen.known(s) for s in (A, A_COPY, B, records.source("c"))] == [1, 1, 2, None]

    def test_an_object_is_remembered_with_the_first_version_that_is_said_of_it(
        self, backend: Backend
    ) -> None:
        backend.datasets.remember("shop", "orders", {A.identity: 3})
        backend.datasets.remember("shop", "orders", {A.identity: 7, B.identity: 7})

        seen = view(backend, A, B, records.source("c"))
        assert seen.objects == {A.identity: 3, B.identity: 7}
        assert seen.contents == {}

    def test_as_many_sources_as_a_commit_takes_are_known_after_it(self, backend: Backend) -> None:
        sources = tuple(records.source(str(n)) for n in range(MAX_SOURCES))

        commit(backend, records.version(1, sources=sources))

        seen = view(backend, *sources)
        assert {seen.known(s) for s in sources} == {1}
        assert len(seen.objects) == len(seen.contents) == MAX_SOURCES

    def test_more_sources_than_a_transaction_holds_are_refused(self, backend: Backend) -> None:
        sources = tuple(records.source(str(n)) for n in range(MAX_SOURCES + 1))

        with pytest.raises(InvalidRequest, match=str(MAX_SOURCES)):
            commit(backend, records.version(1, sources=sources), CommitView(None, 1))

    def test_equal_bytes_at_two_keys_are_two_objects_in_one_version(self, backend: Backend) -> None:
        commit(backend, records.version(1, sources=(A, A_COPY)))

        seen = view(backend, A, A_COPY)
        assert (seen.objects, seen.contents) == ({A.identity: 1, A_COPY.identity: 1}, {A.sha256: 1})

    def test_a_commit_that_did_not_see_its_source_taken_in_conflicts(self, backend: Backend) -> None:
        """The items of a view are read together, but not at one moment: the head may be newer than they."""
        commit(backend, records.version(1, sources=(A,)))
        seen = view(backend)

        for source in (A, A_COPY):
            with pytest.raises(Conflict):
                commit(backend, records.version(2, sources=(source,)), seen)
        commit(backend, records.version(2, sources=(A_COPY,)), view(backend, A_COPY))

    def test_of_rival_commits_exactly_one_wins(self, backend: Backend) -> None:
        commit(backend, records.version(1))
        sources = [records.source(str(n)) for n in range(6)]
        seen = view(backend, *sources)
        rivals = [records.version(2, f"rival-{n}", sources=(s,)) for n, s in enumerate(sources)]

        outcomes = race(lambda rival: commit(backend, rival, seen), rivals)

        winners = [rival for rival, error in outcomes if error is None]
        assert len(winners) == 1
        assert {type(error) for _, error in outcomes if error} == {Conflict}
        assert backend.datasets.dataset_head("shop", "orders") == winners[0]
        after = view(backend, *sources)
        assert [s for s in sources if after.known(s)] == list(winners[0].sources)

    def test_a_manifest_that_is_too_large_for_a_head_is_left_to_the_lake(self, backend: Backend) -> None:
        # Given a version of a dataset so wide that its newest files alone fill a table's item
        record = records.version(1)
        wide = records.manifest(record, *(records.file(f"f{n}", columns=600) for n in range(32)))

        # When it is committed, then the head is there without its manifest, and history goes on from it
        backend.datasets.commit_version(record, wide, view(backend))

        assert view(backend).head == Head(record, None)
        assert backend.datasets.dataset_head("shop", "orders") == record
        opened(backend, "dev")
        assert view(backend, branch="dev").head == Head(record, None)
        assert commit(backend, records.version(2)) == backend.datasets.dataset_head("shop", "orders")

    def test_a_commit_of_the_longest_keys_fits(self, backend: Backend) -> None:
        """Sources and a manifest that fill a head nearly: keys of 1,024 bytes, and each a quote in JSON."""
        sources = tuple(
            replace(records.source(str(n)), key=f"shop/orders/{n:02d}" + '"' * 1010) for n in range(45)
        )
        record = records.version(1, sources=sources)
        files = [records.file(os.urandom(8).hex(), columns=120) for _ in range(32)]

        backend.datasets.commit_version(record, records.manifest(record, *files), view(backend, *sources))

        assert backend.datasets.dataset_head("shop", "orders") == record


class TestBranchesOfADataset:
    def test_a_branch_that_does_not_exist_is_not_found(self, backend: Backend) -> None:
        commit(backend, records.version(1))

        with pytest.raises(NotFound, match="dev"):
            backend.datasets.dataset_head("shop", "orders", "dev")
        with pytest.raises(NotFound, match="dev"):
            view(backend, branch="dev")

    def test_a_branch_and_main_move_apart_and_share_the_ordinals(self, backend: Backend) -> None:
        commit(backend, records.version(1))
        opened(backend, "dev")

        on_dev = commit(backend, records.version(2, parent="d1", branch="dev"))
        on_main = commit(backend, records.version(3, parent="d1"))

        assert backend.datasets.dataset_head("shop", "orders") == on_main
        assert backend.datasets.dataset_head("shop", "orders", "dev") == on_dev
        assert view(backend, branch="dev").next_ordinal == view(backend).next_ordinal == 4
        assert [v.branch for v in backend.datasets.dataset_versions("shop", "orders")] == [
            "main",
            "dev",
            "main",
        ]

    def test_of_rivals_on_two_branches_one_gets_the_ordinal(self, backend: Backend) -> None:
        commit(backend, records.version(1))
        opened(backend, "dev")
        seen = {name: view(backend, branch=name) for name in ("main", "dev")}
        rivals = [records.version(2, name, branch=name) for name in seen]

        outcomes = race(lambda rival: commit(backend, rival, seen[rival.branch]), rivals)

        assert sorted(error is None for _, error in outcomes) == [False, True]
        assert len(backend.datasets.dataset_versions("shop", "orders")) == 2

    def test_the_first_version_may_be_made_on_a_branch(self, backend: Backend) -> None:
        opened(backend, "pending")
        assert backend.datasets.dataset_head("shop", "orders", "pending") is None
        before = view(backend, branch="pending")

        record = commit(backend, records.version(1, branch="pending"), before)

        assert backend.datasets.dataset_head("shop", "orders", "pending") == record
        assert backend.datasets.dataset_head("shop", "orders") is None
        assert view(backend).next_ordinal == 2
        with pytest.raises(Conflict):
            commit(backend, records.version(2, branch="pending"), before)

    def test_a_commit_on_a_branch_that_is_gone_conflicts(self, backend: Backend) -> None:
        commit(backend, records.version(1))
        opened(backend, "dev")
        seen = view(backend, branch="dev")
        backend.refs.delete_branch("shop", "orders", "dev")

        with pytest.raises(Conflict):
            commit(backend, records.version(2, branch="dev"), seen)

        assert view(backend).next_ordinal == 2

    def test_bytes_that_a_branch_added_are_unknown_on_main(self, backend: Backend) -> None:
        commit(backend, records.version(1))
        opened(backend, "dev")
        commit(backend, records.version(2, branch="dev", sources=(A,)))
        main = backend.datasets.dataset_head("shop", "orders")

        assert main is not None
        assert view(backend, A, branch="dev").known(A_COPY) == 2
        assert view(backend, A_COPY).known(A_COPY) is None

    def test_bytes_that_main_and_a_branch_added_are_known_on_both(self, backend: Backend) -> None:
        commit(backend, records.version(1))
        opened(backend, "dev")
        commit(backend, records.version(2, sources=(A,)))
        commit(backend, records.version(3, branch="dev", sources=(A_COPY,), visible=((1, 1), (3, 3))))

        other = replace(A, key="shop/orders/third.csv")
        assert view(backend, other).known(other) == 2
        assert view(backend, other, branch="dev").known(other) == 3

    def test_bytes_are_known_again_when_the_version_that_added_them_is_shown_again(
        self, backend: Backend
    ) -> None:
        # Given bytes of v2, rolled back by v3, added once more by v4, and v5 that shows what v2 did
        commit(backend, records.version(1))
        commit(backend, records.version(2, sources=(A,)))
        commit(backend, records.version(3, operation="rollback", visible=((1, 1),)))
        assert view(backend, A_COPY).known(A_COPY) is None
        commit(backend, records.version(4, sources=(A_COPY,), visible=((1, 1), (4, 4))))
        commit(backend, records.version(5, operation="rollback", visible=((1, 2),)))

        # When they come under a third key, then they are known, in v2
        third = replace(A, key="shop/orders/third.csv")
        assert view(backend, third).known(third) == 2
