"""Checks that look beyond the drop, from the landed object to the committed version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.domain.dataset import Drop
from headgate.domain.errors import Conflict
from headgate.services.versions.manifests import Manifests

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.unit.services.commit_world import Meeting

KEY = {"name": "id", "type": "INTEGER", "required": True, "primary_key": True}


def product(**datasets: dict[str, Any]) -> dict[str, Any]:
    """The small product with more datasets, each with ``columns`` and what else its contract says."""
    whole = bundle()
    made = {n: {"name": n, "version": "1.0.0", "format": "csv", **form} for n, form in datasets.items()}
    return {**whole, "datasets": {**whole["datasets"], **made}}


@pytest.fixture
def platform(tmp_path: Path) -> MemoryPlatform:
    """Carriers, and flights of carriers; tickets whose numbers never come twice."""
    platform = MemoryPlatform(tmp_path)
    carrier = {"name": "carrier", "type": "VARCHAR"}
    refers = [{"columns": ["carrier"], "dataset": "carriers", "key": ["code"]}]
    platform.apply_product(
        product(
            carriers={"columns": [{"name": "code", "type": "VARCHAR", "required": True}]},
            flights={"columns": [KEY, carrier], "references": refers},
            tickets={"columns": [KEY], "unique_across_versions": True},
        )
    )
    return platform


def dropped(platform: MemoryPlatform, name: str, text: str) -> Drop:
    return platform.drop(f"shops/{name}", text.encode())


def checks(platform: MemoryPlatform, dataset: str) -> dict[str, dict[str, Any]]:
    """The results that stand on a dataset's head."""
    head = platform.catalog.dataset_head("shops", dataset)
    assert head is not None
    return {c["name"]: dict(c) for c in Manifests(platform.lake, "shops", dataset).load(head.digest).checks}


def test_a_drop_waits_in_quarantine_for_what_it_refers_to(platform: MemoryPlatform) -> None:
    # Given a flight of a carrier that nobody dropped
    flight = dropped(platform, "flights/1.csv", "id,carrier\n1,UA\n")
    (refused,) = platform.ingest_now(flight).quarantined
    assert (refused.rule, refused.rows) == ("reference:carrier->carriers.code", 1)
    # When the carriers arrive, and it is sent through once more
    platform.ingest_now(dropped(platform, "carriers/1.csv", "code\nAA\nUA\n"))
    report = platform.ingest_now(replace(flight, message_id="again"))
    # Then it is in, and the version says which carriers it was compared with
    assert [v.rows for v in report.committed] == [1]
    assert checks(platform, "flights")["reference:carrier->carriers.code"]["against"] == {"carriers": 1}


def test_columns_are_seen_as_the_contracts_of_today_name_them(platform: MemoryPlatform) -> None:
    # Given carriers whose column is renamed after a version was made
    platform.ingest_now(dropped(platform, "carriers/1.csv", "code\nUA\n"))
    carrier = {"name": "carrier", "type": "VARCHAR"}
    renamed = {"name": "iata", "type": "VARCHAR", "required": True, "former_names": ["code"]}
    refers = [{"columns": ["carrier"], "dataset": "carriers", "key": ["iata"]}]
    platform.apply_product(
        product(
            carriers={"columns": [renamed], "version": "2.0.0"},
            flights={"columns": [KEY, carrier], "references": refers, "version": "2.0.0"},
            tickets={"columns": [KEY], "unique_across_versions": True},
        )
    )

    report = platform.ingest_now(dropped(platform, "flights/1.csv", "id,carrier\n1,UA\n"))

    assert [v.rows for v in report.committed] == [1]


def test_a_key_that_an_earlier_version_has_is_refused(platform: MemoryPlatform) -> None:
    platform.ingest_now(dropped(platform, "tickets/1.csv", "id\n1\n2\n"))

    report = platform.ingest_now(
        dropped(platform, "tickets/2.csv", "id\n2\n3\n"), dropped(platform, "tickets/3.csv", "id\n3\n4\n")
    )

    assert [(q.key, q.rule) for q in report.quarantined] == [
        ("shops/tickets/2.csv", "unique_across_versions:id")
    ]
    assert [v.rows for v in report.committed] == [4]


def test_drops_of_one_batch_are_compared_with_each_other(platform: MemoryPlatform) -> None:
    report = platform.ingest_now(
        dropped(platform, "tickets/1.csv", "id\n1\n2\n"), dropped(platform, "tickets/2.csv", "id\n2\n3\n")
    )

    assert [q.key for q in report.quarantined] == ["shops/tickets/2.csv"]
    assert [v.rows for v in report.committed] == [2]


def test_keys_are_compared_again_where_a_rival_was_first(platform: MemoryPlatform) -> None:
    # Given a worker that has compared its keys, and a rival that takes in one of them meanwhile
    mine, theirs = (
        dropped(platform, "tickets/mine.csv", "id\n1\n2\n"),
        dropped(platform, "tickets/theirs.csv", "id\n2\n3\n"),
    )
    catalog: Any = Meeting(platform.catalog, [lambda: platform.ingest_now(theirs)])
    # When it commits
    report = replace(platform.ingest, catalog=catalog).ingest([mine])
    # Then it does not, and the message that is delivered again is refused
    assert isinstance(report.failed[mine.message_id], Conflict)
    (refused,) = platform.ingest_now(mine).quarantined
    assert refused.rule == "unique_across_versions:id"
    head = platform.catalog.dataset_head("shops", "tickets")
    assert head is not None
    assert head.rows == 2


def test_values_of_restricted_columns_are_not_kept_with_a_refusal(tmp_path: Path) -> None:
    # Given a dataset with a restricted column
    platform = MemoryPlatform(tmp_path)
    secret = {"name": "salary", "type": "INTEGER", "classification": "restricted", "maximum": 100}
    rules = [{"name": "even", "sql": "SELECT id, salary AS odd FROM this WHERE salary % 2 = 1"}]
    platform.apply_product(product(people={"columns": [KEY, secret], "rules": rules}))
    # When drops break its contract in several ways
    report = platform.ingest_now(
        dropped(platform, "people/range.csv", "id,salary\n1,4711\n"),
        dropped(platform, "people/type.csv", "id,salary\n1,rich4711\n"),
        dropped(platform, "people/rule.csv", "id,salary\n7,47\n"),
    )
    # Then what is kept says where, and not what
    kept = {q.key.rpartition("/")[2]: q for q in report.quarantined}
    assert kept["range.csv"].sample == ({"id": "1", "salary": "(restricted)"},)
    assert kept["rule.csv"].sample == ({"id": "7", "odd": "(restricted)"},)
    assert kept["type.csv"].sample[0]["column"] == "salary"
    assert "47" not in str([(q.reason, q.sample) for q in kept.values()])
