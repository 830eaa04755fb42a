"""What a run leaves behind under ``out/``. The manifest is written last: without it, nothing was said."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headgate_trainer.data import Floats, Table
from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.storage import Storage

MANIFEST = "manifest.json"
MANIFEST_FORMAT = "headgate.model/1"


@dataclass
class Outputs:
    """Writes files to ``base`` and remembers their digests."""

    storage: Storage
    base: str
    scratch: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        path = self.scratch / name
        path.write_bytes(content)
        self.storage.write(f"{self.base}/{name}", path)
        self.files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    def finish(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Writes the manifest over everything that was put, and returns it. To be called last, once."""
        document = {"format": MANIFEST_FORMAT, **manifest, "files": dict(sorted(self.files.items()))}
        path = self.scratch / MANIFEST
        path.write_bytes(json_bytes(document))
        self.storage.write(f"{self.base}/{MANIFEST}", path)
        return document


def run_folder(spec_uri: str) -> str:
    """``…/runs/<digest>``, where the spec lies. Raises BadSpec when the URI is no run spec's."""
    folder, _, name = spec_uri.rpartition("/")
    if name != "spec.json" or not folder:
        raise BadSpec(f"{spec_uri!r} is no run spec: …/runs/<digest>/spec.json is needed")
    return folder


def json_bytes(document: Any) -> bytes:
    """Readable JSON with sorted keys; a number that is none is a bug and raises ValueError."""
    return (
        json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()


def holdout_scores(spec: RunSpec, holdout: Table, scores: Floats) -> bytes:
    """Entity columns, event time, label and the source model's score of every held-out row, as Parquet."""
    table = holdout.identity.append_column(spec.label, pa.array(holdout.labels)).append_column(
        "score", pa.array(scores)
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
