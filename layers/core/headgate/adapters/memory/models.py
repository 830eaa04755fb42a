"""Model versions, aliases, their history and monitoring reports in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.model import AliasMove, ModelVersion


class MemoryModels(CatalogPart):
    """The ModelCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._models: dict[str, list[str]] = {}
        self._digests: dict[tuple[str, str], int] = {}
        self._moves: dict[tuple[str, str], list[AliasMove]] = {}
        self._reports: dict[str, dict[tuple[str, str], str]] = {}

    def add_model(self, record: ModelVersion) -> None:
        with self._faults.effect("catalog.add_model"), self._lock:
            versions = self._models.get(record.model, [])
            if record.version != len(versions) + 1 or (record.model, record.digest) in self._digests:
                at = len(versions)
                raise Conflict(f"model {record.model} is at version {at}, or holds this artifact: look it up")
            self._models.setdefault(record.model, []).append(documents.text_of_record(record))
            self._digests[record.model, record.digest] = record.version

    def latest_version(self, model: str) -> int:
        with self._faults.read("catalog.latest_version"), self._lock:
            return len(self._models.get(model, ()))

    def model_with_digest(self, model: str, digest: str) -> ModelVersion | None:
        with self._faults.read("catalog.model_with_digest"), self._lock:
            version = self._digests.get((model, digest))
            return None if version is None else documents.model_version(self._models[model][version - 1])

    def model_version(self, model: str, version: int) -> ModelVersion:
        with self._faults.read("catalog.model_version"), self._lock:
            versions = self._models.get(model, [])
            if not 1 <= version <= len(versions):
                raise NotFound(f"model {model} has no version {version}")
            return documents.model_version(versions[version - 1])

    def model_versions(self, model: str, limit: int = 100) -> Sequence[ModelVersion]:
        """Newest first."""
        with self._faults.read("catalog.model_versions"), self._lock:
            return [documents.model_version(v) for v in self._models.get(model, [])[::-1][:limit]]

    def alias(self, model: str, alias: str) -> int | None:
        with self._faults.read("catalog.alias"), self._lock:
            moves = self._moves.get((model, alias))
            return moves[-1].to_version if moves else None

    def move_alias(self, move: AliasMove) -> None:
        with self._faults.effect("catalog.move_alias"), self._lock:
            self._require_at(move)
            self._put_move(move)

    def _require_at(self, move: AliasMove) -> None:
        moves = self._moves.get((move.model, move.alias), [])
        at = moves[-1].to_version if moves else None
        if at != move.from_version:
            raise Conflict(f"alias {move.model}@{move.alias} is at {at}, not at {move.from_version}, by now")

    def _put_move(self, move: AliasMove) -> None:
        self._moves.setdefault((move.model, move.alias), []).append(move)

    def alias_moves(self, model: str, alias: str) -> Sequence[AliasMove]:
        with self._faults.read("catalog.alias_moves"), self._lock:
            return tuple(self._moves.get((model, alias), ()))

    def add_report(self, model: str, report: Mapping[str, Any]) -> None:
        with self._faults.effect("catalog.add_report"), self._lock:
            self._reports.setdefault(model, {})[report["time"], report["id"]] = documents.text_of(report)

    def reports(self, model: str, limit: int = 50) -> Sequence[Mapping[str, Any]]:
        with self._faults.read("catalog.reports"), self._lock:
            found = sorted(self._reports.get(model, {}).items(), reverse=True)
        return [documents.document_of(text) for _, text in found[:limit]]
