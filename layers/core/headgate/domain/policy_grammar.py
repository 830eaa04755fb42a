"""Reads IAM policy JSON, strictly: what it does not know it refuses, saying where and why.

It decides nothing.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import InvalidRequest
from headgate.domain.policy_conditions import Condition
from headgate.domain.policy_patterns import Pattern
from headgate.domain.policy_statement import (
    EVERYONE,
    ActionClause,
    Clause,
    PrincipalClause,
    ResourceClause,
    Statement,
    StatementRef,
    covers_action,
)
from headgate.domain.policy_vocabulary import ACTIONS, RESOURCE_KINDS, did_you_mean

VERSION = "2012-10-17"
MAX_BYTES = 20_480  # what S3 and SQS allow a resource policy
NAMESPACE = "Headgate"
_DOCUMENT_KEYS = ("Version", "Id", "Statement")
_STATEMENT_KEYS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_SID = re.compile(r"[A-Za-z0-9]{1,64}")
_PRINCIPAL = re.compile(r"(user|group|service)/[A-Za-z0-9_.@+=:|-]{1,128}")
_RESOURCE = re.compile(r"hrn:[^:]+:([^:/]+)(/[^:]*)?")


class PolicyError(InvalidRequest):
    """A policy document is refused: ``where`` in it, and ``why``."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Gives a ``ValueError`` raised below the place it belongs to."""
    try:
        yield
    except ValueError as error:
        raise PolicyError(where, str(error)) from error


def parse_statements(source: str | bytes | Mapping[str, Any], name: str) -> tuple[Statement, ...]:
    """The statements of a policy document, JSON text or parsed JSON. Raises PolicyError."""
    where = f"policy {name}"
    with _at(where):
        document = _document(source)
        _known(document, _DOCUMENT_KEYS)
        if document.get("Version") != VERSION:
            raise ValueError(f'"Version": "{VERSION}" is needed, found {document.get("Version")!r}')
        if "Id" in document and not isinstance(document["Id"], str):
            raise ValueError("Id needs a string")
        if "Statement" not in document:
            raise ValueError("Statement is missing")
        written = document["Statement"]
        listed = written if isinstance(written, list) else [written]
        if not listed:
            raise ValueError("Statement is empty")
    statements = tuple(_statement(each, name, index) for index, each in enumerate(listed))
    _check_sids(statements, where)
    return statements


