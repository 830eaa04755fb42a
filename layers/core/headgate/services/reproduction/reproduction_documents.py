"""What is kept of a reproduction in the models bucket, below ``<product>/reproductions/<id>/``: what its
first job found, and the verdict with all the evidence. Digests and names alone, no values of rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import NotFound
from headgate.domain.reproduction import Rebuilt, Reproduction
from headgate.ports import ObjectStore

VERDICT_FORMAT = "headgate.verdict/1"


@dataclass(frozen=True)
class ReproductionDocuments:
    """The documents of every reproduction."""

    models: ObjectStore

    def rebuilt(self, record: Reproduction) -> Rebuilt | None:
        try:
            return Rebuilt.from_document(json.loads(self.models.get(f"{record.prefix}/features.json")))
        except NotFound:
            return None

    def keep_rebuilt(self, record: Reproduction, found: Rebuilt) -> None:
        self._put(f"{record.prefix}/features.json", found.to_document())

    def keep_verdict(self, record: Reproduction, evidence: Mapping[str, Any]) -> None:
        """``record`` is judged; ``evidence`` has what was recorded and what was found."""
        names = ("product", "id", "model", "version", "against", "finished_at", "verdict")
        told = {name: getattr(record, name) for name in names}
        self._put(f"{record.prefix}/verdict.json", {"format": VERDICT_FORMAT, **told, **evidence})

    def _put(self, key: str, document: Mapping[str, Any]) -> None:
        self.models.put(key, canonical_json(document), "application/json")
