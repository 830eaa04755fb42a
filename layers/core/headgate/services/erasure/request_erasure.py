"""Asks for an erasure, or for what one would find, and tells what became of it. The work is a message's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headgate.domain.erasure import ErasureRecord, ErasureRequest, Subject
from headgate.domain.errors import InvalidRequest
from headgate.domain.identity import Principal
from headgate.ports import ErasureCatalog, MessageQueue
from headgate.services.erasure.erase_subject import ERASE, FIND
from headgate.services.versions.datasets import Datasets


@dataclass(frozen=True)
class RequestErasure:
    """The use case. ``queue`` is the one of the function that may delete."""

    datasets: Datasets
    records: ErasureCatalog
    queue: MessageQueue
    new_id: Callable[[], str]

    def request(
        self,
        principal: Principal,
        product: str,
        dataset: str,
        subject: Subject,
        reason: str,
        dry_run: bool,
    ) -> ErasureRecord:
        """Raises InvalidRequest without a reason or for columns the dataset does not have, AccessDenied."""
        contract = self.datasets.allow(principal, FIND if dry_run else ERASE, product, dataset)
        if not dry_run and not reason.strip():
            raise InvalidRequest("a reason is needed: it stays with the record")
        known = {c.name for c in contract.columns}
        if unknown := [c for c in subject.columns if c not in known]:
            raise InvalidRequest(
                f"{dataset} has no column {', '.join(unknown)}; it has {', '.join(sorted(known))}"
            )
        name, salt = self.new_id(), self.new_id()
        record = ErasureRecord(
            id=name,
            product=product,
            dataset=dataset,
            columns=subject.columns,
            subjects=len(subject.values),
            salt=salt,
            subject_digest=subject.digest(salt),
            reason=reason.strip(),
            requested_by=principal.id,
            requested_at=self.datasets.now(),
            dry_run=dry_run,
        )
        self.records.put_erasure(record)
        message = ErasureRequest(name, product, dataset, subject, reason.strip(), principal, dry_run)
        self.queue.send(message.to_message())
        return record

    def erasure(self, principal: Principal, product: str, name: str) -> ErasureRecord:
        """What became of it. Raises NotFound, AccessDenied."""
        self._readable(principal, product)
        return self.records.erasure(product, name)

    def erasures(self, principal: Principal, product: str, limit: int) -> Sequence[ErasureRecord]:
        """Newest first."""
        self._readable(principal, product)
        return self.records.erasures(product, limit)

    def erased_in(self, product: str) -> Mapping[str, list[str]]:
        """The erasures by model (as lineage nodes) that was trained on rows erased since."""
        found: dict[str, list[str]] = {}
        for record in self.records.erasures(product):
            for model in record.findings.models if record.state == "erased" else ():
                found.setdefault(model, []).append(record.id)
        return found

    def _readable(self, principal: Principal, product: str) -> None:
        applied = self.datasets.products.get(product)
        self.datasets.guard.require_reading(applied, principal)
