"""The online store's key of an entity: one text for equal values, however they are written. Pure.

A view's row and a request may hold the same value as different things: a timestamp and a text, 1.10 and 1.1.
Offline the SQL engine compares them by type; so the key is made of the value that the declared type makes of
them.
"""

import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from headgate.domain.errors import InvalidRequest

NULL = "\\N"
DEFAULT_SCALE = 3
"""Of a DECIMAL that does not say it, in DuckDB."""
_PART = re.compile(r"((?:[^\\|]|\\.)*)(\||$)", re.DOTALL)
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*(?:\(\s*\d+\s*(?:,\s*(\d+)\s*)?\))?")
_INTEGERS = frozenset({"HUGEINT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "INT", "INT8", "INT4", "INT2"})
_WIDE = Context(prec=80)
_BOOLEANS = {"true": "true", "t": "true", "1": "true", "false": "false", "f": "false", "0": "false"}


def entity_key(parts: Sequence[Any], types: Sequence[str | None] = ()) -> str:
    """The parts in the order of a view's entity columns, escaped and joined by ``|``. ``types`` are the
    columns' DuckDB types; where one is not known, the value itself says what it is.

    Equal values have one key: null is not the empty text, and 5.0 is 5. Raises InvalidRequest, without the
    value, when one does not fit its type.
    """
    known = [*types, *[None] * (len(parts) - len(types))]
    return "|".join(_part(part, type_) for part, type_ in zip(parts, known, strict=True))


def entity_parts(key: str) -> tuple[str, ...]:
    """The parts of an `entity_key`, as text. Raises ValueError when it is none."""
    parts = []
    rest = 0
    while True:
        found = _PART.match(key, rest)
        if found is None:
            raise ValueError(f"{key!r} is no entity key")
        part = found.group(1)
        parts.append(part if part == NULL else re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL))
        if not found.group(2):
            return tuple(parts)
        rest = found.end()


def _part(part: Any, type_: str | None) -> str:
    if part is None:
        return NULL
    try:
        text = _text(part, type_)
    except (ValueError, OverflowError, InvalidOperation, struct.error) as error:
        raise InvalidRequest(f"a value of the key is no {type_}") from error
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _text(part: Any, type_: str | None) -> str:
    kind = (type_ or "").strip().upper()
    if kind.startswith("TIMESTAMP") or kind == "DATETIME":
        return _instant(part)
    if found := _DECIMAL.fullmatch(kind):
        return _decimal(part, int(found.group(1) or (0 if "(" in kind else DEFAULT_SCALE)))
    if kind.removeprefix("U") in _INTEGERS:
        return _whole(part)
    return _BY_TYPE.get(kind, _plain)(part)


def _plain(part: Any) -> str:
    if isinstance(part, bool):
        return str(part).lower()
    if isinstance(part, float) and part.is_integer():
        part = int(part)
    if isinstance(part, datetime | date | time):
        return part.isoformat()
    return str(part)


def _whole(part: Any) -> str:
    number = Decimal(str(int(part) if isinstance(part, bool) else part))
    if number != number.to_integral_value():
        raise ValueError("no whole number")
    return str(int(number))


def _decimal(part: Any, scale: int) -> str:
    number = Decimal(str(part))
    fixed = number.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
    return format(fixed.normalize(_WIDE) if fixed else Decimal(0), "f")


def _double(part: Any) -> str:
    return _plain(float(part))


def _float(part: Any) -> str:
    return _plain(struct.unpack("<f", struct.pack("<f", float(part)))[0])


def _boolean(part: Any) -> str:
    return _BOOLEANS.get(str(part).lower()) or _refuse()


def _instant(part: Any) -> str:
    """UTC, as naive timestamps are."""
    moment = part if isinstance(part, datetime) else datetime.fromisoformat(str(part))
    return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment).isoformat()


def _date(part: Any) -> str:
    return (part if isinstance(part, date) else date.fromisoformat(str(part))).isoformat()[:10]


def _time(part: Any) -> str:
    return (part if isinstance(part, time) else time.fromisoformat(str(part))).isoformat()


def _uuid(part: Any) -> str:
    return str(UUID(str(part)))


def _refuse() -> str:
    raise ValueError


_BY_TYPE: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("DOUBLE", "FLOAT8"), _double),
    **dict.fromkeys(("FLOAT", "REAL", "FLOAT4"), _float),
    **dict.fromkeys(("BOOLEAN", "BOOL", "LOGICAL"), _boolean),
    "DATE": _date,
    "TIME": _time,
    "UUID": _uuid,
}