def _document(source: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        document = (
            json.loads(source, object_pairs_hook=_no_repeats) if isinstance(source, str | bytes) else source
        )
        size = len(source) if isinstance(source, str | bytes) else len(canonical_json(source))
    except (TypeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("the document is not JSON") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"the document is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise ValueError("the document is not a JSON object")
    if size > MAX_BYTES:
        raise ValueError(f"the document has {size} bytes; at most {MAX_BYTES} are taken")
    return document


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _known(found: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            raise ValueError(f"unknown key {key!r}{did_you_mean(str(key), known)}")


def _statement(written: Any, policy: str, index: int) -> Statement:
    where = f"policy {policy}: Statement[{index}]"
    with _at(where):
        if not isinstance(written, Mapping):
            raise ValueError("a statement is a JSON object")
        sid = _sid(written)
    where = f'{where} "{sid}"' if sid else where
    with _at(where):
        _known(written, _STATEMENT_KEYS)
        effect = _effect(written)
        clauses: tuple[Clause, ...] = (
            _principal(written, effect, where),
            ActionClause(*_either(written, "Action", where, _action)),
            ResourceClause(*_either(written, "Resource", where, _resource)),
            *_conditions(written.get("Condition", {}), where),
        )
    return Statement(StatementRef(policy, index, sid), effect, clauses)


def _sid(written: Mapping[str, Any]) -> str | None:
    sid = written.get("Sid")
    if sid is not None and (not isinstance(sid, str) or not _SID.fullmatch(sid)):
        raise ValueError(f"Sid {sid!r} is not made of 1 to 64 letters and digits")
    return sid


def _effect(written: Mapping[str, Any]) -> Literal["Allow", "Deny"]:
    match written.get("Effect"):
        case "Allow":
            return "Allow"
        case "Deny":
            return "Deny"
        case other:
            raise ValueError(f'Effect is {other!r}; "Allow" or "Deny" is needed')


def _which(written: Mapping[str, Any], element: str) -> str:
    """The element or its Not form: exactly one must be there."""
    there = [key for key in (element, f"Not{element}") if key in written]
    if len(there) != 1:
        raise ValueError(
            f"{element} and Not{element} exclude each other" if there else f"{element} is missing"
        )
    return there[0]


def _either(
    written: Mapping[str, Any], element: str, where: str, read: Callable[[str], Pattern]
) -> tuple[tuple[Pattern, ...], bool]:
    key = _which(written, element)
    with _at(f"{where}: {key}"):
        return tuple(read(text) for text in _strings(written[key])), key != element


def _strings(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise ValueError("the list is empty")
    for each in listed:
        if not isinstance(each, str) or not each:
            raise ValueError(f"{each!r} is not a string with something in it")
    return listed


def _action(text: str) -> Pattern:
    pattern = Pattern.parse(text, wildcards=True, variables=False)
    if not any(covers_action(pattern, action) for action in ACTIONS):
        raise ValueError(f"{text!r} matches no action{did_you_mean(text, ACTIONS)}")
    return pattern


def _resource(text: str) -> Pattern:
    pattern = Pattern.parse(text, wildcards=True, variables=True)
    if text == "*":
        return pattern
    # A variable may hold quotes and colons of its own; the shape is judged without them.
    found = _RESOURCE.fullmatch(re.sub(r"\$\{[^}]*\}", "*", text))
    if found is None and not (text.startswith("hrn:") and text.endswith("*")):
        raise ValueError(
            f"{text!r} can match no resource: hrn:<product>:<kind>/<name>[/<version>] or * is needed"
        )
    kind = found[1] if found else ""
    if kind and "*" not in kind and "?" not in kind:
        if kind not in RESOURCE_KINDS:
            kinds = ", ".join(RESOURCE_KINDS)
            raise ValueError(f"{text!r}: unknown resource kind {kind!r}; known are {kinds}")
        if found and not found[2]:
            raise ValueError(f"{text!r} can match no resource: {kind}/<name> or {kind}/* is needed")
    return pattern


def _principal(written: Mapping[str, Any], effect: str, where: str) -> PrincipalClause:
    key = _which(written, "Principal")
    with _at(f"{where}: {key}"):
        value = written[key]
        negated = key == "NotPrincipal"
        if negated and effect == "Allow":
            raise ValueError("NotPrincipal with Allow would grant everyone else; it is taken with Deny only")
        if value == EVERYONE:
            names: tuple[str, ...] = (EVERYONE,)
        elif isinstance(value, Mapping):
            _known(value, (NAMESPACE,))
            if NAMESPACE not in value:
                raise ValueError(f'{{"{NAMESPACE}": […]}} or "*" is needed')
            names = tuple(_principal_name(name) for name in _strings(value[NAMESPACE]))
        else:
            raise ValueError(f'{{"{NAMESPACE}": […]}} or "*" is needed, found {value!r}')
        if negated and EVERYONE in names:
            raise ValueError('NotPrincipal "*" leaves out everyone: the statement could never apply')
        return PrincipalClause(names, negated)


def _principal_name(name: str) -> str:
    if name != EVERYONE and not _PRINCIPAL.fullmatch(name):
        raise ValueError(
            f'{name!r} names no principal: user/<name>, group/<name>, service/<name> or "*" is needed'
        )
    return name


def _conditions(block: Any, where: str) -> tuple[Condition, ...]:
    if not isinstance(block, Mapping):
        raise ValueError("Condition is a JSON object: operator -> key -> value or values")
    found = []
    for written, keys in block.items():
        with _at(f"{where}: Condition.{written}"):
            if not isinstance(keys, Mapping) or not keys:
                raise ValueError("an operator holds an object with at least one condition key")
            if len({key.lower() for key in keys}) != len(keys):
                raise ValueError("one condition key stands twice, in different case")
            found += [Condition.parse(written, key, _values(key, value)) for key, value in keys.items()]
    return tuple(found)


def _values(key: str, value: Any) -> list[str]:
    """Condition values as text: JSON numbers and booleans may stand without quotes, as in IAM."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise ValueError(f"{key} has no values")
    texts = []
    for each in listed:
        if isinstance(each, bool):
            texts.append("true" if each else "false")
        elif isinstance(each, str | int | float):
            texts.append(str(each))
        else:
            raise ValueError(f"{key}: {each!r} is neither string, number nor boolean")
    return texts


def _check_sids(statements: tuple[Statement, ...], where: str) -> None:
    seen: dict[str, int] = {}
    for statement in statements:
        sid = statement.ref.sid
        if sid is not None and seen.setdefault(sid, statement.ref.index) != statement.ref.index:
            raise PolicyError(
                where, f"Sid {sid!r} names Statement[{seen[sid]}] and Statement[{statement.ref.index}]"
            )
