"""What a trainer says of its run: the manifest it writes last. Owns refusing one that is malformed.

It is a claim: digests are compared with the files, and metrics are measured again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.errors import Corrupted
from headgate.domain.shape import anything, enforce, items, mapping, one_of, parse_json, record, text, whole

MODEL_FORMAT = "headgate.model/1"
WHERE = "the trainer's manifest"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _sha256(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        yield f"{at}: 64 lower-case hex digits are needed"


_TENSOR = record({"name": text, "datatype": text}, {"shape": items(whole(-1))})
_NEEDED = {
    "format": one_of(MODEL_FORMAT),
    "run": text,
    "files": mapping(record({"sha256": _sha256}, {"bytes": whole(0)})),
    "signature": record({"inputs": items(_TENSOR, least=1), "outputs": items(_TENSOR, least=1)}),
}
_MORE = {"metrics": mapping(anything), "environment": mapping(anything)}
_CHECK = record(_NEEDED, _MORE)


@dataclass(frozen=True)
class TrainerManifest:
    """``files`` maps file name to sha256."""

    files: Mapping[str, str]
    signature: Mapping[str, Any]
    metrics: Mapping[str, Any]
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(tensor["name"] for tensor in self.signature["inputs"])

    def sha256(self, name: str) -> str:
        """Raises Corrupted when the run left no such file."""
        found = self.files.get(name)
        if found is None:
            raise Corrupted(f"{WHERE} names no file {name}")
        return found


def read_trainer_manifest(body: bytes, run: str) -> TrainerManifest:
    """Raises InvalidRequest when it is malformed, Corrupted when it is of another run."""
    document = parse_json(body, WHERE)
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name in {*_NEEDED, *_MORE}}
    enforce(_CHECK, document, WHERE)
    if document["run"] != run:
        raise Corrupted(f"{WHERE} is of run {document['run'][:12]}")
    return TrainerManifest(
        files={name: entry["sha256"] for name, entry in document["files"].items()},
        signature=document["signature"],
        metrics=document.get("metrics", {}),
        environment=document.get("environment", {}),
    )
