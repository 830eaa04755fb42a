"""Canonical JSON and the digests made from it: the one way the platform names immutable things."""

import hashlib
import json
from typing import Any


def canonical_json(document: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no blanks. NaN and infinities are refused with ``ValueError``."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest(document: Any) -> str:
    """sha256 (64 lower-case hex digits) over the canonical JSON of ``document``."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def short(name: str) -> str:
    """The part of a digest that people are shown: 12 hex digits."""
    return name[:12]
