"""Records as JSON text and back: every catalog keeps a record whole, as canonical JSON: floats stay exact.

Owns the mapping only; where the text is kept is each adapter's matter. NaN and infinities are refused with
``ValueError``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from headgate.domain.audit import AuditEntry
from headgate.domain.canonical import canonical_json
from headgate.domain.cost import CostLine
from headgate.domain.dataset import QuarantineRecord
from headgate.domain.erasure import ErasureRecord
from headgate.domain.errors import InvalidRequest
from headgate.domain.events import SOURCE, DomainEvent
from headgate.domain.experiment import Experiment
from headgate.domain.feature_job import StageJob
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.garbage import CollectionRecord
from headgate.domain.lineage import Edge
from headgate.domain.model import AliasMove, ModelVersion
from headgate.domain.product import GateEvidence, ProductRecord
from headgate.domain.release import Proposal, Release
from headgate.domain.reproduction import Reproduction
from headgate.domain.run import RunRecord
from headgate.domain.trigger_state import TriggerState
from headgate.domain.version import VersionRecord
from headgate.ports import EarlierValue, OnlineRow

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


MOST_EVENT_BYTES = 262_144


def text_of(document: Mapping[str, Any]) -> str:
    """Canonical JSON text of a plain document."""
    return canonical_json(dict(document)).decode("utf-8")


def text_of_record(record: "DataclassInstance") -> str:
    """Canonical JSON text of a record."""
    return text_of(asdict(record))


def document_of(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def version_record(text: str) -> VersionRecord:
    return VersionRecord.from_document(document_of(text))


def quarantine_record(text: str) -> QuarantineRecord:
    fields = document_of(text)
    fields["sample"] = tuple(fields["sample"])
    return QuarantineRecord(**fields)


def erasure_record(text: str) -> ErasureRecord:
    return ErasureRecord.from_document(document_of(text))


def collection_record(text: str) -> CollectionRecord:
    return CollectionRecord.from_document(document_of(text))


def feature_record(text: str) -> FeatureVersionRecord:
    return FeatureVersionRecord(**document_of(text))


def stage_job(text: str) -> StageJob:
    return StageJob(**document_of(text))


def product_record(text: str) -> ProductRecord:
    return ProductRecord(**document_of(text))


def gate_evidence(text: str) -> GateEvidence:
    return GateEvidence.from_document(document_of(text))


def run_record(text: str) -> RunRecord:
    return RunRecord(**document_of(text))


def reproduction(text: str) -> Reproduction:
    return Reproduction.from_document(document_of(text))


def experiment(text: str) -> Experiment:
    return Experiment.from_document(document_of(text))


def trigger_state(text: str) -> TriggerState:
    return TriggerState.from_document(document_of(text))


def model_version(text: str) -> ModelVersion:
    return ModelVersion.from_document(document_of(text))


def alias_move(text: str) -> AliasMove:
    return AliasMove(**document_of(text))


def release(text: str) -> Release:
    return Release.from_document(document_of(text))


def proposal(text: str) -> Proposal:
    return Proposal.from_document(document_of(text))


def cost_line(text: str) -> CostLine:
    return CostLine(**document_of(text))


def edge(text: str) -> Edge:
    return Edge(**document_of(text))


def decision(entry: AuditEntry) -> dict[str, Any]:
    """One decision as readers get it: content and place in the chain (see `AuditEntry.from_json`)."""
    return {**entry.content, **entry.to_json()}


def event_detail(event: DomainEvent) -> str:
    """The message body of an event. Raises InvalidRequest when no bus would take it."""
    body = text_of(event.to_detail())
    size = len(body.encode("utf-8")) + len(SOURCE) + len(event.type)
    if size > MOST_EVENT_BYTES:
        raise InvalidRequest(
            f"event {event.type} {event.id} has {size} bytes, a bus takes {MOST_EVENT_BYTES}"
        )
    return body


def newest_rows(rows: Iterable[OnlineRow]) -> dict[tuple[str, str, str], OnlineRow]:
    """The newest row by product, space and key; of equally old ones the last. Values went through JSON."""
    newest: dict[tuple[str, str, str], OnlineRow] = {}
    for row in rows:
        name = (row.product, row.space, row.key)
        if name not in newest or row.event_time >= newest[name].event_time:
            newest[name] = row
    return {name: _through_json(row) for name, row in newest.items()}


def earlier_text(row: OnlineRow) -> str:
    return canonical_json([asdict(each) for each in row.earlier]).decode("utf-8")


def earlier_values(text: str) -> tuple[EarlierValue, ...]:
    return tuple(EarlierValue(**each) for each in json.loads(text))


def _through_json(row: OnlineRow) -> OnlineRow:
    values, earlier = document_of(text_of(row.values)), earlier_values(earlier_text(row))
    return replace(row, values=values, earlier=earlier)
