"""The end of a reproduction: a verdict, or why there is none.

Order of side effects: the document with the evidence, the record, the event. Whoever finds the record
concluded tells of it again: the one who concluded it may have died before.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.events import DomainEvent
from headgate.domain.reproduction import Rebuilt, Reproduction
from headgate.domain.reproduction_verdict import Evidence, Verdict, impossible, not_rebuilt
from headgate.ports import Clock, EventBus, ReproductionCatalog
from headgate.services.clock import iso
from headgate.services.reproduction.reproduction_documents import ReproductionDocuments


@dataclass(frozen=True)
class ConcludeReproduction:
    """The use case's part that writes."""

    reproductions: ReproductionCatalog
    documents: ReproductionDocuments
    bus: EventBus
    clock: Clock

    def judged(
        self, asked: Reproduction, found: Verdict, recorded: Evidence, fresh: Evidence
    ) -> Reproduction:
        """Raises Conflict when someone else went on with it meanwhile."""
        return self._judged(asked, found, {"recorded": asdict(recorded), "found": asdict(fresh)})

    def without_a_run(self, asked: Reproduction, rebuilt: Rebuilt) -> Reproduction:
        """Nothing can be trained: what was recorded is gone, or no features came of it."""
        evidence = {"recorded": dict(rebuilt.recorded), "found": dict(rebuilt.found)}
        if rebuilt.gone:
            return self._judged(asked, impossible(rebuilt.gone), evidence)
        sides = Evidence(**rebuilt.recorded), Evidence(**rebuilt.found)
        return self._judged(asked, not_rebuilt(*sides, rebuilt.problem), evidence)

    def failed(self, asked: Reproduction, problem: str) -> Reproduction:
        """The platform could not do it: that says nothing about the model."""
        record = asked.failed(problem, iso(self.clock.now()))
        self.reproductions.advance_reproduction(record, asked)
        return record

    def told_again(self, record: Reproduction) -> Reproduction:
        if record.state == "judged":
            self.bus.publish([_fact(record)])
        return record

    def _judged(self, asked: Reproduction, found: Verdict, evidence: Mapping[str, Any]) -> Reproduction:
        record = asked.judged(found, iso(self.clock.now()))
        self.documents.keep_verdict(record, evidence)
        self.reproductions.advance_reproduction(record, asked)
        return self.told_again(record)


def _fact(record: Reproduction) -> DomainEvent:
    """A repeat is the very same event."""
    detail = {
        "model": record.model,
        "version": record.version,
        "run": record.run,
        "against": record.against,
        "state": record.verdict["state"],
        "reasons": record.verdict["reasons"],
        "note": record.verdict["note"],
        "requested_by": record.requested_by,
    }
    return DomainEvent(events.MODEL_REPRODUCED, record.product, record.id, record.finished_at, detail)
