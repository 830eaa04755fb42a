"""The ReleaseCatalog contract: release, alias and proposal hold together, whoever races."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.release import Release
from headgate.services.models.move_champion import alias_move_of

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


def add(backend: Backend, release: Release, proposal: object = None) -> None:
    backend.releases.add_release(release, alias_move_of(release), proposal)  # type: ignore[arg-type]


class TestReleaseCatalog:
    def test_a_product_without_releases(self, backend: Backend) -> None:
        assert backend.releases.latest_release("shop") is None
        assert list(backend.releases.releases("shop")) == []
        assert list(backend.releases.proposals("shop")) == []
        assert backend.releases.open_proposal("shop", 1) is None
        with pytest.raises(NotFound, match="no release 1"):
            backend.releases.release("shop", 1)

    def test_releases_are_found_by_number_and_listed_newest_first(self, backend: Backend) -> None:
        made = [records.release(n, n - 1 or None, n, n) for n in range(1, 12)]
        for release in made:
            add(backend, release)

        assert backend.releases.latest_release("shop") == made[-1]
        assert backend.releases.release("shop", 2) == made[1]
        assert list(backend.releases.releases("shop")) == made[::-1]
        assert list(backend.releases.releases("shop", limit=2)) == made[:8:-1]

    def test_a_release_moves_the_alias_with_it(self, backend: Backend) -> None:
        made = [records.release(1, None, 1), records.release(2, 1, 2, 5)]
        for release in made:
            add(backend, release)

        assert backend.models.alias("churn", "champion") == 2
        assert list(backend.models.alias_moves("churn", "champion")) == [alias_move_of(r) for r in made]

    @pytest.mark.parametrize(
        "late",
        [
            records.release(1, 1, 2, 9),
            records.release(3, 1, 2, 9),
            records.release(2, None, 2, 9),
            records.release(2, 3, 2, 9),
            records.release(2, 1, 2, 4),
        ],
        ids=["number-taken", "number-skipped", "alias-nowhere", "alias-elsewhere", "dated-before"],
    )
    def test_what_does_not_follow_the_newest_changes_nothing(self, backend: Backend, late: Release) -> None:
        first = records.release(1, None, 1, 5)
        add(backend, first)

        with pytest.raises(Conflict):
            add(backend, late)

        assert list(backend.releases.releases("shop")) == [first]
        assert backend.models.alias("churn", "champion") == 1
        assert len(backend.models.alias_moves("churn", "champion")) == 1

    def test_of_rival_releases_exactly_one_wins_whole(self, backend: Backend) -> None:
        add(backend, records.release(1, None, 1))

        rivals = [records.release(2, 1, n, n) for n in range(2, 8)]
        outcomes = race(lambda release: add(backend, release), rivals)

        (winner,) = [release for release, error in outcomes if error is None]
        assert {type(error) for _, error in outcomes if error} == {Conflict}
        assert backend.releases.latest_release("shop") == winner
        assert backend.models.alias("churn", "champion") == winner.closure.version

    def test_a_version_has_one_open_proposal(self, backend: Backend) -> None:
        first, other = records.proposal(1), records.proposal(2, 1)
        backend.releases.add_proposal(first)
        backend.releases.add_proposal(other)

        with pytest.raises(Conflict, match="version 1 of churn is proposed already"):
            backend.releases.add_proposal(records.proposal(1, 5, "user/bob"))

        assert backend.releases.open_proposal("shop", 1) == first
        assert list(backend.releases.proposals("shop")) == [other, first]

    def test_a_withdrawn_proposal_is_kept_and_makes_room(self, backend: Backend) -> None:
        first = records.proposal(1)
        backend.releases.add_proposal(first)
        closed = replace(first, state="withdrawn", closed_by="user/ada", closed_at=records.at(3))
        backend.releases.withdraw_proposal(closed)

        assert backend.releases.open_proposal("shop", 1) is None
        with pytest.raises(Conflict):
            backend.releases.withdraw_proposal(closed)
        again = records.proposal(1, 7)
        backend.releases.add_proposal(again)
        assert list(backend.releases.proposals("shop")) == [again, closed]

    def test_a_release_accepts_its_proposal(self, backend: Backend) -> None:
        proposed = records.proposal(1)
        backend.releases.add_proposal(proposed)
        add(backend, records.release(1, None, 1, 9), proposed)

        assert backend.releases.open_proposal("shop", 1) is None
        (accepted,) = backend.releases.proposals("shop")
        closed = {"state": "accepted", "closed_by": "user/ada", "closed_at": records.at(9)}
        assert accepted == replace(proposed, **closed)  # type: ignore[arg-type]

    def test_a_proposal_that_is_open_no_more_stops_the_release(self, backend: Backend) -> None:
        proposed = records.proposal(1)
        backend.releases.add_proposal(proposed)
        closed = replace(proposed, state="withdrawn", closed_by="user/ada", closed_at=records.at(3))
        backend.releases.withdraw_proposal(closed)

        with pytest.raises(Conflict):
            add(backend, records.release(1, None, 1, 9), proposed)

        assert backend.releases.latest_release("shop") is None
        assert backend.models.alias("churn", "champion") is None
        assert list(backend.releases.proposals("shop")) == [closed]
