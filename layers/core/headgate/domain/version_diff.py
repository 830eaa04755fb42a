"""The difference between two versions of a dataset, as it is asked for, kept and shown.

A diff is a pure function of two immutable versions, the key and how many rows are shown: its id is their
digest, so it is computed once. What is kept of it can always be computed again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from headgate.domain.canonical import canonical_json, digest
from headgate.domain.column_summary import ColumnSummary, StatisticsChange
from headgate.domain.column_summary import masked as masked_statistics
from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile
from headgate.domain.errors import InvalidRequest
from headgate.domain.masking import MASK
from headgate.domain.row_diff import RowDiff
from headgate.domain.schema_diff import ColumnPair, SchemaChange
from headgate.domain.version import VersionRecord

KIND = "diff_versions"
FORMAT = "headgate.diff/1"
ROWS_SHOWN = 20
MOST_ROWS_SHOWN = 100
MOST_SAMPLE_BYTES = 2_000_000
"""An answer of the control plane takes 6 MB."""
RESTRICTED = "restricted"
State = Literal["asked", "running", "done", "failed"]


@dataclass(frozen=True)
class DiffedVersion:
    """One side of a diff, as the catalog knows it."""

    ordinal: int
    digest: str
    branch: str
    rows: int
    files: int
    created_at: str

    @classmethod
    def of(cls, record: VersionRecord) -> "DiffedVersion":
        return cls(record.ordinal, record.digest, record.branch, record.rows, record.files, record.created_at)


@dataclass(frozen=True)
class FileChange:
    """How many files and rows both versions share, and how many only one of them has."""

    shared: int
    shared_rows: int
    removed: int = 0
    removed_rows: int = 0
    added: int = 0
    added_rows: int = 0


@dataclass(frozen=True)
class SharedFiles:
    """The files of two versions told apart by content: a file that both have twice is shared twice."""

    shared: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]
    added: tuple[DataFile, ...]

    @classmethod
    def between(cls, before: Sequence[DataFile], after: Sequence[DataFile]) -> "SharedFiles":
        both = Counter(f.key for f in before) & Counter(f.key for f in after)
        shared, removed = _split(before, both)
        return cls(shared, removed, _split(after, both)[1])

    @property
    def change(self) -> FileChange:
        counts = (
            (len(files), sum(f.rows for f in files)) for files in (self.shared, self.removed, self.added)
        )
        (shared, shared_rows), (removed, removed_rows), (added, added_rows) = counts
        return FileChange(shared, shared_rows, removed, removed_rows, added, added_rows)


@dataclass(frozen=True)
class DiffReport:
    """What is asked, and what is known of it. Times are ISO-8601 UTC.

    ``key`` is empty where whole rows are compared, and ``note`` says why. What is None is not known yet;
    ``unchanged`` counts rows; ``made_of`` is the digest of the files that were read.
    """

    id: str
    product: str
    dataset: str
    before: DiffedVersion
    after: DiffedVersion
    key: tuple[str, ...]
    limit: int
    requested_by: str
    requested_at: str
    note: str = ""
    state: State = "asked"
    finished_at: str = ""
    problem: str = ""
    schema: tuple[SchemaChange, ...] | None = None
    statistics: tuple[StatisticsChange, ...] | None = None
    files: FileChange | None = None
    rows: RowDiff | None = None
    unchanged: int | None = None
    made_of: str = ""

    @property
    def different(self) -> bool | None:
        """Whether the schema or a row differs; None while that is not known."""
        if self.schema is None or self.rows is None:
            return None
        return bool(self.schema) or self.rows.different

    def to_document(self) -> dict[str, Any]:
        document = asdict(self)
        return {
            "format": FORMAT,
            "from": document.pop("before"),
            "to": document.pop("after"),
            **document,
            "different": self.different,
        }

    def to_message(self) -> dict[str, Any]:
        """The command to compute it, which holds no value of any row."""
        return {"kind": KIND, **self.asked().to_document()}

    def asked(self) -> "DiffReport":
        """What was asked, alone: no value stands in it."""
        return replace(
            self,
            state="asked",
            finished_at="",
            problem="",
            schema=None,
            statistics=None,
            files=None,
            rows=None,
            unchanged=None,
            made_of="",
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "DiffReport":
        """Raises InvalidRequest when it is no diff."""
        try:
            fields = {k: v for k, v in document.items() if k not in ("format", "kind", "different")}
            schema, statistics, files, rows = (
                fields.pop(name) for name in ("schema", "statistics", "files", "rows")
            )
            return cls(
                **{
                    **{k: v for k, v in fields.items() if k not in ("from", "to")},
                    "before": DiffedVersion(**fields["from"]),
                    "after": DiffedVersion(**fields["to"]),
                    "key": tuple(fields["key"]),
                },
                schema=None if schema is None else tuple(SchemaChange(**c) for c in schema),
                statistics=None if statistics is None else tuple(map(_statistics, statistics)),
                files=None if files is None else FileChange(**files),
                rows=None if rows is None else RowDiff.from_document(rows),
            )
        except (KeyError, TypeError) as error:
            raise InvalidRequest(f"the document is no diff of versions: {error}") from error

    def masked(self, hidden: frozenset[str]) -> "DiffReport":
        """Without values of the columns ``hidden``."""
        statistics, rows = self.statistics, self.rows
        if statistics is not None:
            statistics = tuple(masked_statistics(c, MASK) if c.column in hidden else c for c in statistics)
        if rows is not None:
            rows = replace(rows, samples=rows.samples.masked(hidden, MASK))
        return replace(self, statistics=statistics, rows=rows)

    def clipped(self, most: int = MOST_SAMPLE_BYTES) -> "DiffReport":
        """With fewer sample rows where they would be larger than ``most`` bytes."""
        rows = self.rows
        while rows is not None and len(canonical_json(asdict(rows.samples))) > most:
            rows = replace(rows, samples=rows.samples.halved())
        return replace(self, rows=rows)


def diff_id(
    before: VersionRecord, after: VersionRecord, key: Sequence[str], limit: int, hidden: frozenset[str]
) -> str:
    """The name of a diff. What is hidden is part of it: a column that is shown again needs another report."""
    return digest(
        {
            "format": FORMAT,
            "from": before.digest,
            "to": after.digest,
            "key": list(key),
            "limit": limit,
            "hidden": sorted(hidden),
        }
    )


def hidden_columns(
    contract: Contract,
    before: Sequence[Any],
    after: Sequence[Any],
    pairs: Sequence[ColumnPair],
) -> frozenset[str]:
    """The columns, by any name, that are restricted in one of the versions or by the contract of today."""
    hidden = set(contract.restricted)
    hidden |= {c.name for c in (*before, *after) if c.classification == RESTRICTED}
    for pair in pairs:
        if hidden & {pair.before.name, pair.after.name}:
            hidden |= {pair.before.name, pair.after.name}
    return frozenset(hidden)


def _split(
    files: Sequence[DataFile], both: Counter[str]
) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
    """Those that are among ``both``, as often as they stand there, and the others."""
    left = Counter(both)
    shared: list[DataFile] = []
    alone: list[DataFile] = []
    for file in files:
        (shared if left[file.key] > 0 else alone).append(file)
        left[file.key] -= 1
    return tuple(shared), tuple(alone)


def _statistics(document: Mapping[str, Any]) -> StatisticsChange:
    before, after = document["before"], document["after"]
    return StatisticsChange(
        document["column"],
        None if before is None else ColumnSummary(**before),
        None if after is None else ColumnSummary(**after),
    )
