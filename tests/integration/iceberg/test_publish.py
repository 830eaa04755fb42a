"""What other engines read is, row for row, what the versions hold: from drops and imports to the table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from headgate.domain.errors import PreconditionFailed
from headgate.domain.version import VersionRecord

from tests.integration.iceberg.deployment import ALICE, Deployment
from tests.integration.iceberg.reading import Rows, iceberg_rows, table, version_rows
from tests.support.small_product import visits_contract
from tests.unit.adapters.backends import make_bucket

COLUMNS = ("visit_id", "visited_at", "shop", "size", "bought")
IMPORTED = (
    "SELECT '{id}' AS visit_id, TIMESTAMP '2024-01-01 10:00:00' AS visited_at, 'north' AS shop, "
    "3 AS size, true AS bought"
)


def head(deployment: Deployment, dataset: str = "visits") -> VersionRecord:
    found = deployment.ingest.catalog.dataset_head("shops", dataset)
    assert found is not None
    return found


def ids(rows: Rows) -> list[str]:
    return [row[0] for row in rows]


def put_parquet(deployment: Deployment, bucket: str, key: str, name: str, folder: Path) -> None:
    path = folder / "made.parquet"
    duckdb.sql(f"COPY ({IMPORTED.format(id=name)}) TO '{path}' (FORMAT parquet)")
    deployment.s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def test_every_version_reads_the_same_in_both(deployment: Deployment, tmp_path: Path) -> None:
    # Given drops, a rollback, and a schema that grows
    deployment.visits("a", "b")
    deployment.visits("c")
    deployment.publish()
    deployment.plane.rollback.rollback(ALICE, "shops", "visits", "v1")
    grown = visits_contract()
    sizes = [{**c, "type": "BIGINT", "maximum": None} if c["name"] == "size" else c for c in grown["columns"]]
    more = {"name": "note", "type": "VARCHAR"}
    deployment.apply(visits={**grown, "version": "1.1.0", "tables": ["iceberg"], "columns": [*sizes, more]})
    deployment.drop(
        "shops/visits/grown.csv",
        "visit_id,visited_at,shop,size,bought,note\nd,2024-01-02 10:00:00,south,3000000000,false,new\n",
    )

    # When they are published
    deployment.publish()

    # Then every snapshot holds its version's rows, and the newest is the head
    found = table(deployment)
    records = deployment.ingest.catalog.dataset_versions("shops", "visits")
    for record in records:
        columns = COLUMNS if record.ordinal < 4 else (*COLUMNS, "note")
        expected = version_rows(deployment, record, tmp_path)
        assert iceberg_rows(found, columns, record.ordinal) == expected, record.ordinal
    assert ids(iceberg_rows(found, COLUMNS)) == ["a", "b", "d"]
    assert [r.operation for r in reversed(records)] == ["append", "append", "rollback", "append"]


def test_an_overwritten_dataset_shows_its_newest_rows(deployment: Deployment, tmp_path: Path) -> None:
    deployment.drop("shops/prices/1.csv", "item\none\ntwo\n")
    deployment.drop("shops/prices/2.csv", "item\nthree\n")

    deployment.publish("prices")

    found = table(deployment, "prices")
    assert iceberg_rows(found, ("item",)) == [("three",)]
    assert iceberg_rows(found, ("item",), 1) == [("one",), ("two",)]


def test_a_table_is_made_anew_from_the_manifests(deployment: Deployment) -> None:
    deployment.visits("a")
    deployment.visits("b")
    deployment.publish()
    glue = deployment.clients.client("glue")
    glue.delete_table(DatabaseName=deployment.database, Name="shops__visits")

    asked = deployment.plane.request_rebuild.request(ALICE, "shops", "visits")
    (done,) = deployment.publish_what_is_asked()

    assert done.published == (1, 2)
    found = table(deployment)
    assert found.properties["headgate.generation"] == asked["generation"]
    assert ids(iceberg_rows(found, COLUMNS)) == ["a", "b"]


def test_an_import_is_a_version_that_engines_read_where_it_lies(
    deployment: Deployment, tmp_path: Path
) -> None:
    # Given a versioned bucket of someone else's, with objects and what tools keep beside them
    bucket = make_bucket(deployment.clients, f"archive-{deployment.database.replace('_', '-')}")
    put_parquet(deployment, bucket, "sales/a b.parquet", "a", tmp_path)
    put_parquet(deployment, bucket, "sales/2024/ü+c.parquet", "c", tmp_path)
    deployment.s3.put_object(Bucket=bucket, Key="sales/_SUCCESS", Body=b"")
    deployment.s3.put_object(Bucket=bucket, Key="sales/broken.parquet", Body=b"no parquet")
    deployment.visits("z")

    # When the prefix is imported
    plan, done = deployment.import_now(f"s3://{bucket}/sales/")

    # Then what fits is in one version, what does not is in quarantine, and nothing was copied
    assert (plan.batches, [r.rule for r in done.quarantined]) == (1, ["unreadable"])
    assert done.committed is not None
    assert (done.committed.operation, done.committed.author) == ("import", "user/alice")
    assert "X-Amz" not in done.quarantined[0].reason
    listed = deployment.s3.list_objects_v2(Bucket=deployment.lake, Prefix="shops/datasets/visits/data/")
    assert listed["KeyCount"] == 1
    assert ids(version_rows(deployment, head(deployment), tmp_path)) == ["a", "c", "z"]

    # And the table holds the same rows
    deployment.publish()
    assert iceberg_rows(table(deployment), COLUMNS) == version_rows(deployment, head(deployment), tmp_path)


def test_a_version_reads_the_imported_bytes_after_an_overwrite_and_a_table_refuses_others(
    deployment: Deployment, tmp_path: Path
) -> None:
    bucket = make_bucket(deployment.clients, f"archive-{deployment.database.replace('_', '-')}")
    put_parquet(deployment, bucket, "a.parquet", "imported", tmp_path)
    deployment.import_now(f"s3://{bucket}/")
    put_parquet(deployment, bucket, "a.parquet", "written later", tmp_path)

    assert ids(version_rows(deployment, head(deployment), tmp_path)) == ["imported"]
    with pytest.raises(PreconditionFailed, match="engines that know no versions"):
        deployment.publish()

    deployment.s3.delete_object(Bucket=bucket, Key="a.parquet")
    assert ids(version_rows(deployment, head(deployment), tmp_path)) == ["imported"]


def test_a_bucket_without_versions_is_refused_with_the_reason(deployment: Deployment) -> None:
    bucket = f"plain-{deployment.database.replace('_', '-')}"
    deployment.s3.create_bucket(Bucket=bucket)
    deployment.s3.put_object(Bucket=bucket, Key="a.parquet", Body=b"rows")

    (plain,) = deployment.import_now(f"s3://{bucket}/")
    (absent,) = deployment.import_now("s3://nobody-has-this-bucket/x")

    assert [r.rule for r in (*plain.quarantined, *absent.quarantined)] == [
        "bucket_not_versioned",
        "unreachable",
    ]


def test_fifty_objects_are_a_few_versions(deployment: Deployment, tmp_path: Path) -> None:
    bucket = make_bucket(deployment.clients, f"archive-{deployment.database.replace('_', '-')}")
    for n in range(50):
        put_parquet(deployment, bucket, f"{n:03d}.parquet", f"{n:03d}", tmp_path)

    plan, *done = deployment.import_now(f"s3://{bucket}/")
    again = deployment.import_now(f"s3://{bucket}/")

    assert (plan.batches, [d.committed.files for d in done if d.committed]) == (2, [45, 50])
    assert [(d.committed, len(d.repeated)) for d in again[1:]] == [(None, 45), (None, 5)]
