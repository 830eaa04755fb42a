"""The TableCatalog port: Iceberg tables on the Glue catalog, over files that stay where they are.

A snapshot says in its properties which version it shows. Two workers cannot both add the next one: the
catalog takes a commit only on top of the snapshot that was read, and nothing here repeats it on another one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record
from pyiceberg.utils.concurrent import ExecutorFactory

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.iceberg.lake_io import LakeFileIO
from headgate.adapters.iceberg.schema import evolve, iceberg_schema, renamed
from headgate.domain.dataset_input import columns_of
from headgate.domain.errors import Conflict, Corrupted, InvalidRequest
from headgate.domain.manifest import SchemaColumn
from headgate.domain.published_table import TableFile, TableId, TableVersion

KEPT_SNAPSHOTS = 100
EXPIRED_AT_ONCE = 20
"""A table's metadata names every snapshot and is written with every commit: it must not grow with history."""
_PROPERTIES = {
    "format-version": "2",
    # The service repeats, from what it then finds: pyiceberg would add the same version once more.
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
}
_PRODUCT, _DATASET, _GENERATION = "headgate.product", "headgate.dataset", "headgate.generation"
_ORDINAL, _DIGEST = "headgate.ordinal", "headgate.version"
_OPERATION, _COMMITTED = "headgate.operation", "headgate.committed-at"


class _Catalog(GlueCatalog):
    """Glue's, with this platform's clients for the catalog and for files."""

    def __init__(self, clients: AwsClients, files: LakeFileIO) -> None:
        super().__init__("headgate", client=clients.client("glue"))
        self.files = files

    def _load_file_io(self, *_arguments: Any, **_options: Any) -> LakeFileIO:
        return self.files


class GlueIcebergTables:
    """Tables of one Glue database; ``bucket`` is the lake, where their own files lie."""

    def __init__(self, clients: AwsClients, database: str, bucket: str) -> None:
        self._clients = clients
        self._database = database
        self._bucket = bucket

    def find(self, table: TableId) -> "IcebergTable | None":
        """See `headgate.ports.TableCatalog`."""
        catalog = self._catalog()
        with _translated(f"opening the table {self._name(table)}"):
            found = self._found(catalog, table)
            return IcebergTable(found, catalog.files) if found else None

    def create(self, table: TableId, schema: Sequence[SchemaColumn], generation: str) -> "IcebergTable":
        """See `headgate.ports.TableCatalog`."""
        catalog = self._catalog()
        with _translated(f"creating the table {self._name(table)}"):
            there = self._found(catalog, table)
            if there is not None and there.properties.get(_GENERATION, "") == generation:
                return IcebergTable(there, catalog.files)
            if there is not None:
                catalog.drop_table(self._name(table))
            self._clear(table)
            own = {_PRODUCT: table.product, _DATASET: table.dataset, _GENERATION: generation}
            made = catalog.create_table(
                self._name(table),
                iceberg_schema(schema),
                location=f"s3://{self._bucket}/{table.prefix}",
                properties={**_PROPERTIES, **own},
            )
            return IcebergTable(made, catalog.files)

    def _catalog(self) -> _Catalog:
        return _Catalog(self._clients, LakeFileIO(self._clients))

    def _name(self, table: TableId) -> str:
        return f"{self._database}.{table.name}"

    def _found(self, catalog: _Catalog, table: TableId) -> Table | None:
        try:
            found = catalog.load_table(self._name(table))
        except NoSuchTableError:
            return None
        owner = TableId(found.properties.get(_PRODUCT, ""), found.properties.get(_DATASET, ""))
        if owner != table:
            raise InvalidRequest(
                f"the table {self._name(table)} shows {owner.product}/{owner.dataset}, whose name is the "
                "same in lower case: call one of the datasets otherwise"
            )
        return found

    def _clear(self, table: TableId) -> None:
        """Removes every version of the table's own files, for good; data files are not its own."""
        s3 = self._clients.client("s3")
        where = {"Bucket": self._bucket, "Prefix": f"{table.prefix}/"}
        for page in s3.get_paginator("list_object_versions").paginate(**where):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            gone = [{"Key": o["Key"], "VersionId": o["VersionId"]} for o in found]
            if gone:
                s3.delete_objects(Bucket=self._bucket, Delete={"Objects": gone, "Quiet": True})


