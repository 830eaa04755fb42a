"""Open Inference Protocol v2 requests by entity row, and the scores in the answers.

Owns turning rows into one tensor a column. Which columns a model takes is the server's to say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.cli.failures import CommandFailed
from headgate.cli.output import short_digests

FEATURES, MISSING = "features.", ".missing"
REDECLARED = "features.redeclared"


def entity_request(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One tensor a column, in the order of the first row; a column that a row lacks is null there."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {
        "parameters": {"input": "entity"},
        "inputs": [_tensor(name, [row.get(name) for row in rows]) for name in columns],
    }


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": [len(values)], "datatype": _datatype(name, values), "data": values}


def _datatype(name: str, values: list[Any]) -> str:
    """The protocol's type that holds every value; nulls fit any."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return "BYTES"
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    if kinds <= {int, float}:
        return "FP64"
    raise CommandFailed(
        f"column {name!r} holds {', '.join(sorted(k.__name__ for k in kinds))}; one type is needed"
    )


def feature_notes(reply: Mapping[str, Any]) -> list[str]:
    """What the answer says of looked-up features: of which versions they are, and which rows have none."""
    told = dict(reply.get("parameters") or {})
    views = [n for n in told if n.startswith(FEATURES) and not n.endswith(MISSING) and n != REDECLARED]
    notes = []
    for name in views:
        versions = str(told[name]).replace(",", ", ") or "no row"
        missing = f"; rows without values: {told[name + MISSING]}" if told.get(name + MISSING) else ""
        notes.append(f"{name.removeprefix(FEATURES)} of {short_digests(versions)}{missing}")
    if told.get(REDECLARED):
        notes.append("features as the model learnt them; the product declares them otherwise by now")
    return notes


def scores(reply: Mapping[str, Any]) -> list[float]:
    """The scores, in the order of the rows asked. Raises CommandFailed when the answer has none."""
    for output in reply.get("outputs") or ():
        if output.get("name") == "score":
            return [float(v[0] if isinstance(v, list) else v) for v in output["data"]]
    raise CommandFailed("the answer holds no tensor called score")
