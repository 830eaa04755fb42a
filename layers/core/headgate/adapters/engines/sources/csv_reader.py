"""The engine's CSV reader as SQL: every choice is told, nothing is guessed.

Columns are called c0, c1, … in the order of the file: a header may hold anything.
"""

from dataclasses import dataclass
from pathlib import Path

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.sources.text_values import parsed
from headgate.domain.contract import Contract
from headgate.domain.source_limits import SourceLimits

_BUFFER = 32_000_000
"""Bytes; the engine's own default. Told a longest line, it would take 16 of those."""


@dataclass(frozen=True)
class CsvReader:
    """``names`` are the file's columns; ``places`` says which of them a contract column is."""

    contract: Contract
    limits: SourceLimits
    names: tuple[str, ...]
    places: dict[str, str]
    line_end: str = "\n"

    def sql(self, path: Path, *, header: bool = False, parallel: bool = True, rejects: str = "") -> str:
        """A table function call. ``rejects`` is a suffix of the tables that keep what cannot be read."""
        dialect = self.contract.csv
        types = ", ".join(f"c{i}: {quoted(kind)}" for i, kind in enumerate(self._types()))
        options = {
            "auto_detect": "false",
            "header": str(header).lower(),
            "delim": quoted(dialect.delimiter),
            "quote": quoted(dialect.quote),
            "escape": quoted((dialect.escape or dialect.quote) if dialect.quote else ""),
            "new_line": quoted(self.line_end.replace("\r", "\\r").replace("\n", "\\n")),
            "columns": f"{{{types}}}",
            "nullstr": f"[{', '.join(quoted(v) for v in ('', *self.contract.null_values))}]",
            "decimal_separator": quoted(dialect.decimal_separator),
            "max_line_size": str(self.limits.max_line_bytes),
            "buffer_size": str(max(_BUFFER, 4 * self.limits.max_line_bytes)),
            "parallel": str(parallel).lower(),
        }
        if dialect.thousands_separator:
            options["thousands"] = quoted(dialect.thousands_separator)
        if rejects:
            options |= {
                "store_rejects": "true",
                "rejects_limit": "0",
                "rejects_table": quoted(f"errors_{rejects}"),
                "rejects_scan": quoted(f"scans_{rejects}"),
            }
        return f"read_csv({quoted(str(path))}, {', '.join(f'{k}={v}' for k, v in options.items())})"

    def select(self) -> list[str]:
        """The contract's columns in its order; optional ones that are absent are NULL."""
        values = []
        for column in self.contract.columns:
            value = f"CAST(NULL AS {column.type})"
            if column.name in self.places:
                value = self.raw(column.name)
                if column.format is not None:
                    value = parsed(value, column)
            values.append(f"{value} AS {identifier(column.name)}")
        return values

    def raw(self, name: str) -> str:
        """The file's column that holds the contract's column ``name``."""
        return f"c{self.names.index(self.places[name])}"

    def used(self) -> list[str]:
        return [self.raw(name) for name in self.places]

    def _types(self) -> list[str]:
        """What is not the contract's, or has a format of its own, is left as text."""
        typed = {
            self.places[c.name]: c.type
            for c in self.contract.columns
            if c.name in self.places and c.format is None
        }
        return [typed.get(name, "VARCHAR") for name in self.names]
