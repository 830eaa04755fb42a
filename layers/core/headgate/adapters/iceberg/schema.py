"""A version's schema as Iceberg's: the types, and the steps from what a table has to what a version shows.

Files carry no field ids. A table's name mapping finds their columns by name, former names included; so a name
must mean one column in all files of a table.
"""

from collections.abc import Callable, Mapping, Sequence

from pyiceberg import types as iceberg
from pyiceberg.exceptions import ResolveError, ValidationError
from pyiceberg.schema import Schema
from pyiceberg.table import TableProperties, Transaction
from pyiceberg.table.name_mapping import NameMapping

from headgate.domain.column_type import ColumnType, parse_type
from headgate.domain.errors import PreconditionFailed
from headgate.domain.manifest import SchemaColumn

_SCALARS: dict[str, Callable[[], iceberg.PrimitiveType]] = {
    "BOOLEAN": iceberg.BooleanType,
    "TINYINT": iceberg.IntegerType,
    "SMALLINT": iceberg.IntegerType,
    "INTEGER": iceberg.IntegerType,
    "BIGINT": iceberg.LongType,
    "FLOAT": iceberg.FloatType,
    "DOUBLE": iceberg.DoubleType,
    "VARCHAR": iceberg.StringType,
    "DATE": iceberg.DateType,
    "TIME": iceberg.TimeType,
    "TIMESTAMP": iceberg.TimestampType,
    "TIMESTAMPTZ": iceberg.TimestamptzType,
    "UUID": iceberg.UUIDType,
    "BLOB": iceberg.BinaryType,
}


def iceberg_schema(columns: Sequence[SchemaColumn]) -> Schema:
    """Every column may be null: Parquet files say so of all of theirs, whatever the contract checked."""
    ids = iter(range(len(columns) + 1, 1_000_000))

    def of(kind: ColumnType) -> iceberg.IcebergType:
        if kind.kind == "DECIMAL":
            return iceberg.DecimalType(kind.precision, kind.scale)
        if kind.item is not None:
            return iceberg.ListType(element_id=next(ids), element=of(kind.item), element_required=False)
        if kind.kind == "STRUCT":
            fields = [
                iceberg.NestedField(next(ids), name, of(inner), required=False) for name, inner in kind.fields
            ]
            return iceberg.StructType(*fields)
        return _SCALARS[kind.kind]()

    return Schema(
        *(
            iceberg.NestedField(n, c.name, of(parse_type(c.type)), required=False)
            for n, c in enumerate(columns, start=1)
        )
    )


def evolve(
    transaction: Transaction, columns: Sequence[SchemaColumn], files: Sequence[tuple[str, str]] = ()
) -> None:
    """Stages what makes the table's schema show ``columns``: renames and drops first, then additions and
    wider types. A type that is wider than asked for, from before a rollback, stays. Then the name mapping
    knows every name that files have a column under: former ones, and those in ``files`` (name, type).

    Raises PreconditionFailed where Iceberg cannot follow.
    """
    _require_one_meaning(columns)
    if transaction.table_metadata.name_mapping() is None:
        _set_mapping(transaction, transaction.table_metadata.schema().name_mapping)
    current = transaction.table_metadata.schema()
    renames = _renames(current, columns)
    wanted = {c.name for c in columns}
    dropped = [f.name for f in current.fields if f.name not in wanted and f.name not in renames]
    _change(transaction, renames, dropped)
    present = transaction.table_metadata.schema()
    lacking = [c for c in columns if not _holds(present, c)]
    for column in lacking:
        _require_growth(present, column)
    _grow(transaction, iceberg_schema(lacking))
    _know_names(transaction, columns, files)


def _change(transaction: Transaction, renames: Mapping[str, str], dropped: Sequence[str]) -> None:
    if renames or dropped:
        with transaction.update_schema() as update:
            for former, name in renames.items():
                update.rename_column(former, name)
            for name in dropped:
                update.delete_column(name)


def _grow(transaction: Transaction, schema: Schema) -> None:
    if not schema.fields:
        return
    try:
        with transaction.update_schema() as update:
            update.union_by_name(schema)
    except (ResolveError, ValidationError, ValueError) as problem:
        told = str(problem).splitlines()[0]
        raise PreconditionFailed(f"Iceberg cannot change the table as the contract did: {told}") from problem


