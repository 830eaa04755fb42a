"""Text in any declared encoding, as UTF-8. A byte order mark says more than a declaration."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from headgate.adapters.engines.sources.scratch_file import write_bounded
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

_CHUNK = 1 << 20
_SNIFFED = 4096
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DECLARE = "declare the encoding in the contract if the file has another one (utf-16le, latin-1, windows-1252)"


def as_utf8(source: Path, declared: str, limits: SourceLimits, *, keep_mark: bool) -> Path:
    """``source`` itself when it is UTF-8 (with its byte order mark only if ``keep_mark``), or a UTF-8 file
    beside it. Whether all of a UTF-8 file is UTF-8 is left to whoever parses it.

    Raises DropRefused ``undecodable`` with the byte and line.
    """
    with source.open("rb") as stream:
        head = stream.read(_SNIFFED)
    mark, codec = next(((m, c) for m, c in _MARKS if head.startswith(m)), (b"", declared))
    if codec == "utf-32":
        raise DropRefused("undecodable", "the byte order mark is UTF-32's; UTF-8 and UTF-16 are read")
    if codec == "utf-16":
        raise DropRefused(
            "undecodable",
            "utf-16 is declared and the file has no byte order mark; declare utf-16le or utf-16be",
        )
    if codec == "utf-8":
        if head.count(0) * 4 > len(head):
            raise DropRefused(
                "undecodable", f"the file looks like UTF-16 without a byte order mark; {DECLARE}"
            )
        if keep_mark or not mark:
            return source
    target = source.with_name(source.name + ".utf8")
    write_bounded(_transcoded(source, codec, len(mark)), target, limits)
    return target


def _transcoded(source: Path, codec: str, start: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)()
    fed, line, last = start, 1, False
    with source.open("rb") as stream:
        stream.seek(start)
        while not last:
            chunk = stream.read(_CHUNK)
            last = not chunk
            held = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, last)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(codec)
                raise DropRefused(
                    "undecodable",
                    f"byte {fed - held + error.start:,}, in line {line + before.count(chr(10)):,}, is not "
                    f"{codec}: {error.reason}",
                ) from error
            fed += len(chunk)
            line += text.count("\n")
            yield text.encode()
