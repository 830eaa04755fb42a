"""On-demand features of labels: each of its own request alone, one row a label, as in a call."""

from dataclasses import replace
from pathlib import Path

import pytest
from headgate.domain.errors import InvalidRequest

from tests.unit.engines.test_feature_engine import VISITS, feature_set
from tests.unit.engines.test_views_in_time import built, reading


def test_on_demand_rows_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    twice = [VISITS[0], {**VISITS[0], "visited_at": "2024-01-31T11:50:00"}]
    with pytest.raises(InvalidRequest, match="view asked: 1 rows share their visit_id with another"):
        built(tmp_path, [reading("10:00:00", 1.0)], feature_set(), twice)


def test_the_same_request_twice_has_one_answer(tmp_path: Path) -> None:
    twice = [VISITS[0], {**VISITS[0], "visited_at": "2024-01-31T10:50:00"}]
    wanted = feature_set(asked={"sql": "SELECT visit_id, size * 2 AS double_size FROM request"})
    rows = built(tmp_path, [reading("10:00:00", 1.0)], wanted, twice).rows
    assert [r["double_size"] for r in rows] == [6, 6]


OTHERS = {
    "all": "size - avg(size) OVER () AS double_size FROM request",
    "before": "lag(size) OVER (ORDER BY visited_at) AS double_size FROM request",
    "of the shop": "count(*) OVER (PARTITION BY shop) AS double_size FROM request",
    "subquery": "(SELECT max(size) FROM request) AS double_size FROM request",
    "how many": "(SELECT count(*) FROM request) AS double_size FROM request",
}


@pytest.mark.parametrize("sql", OTHERS.values(), ids=OTHERS)
def test_an_on_demand_feature_may_not_look_at_other_labels(tmp_path: Path, sql: str) -> None:
    """Online there is one request: what is told of others is a leak from labels, and a skew."""
    wanted = feature_set(asked={"sql": f"SELECT visit_id, hour(visited_at) AS hour, {sql}"})
    with pytest.raises(InvalidRequest, match="view asked: .* looks at more than one row"):
        built(tmp_path, [reading("10:00:00", 1.0)], wanted)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT visit_id, size FROM request WHERE size > 3",
            "1 of 2 labels get no row, and 0 rows",
        ),
        (
            "SELECT CASE WHEN size > 3 THEN visit_id ELSE 'z' END AS visit_id FROM request",
            "1 of 2 labels get no row, and 1 rows",
        ),
        ("SELECT upper(visit_id) AS visit_id, size FROM request", "2 of 2 labels get no row, and 2 rows"),
    ],
)
def test_every_label_gets_one_on_demand_row(tmp_path: Path, sql: str, reason: str) -> None:
    wanted = feature_set(asked={"sql": sql})
    with pytest.raises(InvalidRequest, match=f"view asked: {reason}"):
        built(tmp_path, [reading("10:00:00", 1.0)], wanted)


def test_on_demand_features_have_the_seed_online_too(tmp_path: Path) -> None:
    wanted = replace(
        feature_set(asked={"sql": "SELECT visit_id, size + seed() AS shifted FROM request"}), seed=41
    )
    offline = built(tmp_path, [reading("10:00:00", 1.0)], wanted)
    assert wanted.on_demand is not None
    types = {c.name: c.type for c in wanted.request}
    visit = VISITS[0]
    (online,) = offline.work.engine.on_demand(wanted.on_demand, [visit], types, wanted.seed)
    (row,) = [r for r in offline.rows if r["visit_id"] == visit["visit_id"]]
    assert online["shifted"] == row["shifted"] == visit["size"] + 41