class IcebergTable:
    """One table as it was when it was opened."""

    def __init__(self, table: Table, files: LakeFileIO) -> None:
        self._table = table
        self._files = files

    @property
    def generation(self) -> str:
        return self._table.properties.get(_GENERATION, "")

    @property
    def ordinal(self) -> int:
        return int(self._newest().get(_ORDINAL) or 0)

    @property
    def digest(self) -> str:
        """Empty also when another engine wrote to the table since: its files are then those of no version."""
        current = self._table.current_snapshot()
        summary = current.summary if current else None
        return str(summary.additional_properties.get(_DIGEST, "")) if summary else ""

    def publish(self, version: TableVersion) -> None:
        """See `headgate.ports.PublishedTable`."""
        said = {
            _ORDINAL: str(version.ordinal),
            _DIGEST: version.digest,
            _OPERATION: version.operation,
            _COMMITTED: version.committed_at,
        }
        for file in version.added:
            if file.version_id:
                self._files.pin(file.uri, file.version_id)
        with _translated(f"publishing v{version.ordinal} to {'.'.join(self._table.name())}"):
            transaction = self._table.transaction()
            evolve(transaction, version.schema, [c for f in version.added for c in f.columns])
            if self._only_adds(version):
                paths = [f.uri for f in version.added]
                transaction.add_files(paths, snapshot_properties=said, check_duplicate_files=False)
            else:
                self._replace(transaction, version, said)
            self._require_rows(transaction, version)
            self._table = transaction.commit_transaction()
            self._expire()

    def _newest(self) -> dict[str, str]:
        """The properties of the newest snapshot that this platform made."""
        snapshots = sorted(self._table.snapshots(), key=lambda s: s.sequence_number or 0, reverse=True)
        for snapshot in snapshots:
            if snapshot.summary and _ORDINAL in snapshot.summary.additional_properties:
                return dict(snapshot.summary.additional_properties)
        return {}

    def _only_adds(self, version: TableVersion) -> bool:
        """Whether pyiceberg's own way of adding files will do: the table's own names, and each path once."""
        known = {c.name for c in version.schema}
        paths = {f.uri for f in version.added}
        return (
            bool(version.added)
            and version.removed == ()
            and len(paths) == len(version.added)
            and all(known.issuperset(f.names) and not f.version_id for f in version.added)
        )

    def _replace(self, transaction: Transaction, version: TableVersion, said: dict[str, str]) -> None:
        """One snapshot that removes files and adds others."""
        live = list(self._live()) if version.removed != () else []
        added, removed = _changes(version, live)
        update = transaction.update_snapshot(snapshot_properties=said)
        metadata, schema = transaction.table_metadata, version.schema
        executor = ExecutorFactory.get_or_create()
        made = executor.map(lambda file: _data_file(self._files, metadata, schema, file), added)
        with update.overwrite() if removed else update.fast_append() as producer:
            for file in removed:
                producer.delete_data_file(file)
            for file in made:
                producer.append_data_file(file)

    def _live(self) -> Iterator[DataFile]:
        current = self._table.current_snapshot()
        for manifest in current.manifests(self._files) if current else ():
            for entry in manifest.fetch_manifest_entry(self._files, discard_deleted=True):
                yield entry.data_file

    def _require_rows(self, transaction: Transaction, version: TableVersion) -> None:
        """Raises Corrupted unless the table will hold exactly the version's rows."""
        staged = transaction.table_metadata.current_snapshot()
        summary = staged.summary if staged else None
        rows = int(summary.additional_properties.get("total-records", "0")) if summary else 0
        if rows != version.rows and staged is not None:
            # The summary takes a file that was listed twice and goes for one; the manifests do not.
            found = staged.manifests(self._files)
            rows = sum((m.added_rows_count or 0) + (m.existing_rows_count or 0) for m in found)
        if rows != version.rows:
            raise Corrupted(
                f"the table would hold {rows} rows and v{version.ordinal} has {version.rows}: its files are "
                "not those of the version before"
            )

    def _expire(self) -> None:
        """Snapshots past the newest, many with one commit. Files that only they knew are left: data files are
        the versions', and the table's own go when it is made anew.
        """
        snapshots = sorted(self._table.snapshots(), key=lambda s: s.sequence_number or 0)
        if len(snapshots) >= KEPT_SNAPSHOTS + EXPIRED_AT_ONCE:
            gone = [s.snapshot_id for s in snapshots[:-KEPT_SNAPSHOTS]]
            self._table.maintenance.expire_snapshots().by_ids(gone).commit()


def _changes(version: TableVersion, live: Sequence[DataFile]) -> tuple[list[TableFile], list[DataFile]]:
    """What to add, and which entries of the table to remove. A file that a version lists more often, or less
    often, than the table does is removed and added again.
    """
    if version.removed is not None:
        gone = set(version.removed)
        return list(version.added), [f for f in live if f.file_path in gone]
    wanted, present = Counter(f.uri for f in version.added), Counter(f.file_path for f in live)
    kept = {path for path in wanted if wanted[path] == present[path]}
    return [f for f in version.added if f.uri not in kept], [f for f in live if f.file_path not in kept]


def _data_file(
    files: LakeFileIO, metadata: TableMetadata, columns: Sequence[SchemaColumn], file: TableFile
) -> DataFile:
    """The table's entry for a file, with statistics from its footer, by the names the file itself has. A
    file that has columns which the table does not show gets none: pyiceberg knows no such file.
    """
    found = columns_of(columns, file.names)
    names = {name: own for name, own in found.items() if name != own}
    if names:
        schema = renamed(metadata.schema(), names)
        others = [s for s in metadata.schemas if s.schema_id != schema.schema_id]
        metadata = metadata.model_copy(update={"schemas": [*others, schema]})
    if {*found.values()}.issuperset(file.names):
        return parquet_file_to_data_file(files, metadata, file.uri)
    files.new_input(file.uri).require_pinned()
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.uri,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
        spec_id=metadata.default_spec_id,
    )


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """What pyiceberg and botocore raise, as the domain's errors."""
    try:
        with translated(operation, write=True):
            yield
    except CommitFailedException as lost:
        raise Conflict(f"{operation}: {lost}") from lost
    except (NoSuchTableError, TableAlreadyExistsError) as other:
        raise Conflict(f"{operation}: another worker made or dropped it meanwhile") from other
