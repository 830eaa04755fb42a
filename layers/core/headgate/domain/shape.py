"""Strict JSON: reading it, and checking its fields and their types. Knows no document's meaning.

A check takes a value and the path it stands at, and yields a sentence a problem; checks are made from checks.

>>> promotion = record({"alias": one_of("champion", "challenger")}, optional={"reason": text})
>>> enforce(promotion, {"alias": "winner"}, "body")
InvalidRequest: body.alias: one of champion, challenger is needed, found 'winner'
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from headgate.domain.errors import InvalidRequest
from headgate.domain.policy_vocabulary import did_you_mean

Check = Callable[[Any, str], Iterator[str]]
SHOWN = 5
DEEPEST = 64
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
    (type(None), "null"),
)


def parse_json(source: str | bytes, where: str) -> Any:
    """The JSON value of ``source``. Raises InvalidRequest where a reader might see another value than meant.

    Refused beside malformed text: a key that stands twice, NaN and infinities, text that is not UTF-8, and
    nesting deeper than `DEEPEST`, which later readers and writers of the value might not survive.
    """
    try:
        text_ = source.decode("utf-8") if isinstance(source, bytes) else source
        value = json.loads(text_, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        if "\\ud" in text_.lower():  # half a surrogate pair parses, and fails later where it is encoded
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        too_deep = _deeper_than(value, DEEPEST)
    except RecursionError:
        too_deep = True
    except UnicodeError as error:
        raise InvalidRequest(f"{where}: the text is not UTF-8") from error
    except ValueError as error:
        raise InvalidRequest(f"{where}: not JSON: {error}") from error
    if too_deep:
        raise InvalidRequest(f"{where}: the JSON is nested deeper than {DEEPEST} levels")
    return value


def enforce(check: Check, value: Any, where: str) -> None:
    """Raises InvalidRequest with the first problems of ``value``; ``where`` is the path of the whole."""
    problems = list(islice(check(value, where), SHOWN + 1))
    if problems:
        more = "; and more" if len(problems) > SHOWN else ""
        raise InvalidRequest("; ".join(problems[:SHOWN]) + more)


def text(value: Any, at: str) -> Iterator[str]:
    """A string with something in it."""
    if not isinstance(value, str):
        yield _needed(at, "a string", value)
    elif not value.strip():
        yield f"{at}: a string with something in it is needed"


def any_text(value: Any, at: str) -> Iterator[str]:
    """A string, empty or not."""
    if not isinstance(value, str):
        yield _needed(at, "a string", value)


def flag(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield _needed(at, "a boolean", value)


def number(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _needed(at, "a number", value)


def anything(value: Any, at: str) -> Iterator[str]:  # noqa: ARG001 - a check takes both
    """No constraint."""
    yield from ()


def whole(minimum: int, maximum: int | None = None) -> Check:
    """An integer between bounds that are both in."""

    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield _needed(at, "a whole number", value)
        elif value < minimum or (maximum is not None and value > maximum):
            bound = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
            yield f"{at}: a whole number {bound} is needed, found {value}"

    return check


def one_of(*words: str) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str) or value not in words:
            yield f"{at}: one of {', '.join(words)} is needed, found {_shown(value)}"

    return check


def nullable(inner: Check) -> Check:
    """Null, or what ``inner`` takes."""

    def check(value: Any, at: str) -> Iterator[str]:
        if value is not None:
            yield from inner(value, at)

    return check


def either(*inner: Check) -> Check:
    """What any of ``inner`` takes; the last one's problems are told."""

    def check(value: Any, at: str) -> Iterator[str]:
        problems: list[str] = []
        for each in inner:
            problems = list(each(value, at))
            if not problems:
                return
        yield from problems

    return check


def items(inner: Check, *, least: int = 0) -> Check:
    """A list whose every item ``inner`` takes."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _needed(at, "a list", value)
            return
        if len(value) < least:
            yield f"{at}: at least {least} needed, found {len(value)}"
        for index, item in enumerate(value):
            yield from inner(item, f"{at}[{index}]")

    return check


def mapping(inner: Check) -> Check:
    """An object with free keys whose every value ``inner`` takes."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _needed(at, "an object", value)
            return
        for key, item in value.items():
            yield from inner(item, f"{at}.{key}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _needed(at, "an object", value)
            return
        yield from (f"{at}.{name}: missing" for name in required if name not in value)
        for name, item in value.items():
            if name in known:
                yield from known[name](item, f"{at}.{name}")
            else:
                yield f"{at}: unknown field {_shown(name)}{did_you_mean(name, known)}"

    return check


def repeated(values: Iterable[str]) -> list[str]:
    """The values that stand more than once, sorted."""
    seen: set[str] = set()
    return sorted({value for value in values if value in seen or seen.add(value)})  # type: ignore[func-returns-value]


def _needed(at: str, what: str, value: Any) -> str:
    return f"{at}: {what} is needed, found {_kind(value)}"


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), type(value).__name__)


def _shown(value: Any) -> str:
    return repr(value[:80]) if isinstance(value, str) else _kind(value)


def _deeper_than(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"the key {repeated(key for key, _ in pairs)[0]!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{written} is too large a number")
    return value
