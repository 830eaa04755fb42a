"""How the text of a drop is written: the encoding, and the dialect of CSV. Owns their names and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import InvalidRequest

ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16": "utf-16",
    "utf16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16-le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-16-be": "utf-16-be",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}
"""What people write -> the codec. A byte order mark wins over all of them."""


@dataclass(frozen=True)
class CsvDialect:
    """One character each, '' for none; the delimiter may have up to four bytes of UTF-8. A comment is a whole
    line. ``names`` are the columns of a file without a header, in its order; without names they are the
    contract's, in its order.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    header: bool = True
    names: tuple[str, ...] = ()
    skip_lines: int = 0
    comment: str = ""
    decimal_separator: str = "."
    thousands_separator: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any], contract: str) -> "CsvDialect":
        """Raises InvalidRequest naming what cannot work."""
        fields = {**document, "names": tuple(document.get("names", ()))}
        dialect = cls(**fields)
        problem = dialect._problem()
        if problem:
            raise InvalidRequest(f"contract {contract}: csv: {problem}")
        return dialect

    def _problem(self) -> str | None:
        singles = {
            "quote": self.quote,
            "escape": self.escape,
            "comment": self.comment,
            "decimal_separator": self.decimal_separator,
            "thousands_separator": self.thousands_separator,
        }
        for name, value in singles.items():
            if len(value) > 1 or value in ("\n", "\r") or not value.isascii():
                return f"{name} is {value!r}; one ASCII character or none is needed"
        if not 1 <= len(self.delimiter.encode()) <= 4 or any(c in "\r\n" for c in self.delimiter):
            return f"delimiter is {self.delimiter!r}; one to four bytes of UTF-8 are needed"
        special = [c for c in (self.delimiter, self.quote, self.comment) if c]
        if len(set(special)) != len(special):
            return "delimiter, quote and comment must differ"
        if self.decimal_separator not in (".", ","):
            return f"decimal_separator is {self.decimal_separator!r}; '.' or ',' is needed"
        if self.thousands_separator == self.decimal_separator:
            return "thousands_separator is the decimal separator too"
        if self.header and self.names:
            return "names are given, but the file has a header of its own; say header: false"
        return None


def encoding_of(written: str, contract: str) -> str:
    """The codec of what a contract calls an encoding. Raises InvalidRequest."""
    found = ENCODINGS.get(written.lower().replace("_", "-"))
    if found is None:
        known = "utf-8, utf-16, utf-16le, utf-16be, latin-1, windows-1252"
        raise InvalidRequest(f"contract {contract}: encoding {written!r} is not known; known: {known}")
    return found
