"""Text in any declared encoding comes out as UTF-8; what is not in it is refused with its place."""

from __future__ import annotations

import codecs

import pytest

from tests.unit.engines.reading import Reading, contract

A = {"a": "VARCHAR"}
TEXT = "a\nŒuvre é €\n"
READ = {
    "utf-8": ("utf-8", TEXT.encode()),
    "a mark": ("utf-8", codecs.BOM_UTF8 + TEXT.encode()),
    "utf-16 by its mark": ("utf-8", TEXT.encode("utf-16")),
    "utf-16 little endian by its mark": ("utf-16", codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")),
    "utf-16 big endian by its mark": ("utf-16", codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be")),
    "a mark wins": ("windows-1252", codecs.BOM_UTF8 + TEXT.encode()),
    "utf-16le": ("utf-16le", TEXT.encode("utf-16-le")),
    "utf-16be": ("utf-16be", TEXT.encode("utf-16-be")),
    "windows-1252": ("windows-1252", TEXT.encode("cp1252")),
}


@pytest.mark.parametrize(("declared", "body"), READ.values(), ids=READ)
def test_every_encoding_gives_the_same_text(reading: Reading, declared: str, body: bytes) -> None:
    assert reading.rows(body, contract("csv", A, encoding=declared)) == [{"a": "Œuvre é €"}]


def test_latin_1_is_every_byte(reading: Reading) -> None:
    assert reading.rows(b"a\n\xe9\x80\n", contract("csv", A, encoding="latin-1")) == [{"a": "é\x80"}]


LONG = "a\n" + "Zürich\n" * 200_000
REFUSED = {
    "UTF-8 that is Latin-1": ("utf-8", "a\nx\né\n".encode("latin-1"), ("line 3", "declare the encoding")),
    "a header that is Latin-1": ("utf-8", "é,a\n".encode("latin-1"), ("line 1", "declare the encoding")),
    "UTF-16 without a mark": ("utf-8", TEXT.encode("utf-16-le"), ("utf-16le", "declare the encoding")),
    "UTF-16 declared without a mark": ("utf-16", TEXT.encode("utf-16-be"), ("utf-16be",)),
    "UTF-32": ("utf-8", TEXT.encode("utf-32"), ("UTF-32",)),
    "an undefined byte": ("windows-1252", b"a\nx\n\x81\n", ("byte 4", "line 3")),
    "half a character": ("utf-16le", "a\nx".encode("utf-16-le") + b"\0", ("byte 6", "line 2")),
    "half a pair far in": (
        "utf-16",
        LONG.encode("utf-16") + b"\x00\xd8" + "\n".encode("utf-16-le"),
        ("byte 2,800,006", "line 200,002"),
    ),
}


@pytest.mark.parametrize(("declared", "body", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_in_the_encoding_is_refused_with_its_place(
    reading: Reading, declared: str, body: bytes, said: tuple[str, ...]
) -> None:
    refusal = reading.refused(body, contract("csv", A, encoding=declared))
    assert refusal.rule == "undecodable"
    assert [part for part in said if part not in str(refusal)] == []
