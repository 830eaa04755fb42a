"""What is written about a registered version: card, bill of materials, and the signature over both and the
artifact. All of it lies beside the version in the models bucket, and all but the signature is made again,
byte for byte, by whoever registers the same run again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.model import ModelVersion, document_key
from headgate.domain.model_bom import bom_document
from headgate.domain.model_card import RunEvidence, card_document, card_markdown
from headgate.domain.signature import STATEMENT_FORMAT, signed_document
from headgate.ports import ObjectStore, Signer

CARD, CARD_TEXT, BOM, SIGNATURE = "card.json", "card.md", "bom.json", "signature.json"
JSON, MARKDOWN, BOM_JSON = "application/json", "text/markdown", "application/vnd.cyclonedx+json"


@dataclass(frozen=True)
class ModelDocuments:
    """Writes and reads them. Raises NotFound for what was never written."""

    artifacts: ObjectStore
    signer: Signer

    def write(self, version: ModelVersion, run: RunEvidence) -> None:
        """The signature last: a version that has one has everything that it signs."""
        card = card_document(version, run)
        bodies = {
            CARD: (canonical_json(card), JSON),
            CARD_TEXT: (card_markdown(card, version.gates).encode(), MARKDOWN),
            BOM: (canonical_json(bom_document(version, run)), BOM_JSON),
        }
        for name, (body, kind) in bodies.items():
            self.artifacts.put(self._key(version, name), body, kind)
        digests = {name: sha256(body).hexdigest() for name, (body, _) in bodies.items()}
        statement = canonical_json(statement_of(version, digests))
        digest = sha256(statement)
        signed = signed_document(json.loads(statement), digest.hexdigest(), self.signer.sign(digest.digest()))
        self.artifacts.put(self._key(version, SIGNATURE), canonical_json(signed), JSON)

    def body(self, version: ModelVersion, name: str) -> bytes:
        return self.artifacts.get(self._key(version, name))

    def _key(self, version: ModelVersion, name: str) -> str:
        return document_key(version.product, version.model, version.version, name)


def statement_of(version: ModelVersion, files: Mapping[str, str]) -> dict[str, Any]:
    """What a signature vouches for: this version, of this artifact and closure, with these documents."""
    return {
        "format": STATEMENT_FORMAT,
        "product": version.product,
        "model": version.model,
        "version": version.version,
        "digest": version.digest,
        "artifact": {"key": version.artifact_key, "sha256": version.artifact_sha256},
        "metrics_sha256": sha256(canonical_json(dict(version.metrics))).hexdigest(),
        "files": dict(sorted(files.items())),
        "closure": None if version.closure is None else asdict(version.closure),
    }
