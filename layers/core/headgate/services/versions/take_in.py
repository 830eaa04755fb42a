"""What a batch of accepted drops asks of the next version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile, Drop, SourceRef
from headgate.domain.file_table import FileTable, ReadSegment, table_of
from headgate.domain.manifest import Manifest
from headgate.domain.version import CommitView, with_ordinal
from headgate.services.versions.commit_version import Proposal, Propose, schema_of


@dataclass(frozen=True)
class Accepted:
    """Drops of equal bytes that became a data file in the lake; ``seconds`` is what taking them in took.
    ``copies`` are the objects beside ``source`` that brought the same bytes.
    """

    drops: tuple[Drop, ...]
    source: SourceRef
    file: DataFile
    checks: tuple[dict[str, Any], ...]
    seconds: float
    copies: tuple[SourceRef, ...] = ()

    @property
    def sources(self) -> tuple[SourceRef, ...]:
        return (self.source, *self.copies)


def take_in(contract: Contract, accepted: Sequence[Accepted]) -> Propose:
    """The accepted files appended to the head, or in its place where the contract says overwrite."""
    files = [a.file for a in accepted]
    checks = merged_checks(accepted)

    def propose(view: CommitView, parent: Manifest | None, read: ReadSegment) -> Proposal:
        before = view.head.record.visible if view.head else ()
        if contract.operation == "append":
            table = parent.table if parent else FileTable()
            change, visible = table.append(files, read), with_ordinal(before, view.next_ordinal)
        else:
            change, visible = table_of(files), ((view.next_ordinal, view.next_ordinal),)
        return Proposal(
            operation=contract.operation,
            change=change,
            schema=schema_of(contract),
            contract_version=contract.version,
            visible=visible,
            added_rows=sum(f.rows for f in files),
            checks=checks,
        )

    return propose


def merged_checks(accepted: Sequence[Accepted]) -> tuple[dict[str, Any], ...]:
    """One result a check over all files of the commit."""
    return combined_checks(c for a in accepted for c in a.checks)


def combined_checks(checks: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """One result a check, sorted by name: passed where all passed, failing rows added up."""
    merged: dict[str, dict[str, Any]] = {}
    for check in checks:
        known: Mapping[str, Any] = merged.get(check["name"], {"passed": True, "rows": 0})
        merged[check["name"]] = {
            **known,
            **check,
            "passed": check["passed"] and known["passed"],
            "rows": check["rows"] + known["rows"],
        }
    return tuple(merged[name] for name in sorted(merged))
