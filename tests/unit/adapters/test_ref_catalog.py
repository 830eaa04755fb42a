"""The RefCatalog contract: tags that never move, branches that do, and holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.version import Branch

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


def branched(backend: Backend, name: str) -> Branch:
    """A new branch from main's head."""
    head = records.head(backend.datasets)
    made = records.branch(name, head)
    backend.refs.add_branch("shop", "orders", made, head)
    return made


class TestTags:
    def test_tags_come_back_whole_sorted_by_name(self, backend: Backend) -> None:
        made = [records.tag(name, n) for n, name in enumerate(("v1.0", "abc", "release_2"), start=1)]
        for tag in made:
            backend.refs.add_tag("shop", "orders", tag)

        assert backend.refs.tags("shop", "orders") == [made[1], made[2], made[0]]
        assert backend.refs.tags("shop", "order") == []

    def test_a_tag_may_be_given_again_and_never_moves(self, backend: Backend) -> None:
        backend.refs.add_tag("shop", "orders", records.tag("gold", 3))

        later = replace(records.tag("gold", 3), author="user/bob", created_at=records.at(9))
        backend.refs.add_tag("shop", "orders", later)
        with pytest.raises(Conflict, match="v3"):
            backend.refs.add_tag("shop", "orders", records.tag("gold", 4))

        assert backend.refs.tags("shop", "orders") == [records.tag("gold", 3)]

    def test_of_rivals_for_a_name_one_wins(self, backend: Backend) -> None:
        refs, rivals = backend.refs, [records.tag("gold", n) for n in range(1, 7)]

        outcomes = race(lambda tag: refs.add_tag("shop", "orders", tag), rivals)

        winners = [tag for tag, error in outcomes if error is None]
        assert backend.refs.tags("shop", "orders") == winners
        assert len(winners) == 1
        assert {type(error) for _, error in outcomes if error} == {Conflict}


class TestBranches:
    def test_branches_come_back_whole_sorted_by_name_and_main_is_none_of_them(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))

        made = [branched(backend, name) for name in ("pending", "dev")]

        assert backend.refs.branches("shop", "orders") == made[::-1]
        assert made[0].base == "d1"
        assert backend.refs.branches("shop", "order") == []

    def test_a_branch_of_a_dataset_without_versions_starts_at_nothing(self, backend: Backend) -> None:
        made = branched(backend, "pending")

        assert backend.refs.branches("shop", "orders") == [made]
        assert (made.head_ordinal, made.head_digest) == (0, "")
        assert records.head(backend.datasets, "pending") is None

    def test_a_branch_starts_at_the_head_it_was_given_with_its_manifest(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))
        first = records.head(backend.datasets)
        records.committed(backend.datasets, records.version(2))

        backend.refs.add_branch("shop", "orders", records.branch("old", first), first)

        assert records.head(backend.datasets, "old") == first
        assert backend.datasets.dataset_head("shop", "orders", "old") == records.version(1)

    def test_a_branch_tells_where_it_stands_by_now(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))
        made = branched(backend, "dev")

        records.committed(backend.datasets, records.version(2, branch="dev"))
        records.committed(backend.datasets, records.version(3))

        assert backend.refs.branches("shop", "orders") == [replace(made, head_ordinal=2, head_digest="d2")]

    def test_a_name_is_taken_once(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))
        made = branched(backend, "dev")
        records.committed(backend.datasets, records.version(2, branch="dev"))

        with pytest.raises(Conflict, match="dev"):
            branched(backend, "dev")

        assert records.head(backend.datasets, "dev") is not None
        assert backend.refs.branches("shop", "orders") == [replace(made, head_ordinal=2, head_digest="d2")]

    def test_of_rivals_that_open_a_branch_one_does(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))
        head = records.head(backend.datasets)
        refs, made = backend.refs, records.branch("dev", head)
        rivals = [replace(made, author=f"user/{n}") for n in range(6)]

        outcomes = race(lambda rival: refs.add_branch("shop", "orders", rival, head), rivals)

        winners = [made for made, error in outcomes if error is None]
        assert backend.refs.branches("shop", "orders") == winners
        assert {type(error) for _, error in outcomes if error} == {Conflict}

    def test_a_deleted_branch_is_gone_and_its_versions_stay(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))
        branched(backend, "dev")
        made = records.committed(backend.datasets, records.version(2, branch="dev"))

        backend.refs.delete_branch("shop", "orders", "dev")

        assert backend.refs.branches("shop", "orders") == []
        assert backend.datasets.dataset_version("shop", "orders", 2) == made
        with pytest.raises(NotFound, match="dev"):
            backend.datasets.dataset_head("shop", "orders", "dev")
        with pytest.raises(NotFound, match="dev"):
            backend.refs.delete_branch("shop", "orders", "dev")

    def test_a_deleted_branch_may_be_opened_anew(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))
        branched(backend, "dev")
        records.committed(backend.datasets, records.version(2, branch="dev"))
        backend.refs.delete_branch("shop", "orders", "dev")

        made = branched(backend, "dev")

        assert backend.refs.branches("shop", "orders") == [made]
        assert backend.datasets.dataset_head("shop", "orders", "dev") == records.version(1)

    def test_main_is_no_branch_to_delete(self, backend: Backend) -> None:
        records.committed(backend.datasets, records.version(1))

        with pytest.raises(NotFound):
            backend.refs.delete_branch("shop", "orders", "main")

        assert backend.datasets.dataset_head("shop", "orders") == records.version(1)


class TestHolds:
    def test_holds_come_back_whole_sorted_by_name(self, backend: Backend) -> None:
        made = [records.hold(name, n) for n, name in enumerate(("legal", "audit"), start=1)]
        for hold in made:
            backend.refs.add_hold("shop", "orders", hold)

        assert backend.refs.holds("shop", "orders") == made[::-1]
        assert backend.refs.holds("shop", "order") == []

    def test_a_hold_may_be_placed_again_and_stays_as_it_was(self, backend: Backend) -> None:
        backend.refs.add_hold("shop", "orders", records.hold("legal", 1))

        backend.refs.add_hold("shop", "orders", replace(records.hold("legal", 1), reason="another"))

        assert backend.refs.holds("shop", "orders") == [records.hold("legal", 1)]

    def test_a_released_hold_is_gone(self, backend: Backend) -> None:
        backend.refs.add_hold("shop", "orders", records.hold("legal"))

        backend.refs.release_hold("shop", "orders", "legal")

        assert backend.refs.holds("shop", "orders") == []
        with pytest.raises(NotFound, match="legal"):
            backend.refs.release_hold("shop", "orders", "legal")


def test_tags_branches_and_holds_of_one_name_are_apart(backend: Backend) -> None:
    records.committed(backend.datasets, records.version(1))
    backend.refs.add_tag("shop", "orders", records.tag("gold"))
    backend.refs.add_hold("shop", "orders", records.hold("gold"))
    made = branched(backend, "gold")

    backend.refs.release_hold("shop", "orders", "gold")

    assert backend.refs.tags("shop", "orders") == [records.tag("gold")]
    assert backend.refs.branches("shop", "orders") == [made]