def _know_names(
    transaction: Transaction, columns: Sequence[SchemaColumn], files: Sequence[tuple[str, str]]
) -> None:
    """Former names mean their column, also those that the table never had. A column that files have and no
    version of the table showed is added and dropped: it keeps its name and an id that nothing else gets.
    """
    former = {c.name: list(c.former_names) for c in columns}
    known = _names(transaction) | {n for names in former.values() for n in names}
    strange = {name: kind for name, kind in files if name not in known}
    if strange:
        _grow(transaction, iceberg_schema([SchemaColumn(n, k, False, "") for n, k in strange.items()]))
        _change(transaction, {}, list(strange))
    mapping = transaction.table_metadata.name_mapping()
    fields = mapping.root if mapping is not None else []
    ids = {f.name: f.field_id for f in transaction.table_metadata.schema().fields}
    more = {ids[name]: [n for n in names if n not in _names(transaction)] for name, names in former.items()}
    if any(more.values()):
        extended = [
            f.model_copy(update={"names": [*f.names, *more.get(f.field_id or 0, [])]}) for f in fields
        ]
        _set_mapping(transaction, NameMapping(extended))


def _names(transaction: Transaction) -> set[str]:
    mapping = transaction.table_metadata.name_mapping()
    return {name for f in mapping.root for name in f.names} if mapping is not None else set()


def _set_mapping(transaction: Transaction, mapping: NameMapping) -> None:
    transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping.model_dump_json()})


def renamed(schema: Schema, names: dict[str, str]) -> Schema:
    """The schema as a file knows it that has its columns under other names: ``names`` by the schema's."""
    fields = [f.model_copy(update={"name": names.get(f.name, f.name)}) for f in schema.fields]
    return Schema(*fields, schema_id=schema.schema_id)


def _require_one_meaning(columns: Sequence[SchemaColumn]) -> None:
    names = {c.name for c in columns}
    for column in columns:
        reused = sorted(names.intersection(column.former_names) - {column.name})
        if reused:
            raise PreconditionFailed(
                f"{reused[0]} is a column now and what {column.name} was called before: Iceberg finds "
                "columns of files by name and cannot tell the two apart"
            )


def _renames(current: Schema, columns: Sequence[SchemaColumn]) -> dict[str, str]:
    """Former name -> name, for columns that the table still calls by a former one."""
    known = {f.name for f in current.fields}
    found = {}
    for column in columns:
        former = next((n for n in column.former_names if n in known), None)
        if column.name not in known and former is not None:
            found[former] = column.name
    return found


def _holds(schema: Schema, column: SchemaColumn) -> bool:
    """Whether the table has the column, in its type or in a wider one."""
    there = next((f for f in schema.fields if f.name == column.name), None)
    return there is not None and _wide_enough(iceberg_schema([column]).fields[0].field_type, there.field_type)


def _require_growth(schema: Schema, column: SchemaColumn) -> None:
    """Raises PreconditionFailed when the table has the column in a type that cannot become the new one."""
    there = next((f.field_type for f in schema.fields if f.name == column.name), None)
    asked = iceberg_schema([column]).fields[0].field_type
    if there is not None and not _grows(there, asked):
        raise PreconditionFailed(
            f"Iceberg cannot make {column.name} {column.type}: the table has files in which it is {there}"
        )


def _grows(there: iceberg.IcebergType, asked: iceberg.IcebergType) -> bool:
    if isinstance(asked, iceberg.ListType) and isinstance(there, iceberg.ListType):
        return _grows(there.element_type, asked.element_type)
    if isinstance(asked, iceberg.StructType) and isinstance(there, iceberg.StructType):
        new = {f.name: f.field_type for f in asked.fields}
        return all(f.name not in new or _grows(f.field_type, new[f.name]) for f in there.fields)
    return asked == there or _widens(there, asked) or _widens(asked, there)


def _wide_enough(asked: iceberg.IcebergType, there: iceberg.IcebergType) -> bool:
    if isinstance(asked, iceberg.ListType) and isinstance(there, iceberg.ListType):
        return _wide_enough(asked.element_type, there.element_type)
    if isinstance(asked, iceberg.StructType) and isinstance(there, iceberg.StructType):
        known = {f.name: f.field_type for f in there.fields}
        return all(f.name in known and _wide_enough(f.field_type, known[f.name]) for f in asked.fields)
    return asked == there or _widens(asked, there)


def _widens(narrow: iceberg.IcebergType, wide: iceberg.IcebergType) -> bool:
    """The widenings of format version 2. pyiceberg takes decimals of any two scales for one another."""
    if isinstance(narrow, iceberg.DecimalType) and isinstance(wide, iceberg.DecimalType):
        return narrow.scale == wide.scale and narrow.precision <= wide.precision
    kinds = (type(narrow), type(wide))
    return kinds in ((iceberg.IntegerType, iceberg.LongType), (iceberg.FloatType, iceberg.DoubleType))
