"""What changed between two bundles of a product in its datasets, and what of it must be declared."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.contract import Contract
from headgate.domain.contract_diff import ContractChange, diff, major
from headgate.domain.product import Product


@dataclass(frozen=True)
class DatasetChange:
    """One dataset that is not what it was. ``before`` and ``after`` are contract versions, None where the
    dataset is not there; ``declared`` says whether breaking changes are.
    """

    dataset: str
    before: str | None
    after: str | None
    changes: tuple[ContractChange, ...]
    declared: bool

    @property
    def refused(self) -> tuple[ContractChange, ...]:
        """The breaking changes that nobody declared."""
        return () if self.declared else tuple(c for c in self.changes if c.breaking)

    @property
    def remedy(self) -> str:
        """How to declare them."""
        if self.after is None:
            return f"say so with `retired: [{self.dataset}]` (headgateRetired in the descriptor)"
        return f"declare them with contract version {major(self.before or '0') + 1}.0.0 (it is {self.after})"

    def to_document(self) -> dict[str, Any]:
        return {**asdict(self), "refused": len(self.refused)}


def product_diff(old: Product | None, new: Product) -> tuple[DatasetChange, ...]:
    """Every dataset that changed, by name."""
    before, after = dict(old.datasets) if old else {}, new.datasets
    return tuple(_changes(before, dict(after), new.retired))


def _changes(
    before: dict[str, Contract], after: dict[str, Contract], retired: tuple[str, ...]
) -> Iterator[DatasetChange]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            added = ContractChange("dataset_added", None, False, f"dataset {name} is new")
            yield DatasetChange(name, None, new.version, (added,), True)
        elif old is not None and new is None:
            gone = ContractChange("dataset_removed", None, True, f"dataset {name} is gone")
            yield DatasetChange(name, old.version, None, (gone,), name in retired)
        elif old is not None and new is not None:
            changes = diff(old, new)
            if changes or old.version != new.version:
                declared = major(new.version) > major(old.version)
                yield DatasetChange(name, old.version, new.version, changes, declared)
