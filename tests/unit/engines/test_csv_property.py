"""Whatever Python's own csv module writes, in any dialect, encoding and packing, comes back as it was."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engines.reading import Reading, contract

PACK: dict[str, Callable[[bytes], bytes]] = {"none": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1")
values = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=6)
headers = st.text(st.characters(codec="latin-1", categories=("L", "N", "P", "Zs")), min_size=1, max_size=5)


@dataclass(frozen=True)
class Written:
    """A file as some program writes it; without ``doubled`` quotes are escaped with a backslash."""

    names: list[str]
    rows: list[list[str]]
    delimiter: str
    quote: str
    doubled: bool
    line_end: str
    encoding: str
    packing: str
    skipped: int
    header: bool
    all_quoted: bool

    def body(self) -> bytes:
        out = io.StringIO(newline="")
        out.write(f'of "today{self.line_end}' * self.skipped)
        writer = csv.writer(
            out,
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=self.doubled,
            escapechar=None if self.doubled else "\\",
            lineterminator=self.line_end,
            quoting=csv.QUOTE_MINIMAL if self._minimal else csv.QUOTE_ALL,
        )
        writer.writerows([self.names, *self.rows] if self.header else self.rows)
        return PACK[self.packing](out.getvalue().encode(self.encoding))

    @property
    def _minimal(self) -> bool:
        """Python before 3.13 leaves a carriage return unquoted where lines end otherwise."""
        returns = any("\r" in value for row in self.rows for value in row)
        return self.doubled and not self.all_quoted and not returns

    def dialect(self) -> dict[str, Any]:
        return {
            "delimiter": self.delimiter,
            "quote": self.quote,
            "escape": self.quote if self.doubled else "\\",
            "skip_lines": self.skipped,
            "header": self.header,
        }


@st.composite
def files(draw: st.DrawFn) -> Written:
    width = draw(st.integers(1, 4))
    named = headers.map(str.strip).filter(bool)
    return Written(
        names=draw(st.lists(named, min_size=width, max_size=width, unique=True)),
        rows=draw(st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=5)),
        delimiter=draw(st.sampled_from(",;|\t:")),
        quote=draw(st.sampled_from("\"'")),
        doubled=draw(st.booleans()),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        encoding=draw(st.sampled_from(ENCODINGS)),
        packing=draw(st.sampled_from(sorted(PACK))),
        skipped=draw(st.integers(0, 2)),
        header=draw(st.booleans()),
        all_quoted=draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files())
def test_rows_come_back_as_they_were_written(written: Written) -> None:
    columns = [{"name": f"k{i}", "path": name, "type": "VARCHAR"} for i, name in enumerate(written.names)]
    encoding = "utf-8" if written.encoding == "utf-8-sig" else written.encoding
    declared = contract("csv", columns, csv=written.dialect(), encoding=encoding)
    with tempfile.TemporaryDirectory() as folder:
        found = Reading(Path(folder)).rows(written.body(), declared)
    # an empty field is none
    assert [[value or "" for value in row.values()] for row in found] == written.rows
