"""Training sets on this machine: Parquet files that were fetched and checked, and one table of them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.cli.failures import CommandFailed
from headgate.cli.features_client import FeaturesClient
from headgate.client.download import Progress, fetch
from headgate.client.label_query import limits_of, moments, within
from headgate.client.label_table import label_table
from headgate.client.labels import join_labels


class Folder:
    """A folder that goes when nobody holds this object any more."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="headgate-"))
        finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class TrainingSet:
    """``rows`` rows of the feature version ``version``, in one Parquet file that goes with this object.
    ``columns`` are (name, role); ``notes`` say what was left out and why.
    """

    feature_set: str
    version: int
    digest: str
    rows: int
    columns: tuple[tuple[str, str], ...]
    path: Path
    notes: tuple[str, ...] = ()
    folder: "Folder | None" = field(default=None, repr=False, compare=False)

    def to_arrow(self) -> Any:
        """A pyarrow Table."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path)

    def to_pandas(self) -> Any:
        """A pandas DataFrame. Raises CommandFailed where pandas is not installed."""
        if find_spec("pandas") is None:
            raise CommandFailed(
                "pandas is not installed, and headgate does not need it: `pip install pandas`, or to_arrow()"
            )
        return self.to_arrow().to_pandas()

    def to_parquet(self, path: Path | str) -> Path:
        """Copies the file; replaces one that is there in one step. Raises CommandFailed where it cannot."""
        target = Path(path)
        if target.exists() and not target.is_file():
            raise CommandFailed(f"{target}: is there, and no file that could be replaced")
        draft = target.with_name(f".{target.name}.draft")
        try:
            shutil.copyfile(self.path, draft)
            return draft.replace(target)
        except OSError as error:
            raise CommandFailed(f"{target}: cannot be written: {error.strerror}") from error


def stored(
    features: FeaturesClient, version: str, start: str | None, end: str | None, progress: Progress
) -> TrainingSet:
    """The rows of the version itself. Raises CommandFailed when they are not as many as it says."""
    told = features.files(version, start, end)
    folder = Folder()
    paths = fetch(told["partitions"], folder.path, progress)
    path = folder.path / "training-set.parquet"
    rows = _put_together(told, paths, path)
    return TrainingSet(
        feature_set=features.feature_set,
        version=told["version"],
        digest=told["digest"],
        rows=rows,
        columns=tuple((c["name"], c["role"]) for c in told["columns"]),
        path=path,
        notes=() if rows else (_none_of_that_time(features, told),),
        folder=folder,
    )


def joined_with(
    features: FeaturesClient,
    version: str,
    start: str | None,
    end: str | None,
    labels: Any,
    progress: Progress,
    keep_order: bool = True,
) -> TrainingSet:
    """The reader's rows with what the version's views knew at their event times."""
    moments(start, end)
    folder = Folder()
    place = folder.path
    given = label_table(labels, place)
    described = features.show(version)
    event_time = next(c["name"] for c in described["columns"] if c["role"] == "event_time")
    first, last = limits_of(given, event_time, start, end)
    told = features.files(described["digest"], first, last, views=True)
    views = [(view, fetch(view["files"], place, progress)) for view in told["views"]]
    joined = join_labels(told, views, given, place, start, end, keep_order)
    return TrainingSet(
        feature_set=features.feature_set,
        version=told["version"],
        digest=told["digest"],
        rows=joined.rows,
        columns=joined.columns,
        path=joined.path,
        notes=joined.notes,
        folder=folder,
    )


def _none_of_that_time(features: FeaturesClient, told: Mapping[str, Any]) -> str:
    version = features.show(told["digest"])
    if not version["rows"]:
        return f"v{told['version']} has no row"
    times = (version["min_event_time"], version["max_event_time"])
    return f"no row is of that time: those of v{told['version']} are of {' to '.join(times)}"


def _put_together(told: Mapping[str, Any], paths: Sequence[Path], target: Path) -> int:
    """One file of the rows of the asked time, in their order. Raises CommandFailed with the counts when a
    partition has other rows than the version says, or rows are lost.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        wanted, bounds = 0, within(told["event_time"], told["from"], told["to"])
        parts = []
        for file, path in zip(told["partitions"], paths, strict=True):
            part = f"SELECT * FROM read_parquet({quoted(str(path))}, hive_partitioning=false)"
            found = _counts(connection, part, bounds)
            if found[0] != file["rows"]:
                raise CommandFailed(
                    f"partition {file['name']} has {found[0]:,} rows, the version says {file['rows']:,}"
                )
            wanted += found[1]
            parts.append(f"SELECT * FROM ({part}) WHERE {bounds}")
        query = " UNION ALL ".join(parts) or _nothing(told["columns"])
        connection.execute(f"COPY ({query}) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        written = _counts(connection, f"SELECT * FROM read_parquet({quoted(str(target))})", "true")[0]
    if written != wanted:
        raise CommandFailed(f"{wanted:,} rows are asked for, {written:,} were written: do not use them")
    return written


def _counts(connection: Any, query: str, bounds: str) -> tuple[int, int]:
    row = connection.execute(f"SELECT count(*), count(*) FILTER ({bounds}) FROM ({query})").fetchone()
    return int(row[0]), int(row[1])


def _nothing(columns: Sequence[Mapping[str, Any]]) -> str:
    selected = ", ".join(f"CAST(NULL AS {c['type']}) AS {identifier(c['name'])}" for c in columns)
    return f"SELECT {selected} WHERE false"
