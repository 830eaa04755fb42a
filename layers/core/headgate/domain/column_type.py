"""The types a column can have: what they are called, how they nest, and which can hold every value of which.

Names are DuckDB's. Nothing here knows how a type is stored or checked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SCALARS = frozenset(
    [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "VARCHAR",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "UUID",
        "BLOB",
    ]
)
_ALIASES = {
    "INT": "INTEGER",
    "LONG": "BIGINT",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
    "NUMERIC": "DECIMAL",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
    "REAL": "FLOAT",
    "BOOL": "BOOLEAN",
}
INTEGER_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19}
_INTEGERS = tuple(INTEGER_DIGITS)
_EXACT = {"FLOAT": ("TINYINT", "SMALLINT"), "DOUBLE": ("TINYINT", "SMALLINT", "INTEGER", "FLOAT")}
"""Integers that the floating type holds without rounding: 24 and 53 bits."""
DEEPEST = 8
_TOKEN = re.compile(r'\s*("(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*|\d+|\[\]|[(),])')
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class UnknownType(ValueError):
    """The text is no type; the message says what is wrong with it."""


@dataclass(frozen=True)
class ColumnType:
    """A scalar (``kind`` is its name), a LIST (of ``item``) or a STRUCT (of ``fields``). Only DECIMAL has
    ``precision`` and ``scale``.
    """

    kind: str
    precision: int = 0
    scale: int = 0
    item: "ColumnType | None" = None
    fields: tuple[tuple[str, "ColumnType"], ...] = ()

    def __str__(self) -> str:
        """As DuckDB reads it; equal types are equal texts."""
        if self.kind == "DECIMAL":
            return f"DECIMAL({self.precision},{self.scale})"
        if self.item is not None:
            return f"{self.item}[]"
        if self.kind == "STRUCT":
            return f"STRUCT({', '.join(f'{_quoted(n)} {t}' for n, t in self.fields)})"
        return self.kind

    @property
    def nested(self) -> bool:
        return self.kind in ("LIST", "STRUCT")

    @property
    def integer(self) -> bool:
        return self.kind in INTEGER_DIGITS

    @property
    def numeric(self) -> bool:
        return self.integer or self.kind in ("FLOAT", "DOUBLE", "DECIMAL")

    @property
    def temporal(self) -> bool:
        return self.kind in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")

    def parts(self) -> Iterator["ColumnType"]:
        """This type and every type inside it."""
        yield self
        for inner in (*([self.item] if self.item else []), *(t for _, t in self.fields)):
            yield from inner.parts()

    def holds(self, other: "ColumnType") -> bool:
        """Whether every value of ``other`` is the same value in this type, in the same order."""
        if self == other:
            return True
        if self.item is not None and other.item is not None:
            return self.item.holds(other.item)
        if self.kind == other.kind == "STRUCT":
            mine = dict(self.fields)
            return all(name in mine and mine[name].holds(kind) for name, kind in other.fields)
        if self.integer and other.integer:
            return _INTEGERS.index(self.kind) > _INTEGERS.index(other.kind)
        if self.kind == "DECIMAL":
            return self._holds_exactly(other)
        if self.kind == "TIMESTAMP":
            return other.kind == "DATE"
        return other.kind in _EXACT.get(self.kind, ())

    def _holds_exactly(self, other: "ColumnType") -> bool:
        whole = self.precision - self.scale
        if other.kind == "DECIMAL":
            return other.scale <= self.scale and other.precision - other.scale <= whole
        return other.integer and INTEGER_DIGITS[other.kind] <= whole


def parse_type(text: str) -> ColumnType:
    """The type that ``text`` names. Raises UnknownType."""
    return _Parser(text).whole()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.at = 0

    def _tokens(self) -> list[str]:
        found, position = [], 0
        stripped = re.sub(r"(?i)\bTIMESTAMP\s+WITH\s+TIME\s+ZONE\b", "TIMESTAMPTZ", self.text.strip())
        while position < len(stripped):
            token = _TOKEN.match(stripped, position)
            if token is None:
                raise UnknownType(f"{self.text!r} is no type: {stripped[position:][:20]!r} is not understood")
            found.append(token[1])
            position = token.end()
        return found

    def whole(self) -> ColumnType:
        kind = self._type(0)
        if self.at < len(self.tokens):
            raise UnknownType(f"{self.text!r} is no type: {self.tokens[self.at]!r} is left over")
        return kind

    def _next(self, expected: str | None = None) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if not token or (expected is not None and token != expected):
            raise UnknownType(f"{self.text!r} is no type: {expected or 'a name'!r} is needed")
        self.at += 1
        return token

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _type(self, depth: int) -> ColumnType:
        if depth > DEEPEST:
            raise UnknownType(f"{self.text[:80]!r} is nested deeper than {DEEPEST} levels")
        name = self._next().upper()
        kind = self._struct(depth) if name == "STRUCT" else self._scalar(_ALIASES.get(name, name))
        while self._peek() == "[]":
            self._next()
            kind = ColumnType("LIST", item=kind)
        return kind

    def _scalar(self, name: str) -> ColumnType:
        if name not in SCALARS:
            known = ", ".join(sorted(SCALARS))
            hint = "; DECIMAL(38,0) holds such integers exactly" if name == "HUGEINT" else ""
            raise UnknownType(f"type {name!r} is not among {known}, STRUCT(name type, …), type[]{hint}")
        if name != "DECIMAL":
            return ColumnType(name)
        if self._peek() != "(":
            raise UnknownType("DECIMAL needs its precision and scale, such as DECIMAL(18,2)")
        precision, scale = self._digits()
        if not (precision.isdigit() and scale.isdigit() and 1 <= int(precision) <= 38):
            raise UnknownType(f"{self.text!r}: DECIMAL takes a precision of 1 to 38 and a scale")
        if int(scale) > int(precision):
            raise UnknownType(f"{self.text!r}: the scale is larger than the precision")
        return ColumnType("DECIMAL", int(precision), int(scale))

    def _digits(self) -> tuple[str, str]:
        self._next("(")
        precision = self._next()
        self._next(",")
        scale = self._next()
        self._next(")")
        return precision, scale

    def _struct(self, depth: int) -> ColumnType:
        self._next("(")
        fields: list[tuple[str, ColumnType]] = []
        while True:
            name = self._next().strip('"')
            if not _NAME.fullmatch(name):
                raise UnknownType(f"{name!r} is no field name (letters, digits and _ only)")
            fields.append((name, self._type(depth + 1)))
            if self._next() == ")":
                break
        if len({name.lower() for name, _ in fields}) != len(fields):
            raise UnknownType(f"{self.text!r}: a field stands twice")
        return ColumnType("STRUCT", fields=tuple(fields))
