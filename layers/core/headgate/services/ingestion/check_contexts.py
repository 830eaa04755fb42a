"""What the checks of a drop are given beside it, and that its version stands on what was checked."""

from dataclasses import dataclass

from headgate.domain.check_context import CheckContext, SeenDataset
from headgate.domain.contract import Contract
from headgate.domain.dataset_input import DatasetInput
from headgate.domain.errors import Conflict
from headgate.domain.file_table import ReadSegment
from headgate.domain.manifest import Manifest
from headgate.domain.version import CommitView, VersionRecord
from headgate.ports import Clock, DatasetCatalog, ObjectStore
from headgate.services.products import Products
from headgate.services.versions.commit_version import Line, Proposal, Propose, schema_of
from headgate.services.versions.dataset_inputs import dataset_input


@dataclass(frozen=True)
class CheckContexts:
    """The use case. Other datasets are seen at the head of main, the drop's own at where it is put."""

    products: Products
    catalog: DatasetCatalog
    lake: ObjectStore
    clock: Clock

    def of(self, line: Line, contract: Contract, view: CommitView) -> CheckContext | None:
        """None where the contract looks at nothing but the drop. Raises NotFound when a dataset that it names
        is none of the product.
        """
        if not contract.datasets_read and not contract.freshness:
            return None
        seen = {name: self._seen(line, contract, view, name) for name in contract.datasets_read}
        return CheckContext(self.clock.now(), seen)

    def _seen(self, line: Line, contract: Contract, view: CommitView, name: str) -> SeenDataset:
        record: VersionRecord | None
        if name == contract.name:
            schema, record = schema_of(contract), view.head.record if view.head else None
        else:
            theirs = self.products.get(line.product).product.contract(name)
            schema, record = schema_of(theirs), self.catalog.dataset_head(line.product, name)
        if record is None:
            return SeenDataset(None, DatasetInput(schema, ()))
        # Seen as the contracts of today name it: a check knows no former names.
        return SeenDataset(record.ordinal, DatasetInput(schema, dataset_input(self.lake, record).files))


def on_checked_head(contract: Contract, checked: CommitView, propose: Propose) -> Propose:
    """``propose``, for the head that keys were compared with alone: where they must be unique in the whole
    history, a head that moved since may hold them. Then it raises Conflict, and the drop is checked again.
    """
    if not contract.unique_across_versions:
        return propose
    head = checked.head.record.digest if checked.head else None

    def guarded(view: CommitView, parent: Manifest | None, read: ReadSegment) -> Proposal:
        if (view.head.record.digest if view.head else None) != head:
            raise Conflict(f"{contract.name} has moved since keys were compared with it: check again")
        return propose(view, parent, read)

    return guarded
