"""Releases and proposals in memory, beside the models whose alias a release moves."""

from collections.abc import Sequence
from dataclasses import replace

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.models import MemoryModels
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.model import AliasMove
from headgate.domain.release import Proposal, Release


class MemoryReleases(MemoryModels):
    """The ReleaseCatalog port, and ModelCatalog: one transaction moves what both keep."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._releases: dict[str, list[str]] = {}
        self._proposals: dict[str, list[Proposal]] = {}

    def add_release(self, release: Release, move: AliasMove, accepts: Proposal | None = None) -> None:
        with self._faults.effect("catalog.add_release"), self._lock:
            made = self._releases.get(release.product, [])
            before = documents.release(made[-1]) if made else None
            if release.number != len(made) + 1:
                raise Conflict(f"{release.product} is at release {len(made)} by now, look again")
            if before is not None and release.moved_at < before.moved_at:
                raise Conflict(f"release {release.number} would be dated before {before.number}")
            self._require_at(move)
            if accepts is not None:
                self._close(replace(accepts, state="accepted", closed_by=release.principal), release.moved_at)
            self._put_move(move)
            self._releases.setdefault(release.product, []).append(documents.text_of_record(release))

    def latest_release(self, product: str) -> Release | None:
        with self._faults.read("catalog.latest_release"), self._lock:
            made = self._releases.get(product)
            return documents.release(made[-1]) if made else None

    def release(self, product: str, number: int) -> Release:
        with self._faults.read("catalog.release"), self._lock:
            made = self._releases.get(product, [])
            if not 1 <= number <= len(made):
                raise NotFound(f"product {product} has no release {number}")
            return documents.release(made[number - 1])

    def releases(self, product: str, limit: int = 100) -> Sequence[Release]:
        """Newest first."""
        with self._faults.read("catalog.releases"), self._lock:
            return [documents.release(text) for text in self._releases.get(product, [])[::-1][:limit]]

    def add_proposal(self, proposal: Proposal) -> None:
        with self._faults.effect("catalog.add_proposal"), self._lock:
            if self._open(proposal.product, proposal.version) is not None:
                raise Conflict(f"version {proposal.version} of {proposal.model} is proposed already")
            self._proposals.setdefault(proposal.product, []).append(proposal)

    def withdraw_proposal(self, proposal: Proposal) -> None:
        with self._faults.effect("catalog.withdraw_proposal"), self._lock:
            self._close(proposal, proposal.closed_at)

    def open_proposal(self, product: str, version: int) -> Proposal | None:
        with self._faults.read("catalog.open_proposal"), self._lock:
            return self._open(product, version)

    def proposals(self, product: str, limit: int = 100) -> Sequence[Proposal]:
        """Newest first."""
        with self._faults.read("catalog.proposals"), self._lock:
            found = sorted(self._proposals.get(product, ()), key=lambda p: (p.proposed_at, p.id))
            return found[::-1][:limit]

    def _open(self, product: str, version: int) -> Proposal | None:
        found = self._proposals.get(product, ())
        return next((p for p in found if p.version == version and p.state == "open"), None)

    def _close(self, closed: Proposal, at: str | None) -> None:
        known = self._open(closed.product, closed.version)
        if known is None or known.id != closed.id:
            raise Conflict(f"the proposal of version {closed.version} is open no more, look again")
        kept = self._proposals[closed.product]
        kept[kept.index(known)] = replace(closed, closed_at=at)
