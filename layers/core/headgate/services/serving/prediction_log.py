"""The prediction log's messages: what one prediction rested on, in parts that a queue takes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import InvalidRequest

LOG_ROWS = 100
"""Rows in one message of the prediction log."""
LOG_BYTES = 200_000
"""Of rows in one message: a queue takes 256 KiB, and what the rows share comes on top."""


def log_rows(
    sent: Mapping[str, Sequence[Any]] | None,
    features: Mapping[str, Sequence[Any]],
    scores: Sequence[float],
) -> list[dict[str, Any]]:
    """Each row with what was sent (None where features were), its features and its score."""
    return [
        {
            "row": position,
            "input": None if sent is None else {c: v[position] for c, v in sent.items()},
            "features": {c: v[position] for c, v in features.items()},
            "score": score,
        }
        for position, score in enumerate(scores)
    ]


def messages(
    shared: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], decision: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The log in order; the first message carries the ``decision`` that allowed the call, all of them how
    many rows there are. Raises InvalidRequest when one row is too large to be logged.
    """
    parts = [
        {**shared, "count": len(rows), "part": part, "rows": list(taken)}
        for part, taken in enumerate(_parts(rows))
    ]
    parts[0]["decision"] = dict(decision)
    return parts


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    taken: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        more = len(canonical_json(dict(row)))
        if more > LOG_BYTES:
            raise InvalidRequest(f"row {row['row']} has {more} bytes; at most {LOG_BYTES} are taken")
        if taken and (len(taken) == LOG_ROWS or size + more > LOG_BYTES):
            yield taken
            taken, size = [], 0
        taken.append(row)
        size += more
    yield taken
