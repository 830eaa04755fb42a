"""Engines over data files: taking in, importing, erasing, comparing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.dataset import ColumnStats
from headgate.domain.row_diff import RowComparison, RowDiff


@dataclass(frozen=True)
class Converted:
    """What ingest made of one source file: the Parquet file's path, rows, column statistics and the result of
    every check.
    """

    path: Path
    rows: int
    columns: tuple[ColumnStats, ...]
    checks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Checked:
    """What is known of an object that was checked in place: its rows, column statistics and the result of
    every check.
    """

    rows: int
    columns: tuple[ColumnStats, ...]
    checks: tuple[dict[str, Any], ...]


class IngestEngine(Protocol):
    """Turns one source file into Parquet while checking its contract."""

    def convert(
        self,
        source: Path,
        source_name: str,
        contract: Contract,
        target: Path,
        context: CheckContext | None = None,
    ) -> Converted:
        """``context`` may be left out for a contract that looks at nothing but the drop. Raises DropRefused
        with the failed rule and rows, TooLargeHere (nothing is left at ``target`` after either), Retryable
        when a dataset that the contract refers to cannot be read now.
        """
        ...


KeyColumns = Sequence[Sequence[str]]
"""The columns of a key, each by its present name and the names it had."""


@dataclass(frozen=True)
class Rest:
    """What is left of a file: rows, statistics of its columns, and how many rows have a true label."""

    rows: int
    columns: tuple[ColumnStats, ...] = ()
    positives: int = 0


class ErasureEngine(Protocol):
    """Finds the rows of a subject in data files, and writes files without them. A file in which a key column
    has none of its names holds no subject.
    """

    def holding(
        self, uris: Sequence[str], keys: KeyColumns, values: Sequence[Sequence[str]]
    ) -> Mapping[str, int]:
        """Rows of the subject by URI; files without any are left out."""
        ...

    def without(
        self,
        source: Path,
        keys: KeyColumns,
        values: Sequence[Sequence[str]],
        target: Path,
        columns: Sequence[tuple[str, str]] = (),
        label: str = "",
    ) -> Rest:
        """Write ``source`` to ``target`` without the subject's rows, the others as they were. Statistics are
        made of ``columns`` (name, type), positives are counted of ``label``.
        """
        ...


class ImportEngine(Protocol):
    """Checks the contract of a Parquet object that stays where it is."""

    def check(self, uri: str, name: str, contract: Contract, context: CheckContext | None = None) -> Checked:
        """Reads the object at ``uri``; what is told of it calls it ``name``. ``context`` is as for
        `IngestEngine`. Raises DropRefused with the failed rule and rows, Retryable when the object cannot be
        reached now.
        """
        ...


class DiffEngine(Protocol):
    """Compares the rows of two versions."""

    def compare(self, asked: RowComparison, seconds: float) -> RowDiff:
        """Raises PreconditionFailed when it takes longer than ``seconds`` or more than the engine may use,
        InvalidRequest when a value of a file does not fit its column's type, Retryable when a file cannot be
        read now, Corrupted when it is not what it should be. No message holds a value.
        """
        ...
