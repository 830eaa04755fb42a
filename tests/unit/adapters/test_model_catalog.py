"""The ModelCatalog contract."""

from __future__ import annotations

import pytest
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.model import AliasMove, ModelVersion

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


class TestModelCatalog:
    def test_a_model_without_versions(self, backend: Backend) -> None:
        assert backend.models.latest_version("churn") == 0
        assert backend.models.model_versions("churn") == []
        assert backend.models.model_with_digest("churn", "m1") is None
        assert backend.models.alias("churn", "champion") is None
        assert list(backend.models.alias_moves("churn", "champion")) == []
        with pytest.raises(NotFound, match="version 1"):
            backend.models.model_version("churn", 1)

    def test_versions_are_found_by_number_and_digest(self, backend: Backend) -> None:
        made = [records.model(n) for n in range(1, 12)]
        for record in made:
            backend.models.add_model(record)

        assert backend.models.latest_version("churn") == 11
        assert backend.models.model_version("churn", 2) == made[1]
        assert backend.models.model_with_digest("churn", "m10") == made[9]
        assert backend.models.model_versions("churn") == made[::-1]
        assert backend.models.model_versions("churn", limit=2) == made[:8:-1]

    @pytest.mark.parametrize("late", [records.model(1, "x"), records.model(3, "x"), records.model(2, "m1")])
    def test_a_version_out_of_line_or_of_a_known_artifact_conflicts(
        self, backend: Backend, late: ModelVersion
    ) -> None:
        backend.models.add_model(records.model(1))

        with pytest.raises(Conflict):
            backend.models.add_model(late)

        assert backend.models.latest_version("churn") == 1
        assert backend.models.model_with_digest("churn", "x") is None

    def test_an_alias_moves_and_remembers(self, backend: Backend) -> None:
        moves = [records.move(None, 1, 1), records.move(1, 2, 2), records.move(2, 1, 3)]
        for move in moves:
            backend.models.move_alias(move)
        backend.models.move_alias(records.move(None, 2, alias="challenger"))

        assert backend.models.alias("churn", "champion") == 1
        assert backend.models.alias("churn", "challenger") == 2
        assert list(backend.models.alias_moves("churn", "champion")) == moves

    def test_moves_in_one_instant_are_all_kept_in_order(self, backend: Backend) -> None:
        moves = [records.move(None, 1), records.move(1, 2), records.move(2, 1), records.move(1, 2)]
        for move in moves:
            backend.models.move_alias(move)

        assert list(backend.models.alias_moves("churn", "champion")) == moves

    def test_history_keeps_its_order_when_clocks_disagree(self, backend: Backend) -> None:
        moves = [records.move(None, 1, 9), records.move(1, 2, 3)]
        for move in moves:
            backend.models.move_alias(move)

        assert list(backend.models.alias_moves("churn", "champion")) == moves

    @pytest.mark.parametrize("stale", [records.move(None, 3), records.move(2, 3)])
    def test_a_move_from_elsewhere_conflicts(self, backend: Backend, stale: AliasMove) -> None:
        backend.models.move_alias(records.move(None, 1))

        with pytest.raises(Conflict, match="at 1"):
            backend.models.move_alias(stale)

        assert backend.models.alias("churn", "champion") == 1
        assert len(backend.models.alias_moves("churn", "champion")) == 1

    def test_of_rival_moves_exactly_one_wins(self, backend: Backend) -> None:
        backend.models.move_alias(records.move(None, 1))

        outcomes = race(backend.models.move_alias, [records.move(1, n, second=n) for n in range(2, 8)])

        winners = [move for move, error in outcomes if error is None]
        assert len(winners) == 1
        assert {type(error) for _, error in outcomes if error} == {Conflict}
        assert backend.models.alias("churn", "champion") == winners[0].to_version
        assert list(backend.models.alias_moves("churn", "champion"))[1:] == winners

    def test_reports_are_listed_newest_first_and_once(self, backend: Backend) -> None:
        made = [{"id": f"x{n}", "time": records.at(n), "psi": 0.1 * n} for n in range(4)]
        for report in [*made, made[0]]:
            backend.models.add_report("churn", report)

        assert backend.models.reports("churn") == made[::-1]
        assert backend.models.reports("churn", limit=1) == [made[3]]
        assert backend.models.reports("other") == []
