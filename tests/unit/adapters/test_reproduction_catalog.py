"""The ReproductionCatalog contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.reproduction import Reproduction, reproduction_id
from headgate.domain.reproduction_verdict import Reason, ScoreDifference, Verdict

from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race

START = datetime(2030, 1, 1, tzinfo=UTC)


def asked(minute: int = 0, version: int = 1, product: str = "shop") -> Reproduction:
    return Reproduction(
        product=product,
        id=reproduction_id(version, START + timedelta(minutes=minute), "abcdef012345"),
        model="churn",
        version=version,
        against="recorded",
        spec="5" * 64,
        requested_by="user/ada",
        requested_at="2030-01-01T00:00:00.000Z",
    )


class TestReproductionCatalog:
    def test_a_reproduction_is_added_once(self, backend: Backend) -> None:
        backend.reproductions.add_reproduction(asked())

        with pytest.raises(Conflict):
            backend.reproductions.add_reproduction(replace(asked(), requested_by="user/bob"))
        assert backend.reproductions.reproduction("shop", asked().id) == asked()

    def test_an_unknown_one_is_not_found(self, backend: Backend) -> None:
        backend.reproductions.add_reproduction(asked())

        with pytest.raises(NotFound):
            backend.reproductions.reproduction("shop", "v1-none")
        with pytest.raises(NotFound):
            backend.reproductions.reproduction("bank", asked().id)

    def test_a_verdict_is_kept_exactly(self, backend: Backend) -> None:
        found = Verdict(
            "within tolerance",
            (Reason("config", "params.rate", 0.1 + 0.2, None),),
            "ä sentence",
            ScoreDifference(7, 1e-9, 0),
            ("the hardware of the fresh run",),
        )
        judged = asked().judged(found, "2030-01-01T00:10:00.000Z")
        backend.reproductions.add_reproduction(asked())

        backend.reproductions.advance_reproduction(judged, asked())

        kept = backend.reproductions.reproduction("shop", asked().id)
        assert (kept.state, Verdict.from_document(kept.verdict)) == ("judged", found)

    def test_of_rivals_in_one_state_exactly_one_goes_on(self, backend: Backend) -> None:
        backend.reproductions.add_reproduction(asked())
        won = list[str]()

        def go_on(job: str) -> None:
            try:
                record = replace(asked(), state="rebuilding", job_id=job)
                backend.reproductions.advance_reproduction(record, asked())
                won.append(job)
            except Conflict:
                pass

        race(go_on, ["j1", "j2", "j3", "j4", "j5"])

        assert [backend.reproductions.reproduction("shop", asked().id).job_id] == won

    def test_one_that_was_never_added_does_not_go_on(self, backend: Backend) -> None:
        with pytest.raises(Conflict):
            backend.reproductions.advance_reproduction(replace(asked(), state="rebuilding"), asked())

    def test_those_of_a_version_are_listed_newest_first(self, backend: Backend) -> None:
        of_one = [asked(2), asked(0), asked(1)]
        for record in (*of_one, asked(3, version=12), asked(4, product="bank")):
            backend.reproductions.add_reproduction(record)

        found = backend.reproductions.reproductions("shop", 1)

        assert list(found) == sorted(of_one, key=lambda record: record.id, reverse=True)
        assert list(backend.reproductions.reproductions("shop", 1, limit=2)) == list(found)[:2]
