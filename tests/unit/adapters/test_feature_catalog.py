"""The FeatureCatalog contract."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.errors import Conflict
from headgate.domain.feature_job import StageJob
from headgate.domain.feature_version import FeatureVersionRecord

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race
from tests.unit.adapters.records import TIME


class TestFeatureCatalog:
    def test_a_set_that_was_never_built_has_no_head(self, backend: Backend) -> None:
        assert backend.features.feature_head("shop", "spend") is None
        assert backend.features.feature_version_of_build("shop", "spend", "b1") is None
        assert backend.features.feature_versions("shop", "spend") == []

    def test_a_committed_version_is_found_by_head_and_by_build(self, backend: Backend) -> None:
        first, second = records.features(1), records.features(2)
        backend.features.commit_features(first)
        backend.features.commit_features(second)

        assert backend.features.feature_head("shop", "spend") == second
        assert backend.features.feature_version_of_build("shop", "spend", "b1") == first
        assert backend.features.feature_version_of_build("shop", "other", "b1") is None

    def test_history_is_listed_newest_first(self, backend: Backend) -> None:
        made = [records.features(n) for n in range(1, 12)]
        for record in made:
            backend.features.commit_features(record)

        assert backend.features.feature_versions("shop", "spend") == made[::-1]
        assert backend.features.feature_versions("shop", "spend", limit=2) == made[:8:-1]

    @pytest.mark.parametrize(
        "late", [records.features(1, "b9"), records.features(3, "b9"), records.features(2, "b1")]
    )
    def test_a_version_out_of_line_or_of_the_heads_build_conflicts(
        self, backend: Backend, late: FeatureVersionRecord
    ) -> None:
        backend.features.commit_features(records.features(1))

        with pytest.raises(Conflict):
            backend.features.commit_features(late)

        assert backend.features.feature_versions("shop", "spend") == [records.features(1)]

    def test_of_rival_builds_exactly_one_wins(self, backend: Backend) -> None:
        rivals = [records.features(1, f"b{n}") for n in range(5)]

        outcomes = race(backend.features.commit_features, rivals)

        winners = [rival for rival, error in outcomes if error is None]
        assert len(winners) == 1
        assert backend.features.feature_head("shop", "spend") == winners[0]

    def test_a_build_that_was_replaced_may_be_the_newest_once_more(self, backend: Backend) -> None:
        made = [records.features(1, "b1"), records.features(2, "b2"), records.features(3, "b1")]
        for record in made:
            backend.features.commit_features(record)

        assert backend.features.feature_head("shop", "spend") == made[2]
        assert backend.features.feature_version_of_build("shop", "spend", "b1") == made[2]
        assert backend.features.feature_versions("shop", "spend") == made[::-1]
        with pytest.raises(Conflict):
            backend.features.commit_features(records.features(4, "b1"))

    def test_a_stage_is_claimed_by_one_and_replaced_from_what_is_there(self, backend: Backend) -> None:
        claims = [StageJob("shop", "spend", "r1", 0, {"orders": 2}, f"t{n}", TIME) for n in range(4)]

        catalog = backend.features
        outcomes = race(lambda claim: catalog.put_stage_job(claim, None), claims)

        (won,) = [claim for claim, error in outcomes if error is None]
        assert backend.features.stage_job("shop", "spend", "r1") == won
        ended = replace(won, job_id="j-1", ended=True)
        backend.features.put_stage_job(ended, won)
        assert backend.features.stage_job("shop", "spend", "r1") == ended
        assert backend.features.stage_job("shop", "spend", "r2") is None
        with pytest.raises(Conflict):
            backend.features.put_stage_job(claims[0], won)

    def test_a_version_that_is_given_up_says_since_when(self, backend: Backend) -> None:
        made = [records.features(n) for n in range(1, 4)]
        for record in made:
            backend.features.commit_features(record)

        backend.features.give_up_features("shop", "spend", [1, 2], "2030-01-01T00:00:00.000Z")
        backend.features.give_up_features("shop", "spend", [2], "2031-01-01T00:00:00.000Z")
        marked = [r.collected_at for r in backend.features.feature_versions("shop", "spend")]
        known = backend.features.feature_version_of_build("shop", "spend", "b2")
        backend.features.keep_features("shop", "spend", [1, 2])

        assert marked == ["", "2030-01-01T00:00:00.000Z", "2030-01-01T00:00:00.000Z"]
        assert known == replace(made[1], collected_at="2030-01-01T00:00:00.000Z")
        assert backend.features.feature_versions("shop", "spend") == made[::-1]
        assert backend.features.feature_head("shop", "spend") == made[2]
