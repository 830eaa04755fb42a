"""Releases in the catalog table: ``RELEASES#<p>`` with HEAD and one item a move; ``PROPOSALS#<p>`` with one
item a proposal, and OPEN# for the one of a version that waits for an answer.
"""

from collections.abc import Sequence
from dataclasses import replace

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, Delete, Item, Put, Table, Write, number, text
from headgate.adapters.aws.model_catalog import alias_writes
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.model import AliasMove
from headgate.domain.release import Proposal, Release


class DynamoReleaseCatalog:
    """The ReleaseCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_release(self, release: Release, move: AliasMove, accepts: Proposal | None = None) -> None:
        """One transaction. The head holds number and time of the newest move, so that both can only grow."""
        writes: list[Write] = [*alias_writes(self._table, move), self._head(release)]
        item: Item = {"pk": _pk(release.product), "sk": _number(release.number)}
        writes.append(Put({**item, "document": documents.text_of_record(release)}, ABSENT))
        if accepts is not None:
            accepted = replace(
                accepts, state="accepted", closed_by=release.principal, closed_at=release.moved_at
            )
            writes += _closing(accepted)
        self._table.write(writes)

    def _head(self, release: Release) -> Put:
        item: Item = {
            "pk": _pk(release.product),
            "sk": "HEAD",
            "ordinal": release.number,
            "moved_at": release.moved_at,
        }
        if release.number == 1:
            return Put(item, ABSENT)
        values: Item = {":before": release.number - 1, ":now": release.moved_at}
        return Put(item, "#ordinal = :before AND #moved_at <= :now", values)

    def latest_release(self, product: str) -> Release | None:
        head = self._table.get(pk=_pk(product), sk="HEAD")
        return None if head is None else self.release(product, number(head, "ordinal"))

    def release(self, product: str, number: int) -> Release:
        item = self._table.get(pk=_pk(product), sk=_number(number))
        if item is None:
            raise NotFound(f"product {product} has no release {number}")
        return documents.release(text(item))

    def releases(self, product: str, limit: int = 100) -> Sequence[Release]:
        """Newest first."""
        items = self._table.query(_pk(product), "R#", newest_first=True, limit=limit)
        return [documents.release(text(item)) for item in items]

    def add_proposal(self, proposal: Proposal) -> None:
        document = documents.text_of_record(proposal)
        item: Item = {**_proposal_key(proposal), "state": proposal.state, "document": document}
        waiting: Item = {**_open_key(proposal.product, proposal.version), "proposal": proposal.id}
        try:
            self._table.write([Put(item, ABSENT), Put({**waiting, "document": document}, ABSENT)])
        except Conflict as error:
            message = f"version {proposal.version} of {proposal.model} is proposed already"
            raise Conflict(message) from error

    def withdraw_proposal(self, proposal: Proposal) -> None:
        self._table.write(_closing(proposal))

    def open_proposal(self, product: str, version: int) -> Proposal | None:
        key = _open_key(product, version)
        item = self._table.get(pk=key["pk"], sk=key["sk"])
        return None if item is None else documents.proposal(text(item))

    def proposals(self, product: str, limit: int = 100) -> Sequence[Proposal]:
        """Newest first."""
        items = self._table.query(f"PROPOSALS#{product}", "P#", newest_first=True, limit=limit)
        return [documents.proposal(text(item)) for item in items]


def _closing(closed: Proposal) -> list[Write]:
    item: Item = {
        **_proposal_key(closed),
        "state": closed.state,
        "document": documents.text_of_record(closed),
    }
    waiting = _open_key(closed.product, closed.version)
    return [
        Put(item, "#state = :open", {":open": "open"}),
        Delete(waiting, "#proposal = :id", {":id": closed.id}),
    ]


def _pk(product: str) -> str:
    return f"RELEASES#{product}"


def _number(number: int) -> str:
    return f"R#{number:010d}"


def _proposal_key(proposal: Proposal) -> dict[str, str]:
    return {"pk": f"PROPOSALS#{proposal.product}", "sk": f"P#{proposal.proposed_at}#{proposal.id}"}


def _open_key(product: str, version: int) -> dict[str, str]:
    return {"pk": f"PROPOSALS#{product}", "sk": f"OPEN#{version:010d}"}
