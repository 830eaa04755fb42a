"""The labels that a reader gives, whatever they are, as one Parquet file."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from headgate.adapters.engines.duckdb_session import quoted
from headgate.cli.failures import CommandFailed
from headgate.client.label_query import first_row

LABELS = "labels.parquet"
_UNNAMED_INDEX = re.compile(r"__index_level_[0-9]+__")
"""What pandas calls an index without a name."""


def label_table(labels: Any, folder: Path) -> Path:
    """The labels as a Parquet file: of a path of Parquet or CSV, or of a table of pyarrow, pandas, polars or
    whatever hands out Arrow. Named indexes of pandas come as columns, others are left out. Raises
    CommandFailed for anything else, and where two columns have one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(labels, str | os.PathLike):
        return _label_file(Path(labels), folder)
    path = folder / LABELS
    try:
        table = _arrow_table(labels)
        if twice := [name for name, n in Counter(map(str.lower, table.column_names)).items() if n > 1]:
            raise CommandFailed(f"two columns of the labels have one name: {', '.join(twice)}")
        pq.write_table(table, path)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise CommandFailed(f"the labels are no table that Arrow can read: {_first_line(error)}") from error
    return path


def _arrow_table(labels: Any) -> Any:
    import pyarrow as pa

    if hasattr(labels, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(labels).read_all()
    elif type(labels).__module__.startswith("pandas.") and type(labels).__name__ == "DataFrame":
        table = pa.Table.from_pandas(labels)
    else:
        raise CommandFailed(
            "labels are a table of pyarrow, pandas or polars, or a path, not of the type "
            f"{type(labels).__name__}"
        )
    return table.drop_columns([name for name in table.column_names if _UNNAMED_INDEX.fullmatch(name)])


def _label_file(path: Path, folder: Path) -> Path:
    """Under a name of its own: an engine takes more from a path than a file (``*``, ``key=value/``)."""
    if not path.is_file():
        raise CommandFailed(f"{path}: there is no such file of labels")
    if path.suffix not in (".parquet", ".csv"):
        raise CommandFailed(f"{path}: labels are read from .parquet or .csv")
    target = folder / LABELS
    if path.suffix == ".parquet":
        target.symlink_to(path.resolve())
        return target
    given = folder / "labels.csv"
    given.symlink_to(path.resolve())
    read = f"read_csv({quoted(str(given))}, hive_partitioning=false)"
    first_row(f"COPY (FROM {read}) TO {quoted(str(target))} (FORMAT parquet)", str(path))
    return target


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
