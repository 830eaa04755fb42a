"""Reads a dataset twice: as an Iceberg table with pyiceberg alone, and as a version with DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headgate import bootstrap
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.aws.s3_access import s3_access
from headgate.adapters.engines.duckdb_session import Limits, open_session
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.domain.version import VersionRecord
from headgate.services.versions.dataset_inputs import dataset_input
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.table import Table

from tests.integration.iceberg.deployment import Deployment

Rows = list[tuple[str, ...]]


def table(deployment: Deployment, dataset: str = "visits") -> Table:
    """As anybody's program opens it: nothing of this platform is in it."""
    access = s3_access(deployment.clients)()
    catalog = GlueCatalog(
        "anybody",
        client=deployment.clients.client("glue"),
        **{
            "s3.endpoint": access.endpoint,
            "s3.access-key-id": access.access_key_id,
            "s3.secret-access-key": access.secret_access_key,
            "s3.region": access.region,
        },
    )
    return catalog.load_table(f"{deployment.database}.shops__{dataset}")


def iceberg_rows(found: Table, columns: tuple[str, ...], ordinal: int | None = None) -> Rows:
    """The rows of the newest snapshot, or of the one that shows version ``ordinal``."""
    chosen = None
    if ordinal is not None:
        (chosen,) = (
            s.snapshot_id
            for s in found.snapshots()
            if s.summary and s.summary.additional_properties["headgate.ordinal"] == str(ordinal)
        )
    arrow = found.scan(selected_fields=columns, snapshot_id=chosen).to_arrow()
    return sorted(_texts(row) for row in zip(*(arrow[c].to_pylist() for c in columns), strict=True))


def version_rows(deployment: Deployment, record: VersionRecord, scratch: Path) -> Rows:
    """The rows of a version, as feature builds read them."""
    lake = S3ObjectStore(deployment.clients, deployment.lake)
    given = dataset_input(lake, record)
    with open_session(
        Limits(500 * 1024**2, 2),
        scratch,
        readable=given.uris,
        s3=s3_access(deployment.clients),
        httpfs=bootstrap.httpfs(),
    ) as connection:
        rows = connection.execute(relation_sql(given.files, given.schema)).fetchall()
    return sorted(_texts(row) for row in rows)


def _texts(row: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in row)
