"""What a dropped file may become while it is read: bounds that hold before its contract is looked at."""

from dataclasses import dataclass

from headgate.domain.errors import DropRefused

TOO_LARGE = "too_large"
"""The rule of a drop that a process with a higher limit may take in."""
_RULES = {
    "max_bytes": TOO_LARGE,
    "max_ratio": "compression_ratio",
    "max_line_bytes": "line_too_long",
    "max_columns": "too_many_columns",
    "max_object_bytes": "object_too_large",
}


@dataclass(frozen=True)
class SourceLimits:
    """Each field is a setting of the function and of the ingest job: ``SOURCE_`` and its name in capitals."""

    max_bytes: int = 2 * 1024**3
    """Of the plain file, in bytes. The ingest function has 4 GiB of disk, and the Parquet made of a file lies
    beside it. The job, with 200 GiB, is given more.
    """
    max_ratio: int = 200
    """Plain bytes for each packed one. Text of constant columns reaches about 100; the most that gzip can,
    which only a file made to harm comes near, is 1,032, and zstd's is 32,768.
    """
    ratio_from_bytes: int = 64 * 1024**2
    """Smaller plain files have any ratio: they harm nobody, and the first lines may be all alike."""
    max_line_bytes: int = 8 * 1024**2
    """One CSV record, in bytes. The reader holds four of them at a time."""
    max_columns: int = 2000
    """Columns of a file, and fields of a JSON object. A Parquet writer holds pages of every column: 2,000
    took 0.8 GB of a function's 2 GiB, and 10,000 did not fit.
    """
    max_object_bytes: int = 16 * 1024**2
    """One JSON object, in bytes. The parsed tree takes a multiple of it, a thread at a time."""

    def exceeded(self, limit: str, what: str, measured: str) -> DropRefused:
        """The refusal that names the limit, what was measured and the setting. ``limit`` is a field."""
        return DropRefused(
            _RULES[limit],
            f"{what}: {measured}; the limit is {getattr(self, limit):,} (setting {setting(limit)})",
        )


def setting(limit: str) -> str:
    """The environment variable of a field of `SourceLimits`."""
    return f"SOURCE_{limit.upper()}"
