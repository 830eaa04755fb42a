"""A lake and a Glue database with the adapter over them, and versions made of a few rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.iceberg.glue_tables import GlueIcebergTables, IcebergTable
from headgate.domain.manifest import Operation, SchemaColumn
from headgate.domain.published_table import TableFile, TableId, TableVersion

DATABASE = "headgate_test"
TABLE = TableId("shops", "visits")


def column(name: str, kind: str, *former: str) -> SchemaColumn:
    return SchemaColumn(name, kind, False, "internal", former)


class World:
    """``bucket`` keeps versions; ``folder`` is where files are made."""

    def __init__(self, clients: AwsClients, bucket: str, folder: Path) -> None:
        self.clients, self.bucket, self.folder = clients, bucket, folder
        s3 = clients.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        clients.client("glue").create_database(DatabaseInput={"Name": DATABASE})
        self.tables = GlueIcebergTables(clients, DATABASE, bucket)

    def close(self) -> None:
        glue = self.clients.client("glue")
        for table in glue.get_tables(DatabaseName=DATABASE)["TableList"]:
            glue.delete_table(DatabaseName=DATABASE, Name=table["Name"])
        glue.delete_database(Name=DATABASE)

    def file(self, select: str, key: str = "") -> TableFile:
        """A Parquet file of the rows of ``select``, in the lake under its digest or under ``key``."""
        path = self.folder / "made.parquet"
        duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        body = path.read_bytes()
        key = key or f"shops/datasets/visits/data/{hashlib.sha256(body).hexdigest()}.parquet"
        put = self.clients.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        described = duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        (rows,) = duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchone() or (0,)
        columns = tuple((row[0], row[1]) for row in described)
        self.newest = put["VersionId"]
        return TableFile(f"s3://{self.bucket}/{key}", rows, len(body), columns)

    def create(self, *columns: SchemaColumn, generation: str = "") -> IcebergTable:
        return self.tables.create(TABLE, columns, generation)

    def open(self) -> IcebergTable:
        found = self.tables.find(TABLE)
        assert found is not None
        return found

    def rows(self, *columns: str, snapshot: int | None = None) -> list[tuple[Any, ...]]:
        """The table's rows in order, through pyiceberg's own scan; of an older snapshot by its index."""
        table = self.open()._table
        chosen = None if snapshot is None else self.snapshots()[snapshot].snapshot_id
        found = table.scan(selected_fields=columns or ("*",), snapshot_id=chosen).to_arrow()
        listed = zip(*(found[c].to_pylist() for c in columns or found.column_names), strict=True)
        return sorted(listed, key=repr)

    def snapshots(self) -> Sequence[Any]:
        """Oldest first."""
        return sorted(self.open()._table.snapshots(), key=lambda s: s.sequence_number)

    def own_keys(self) -> list[str]:
        """The table's own files in the lake."""
        listed = self.clients.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=f"{TABLE.prefix}/")
        return [each["Key"] for each in listed.get("Contents", ())]


def version(
    ordinal: int,
    schema: Sequence[SchemaColumn],
    added: Sequence[TableFile] = (),
    removed: Sequence[TableFile] | None = (),
    rows: int | None = None,
    operation: Operation = "append",
) -> TableVersion:
    """A version whose digest tells its ordinal. ``rows`` are those of ``added`` unless told."""
    return TableVersion(
        ordinal=ordinal,
        digest=f"{ordinal:064x}",
        operation=operation,
        committed_at=f"2024-01-01T00:00:{ordinal % 60:02d}Z",
        rows=sum(f.rows for f in added) if rows is None else rows,
        schema=tuple(schema),
        added=tuple(added),
        removed=None if removed is None else tuple(f.uri for f in removed),
    )
