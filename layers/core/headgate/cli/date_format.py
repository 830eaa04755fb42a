"""Date patterns of the standard (Java's DateTimeFormatter) as strptime formats, which the engine reads."""

import re

_LETTERS = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "EEEE": "%A",
    "EEE": "%a",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSS": "%g",
    "SSSSSS": "%f",
    "a": "%p",
    "XXX": "%z",
    "XX": "%z",
    "xx": "%z",
    "xxx": "%z",
    "Z": "%z",
}
_TOKEN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']")
_ISO = {
    "DATE": ("yyyy-MM-dd", "%Y-%m-%d"),
    "TIME": ("HH:mm:ss", "%H:%M:%S"),
    "TIMESTAMP": ("yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd HH:mm:ss"),
    "TIMESTAMPTZ": ("yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-dd'T'HH:mm:ssXXX"),
}
"""What the types read without being told."""


def is_iso(pattern: str, kind: str) -> bool:
    """Whether a column of type ``kind`` reads text of this form by itself."""
    return pattern in _ISO.get(kind, ())


def strptime_format(pattern: str) -> str | None:
    """The strptime format of a Java pattern, or the pattern itself when it is one; None when a part of it has
    no counterpart.
    """
    if "%" in pattern:
        return pattern
    parts, at = [], 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        part = _part(token)
        if part is None:
            return None
        parts.append(part)
        at = token.end()
    return "".join(parts)


def _part(token: re.Match[str]) -> str | None:
    text = token[0]
    if text.startswith("'"):
        return text[1:-1].replace("''", "'") or "'"
    if token[1] is None:
        return text
    # ISO-8601's own T and, outside of quotes, nothing else
    return "T" if text == "T" else _LETTERS.get(text)
