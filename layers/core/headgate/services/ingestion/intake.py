"""What every way of taking data in begins with: the contract that governs the dataset, where its versions go,
and what is known there.
"""

from collections.abc import Sequence

from headgate.domain.contract import Contract
from headgate.domain.dataset import SourceRef
from headgate.domain.errors import AccessDenied, DropRefused, NotFound
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.version import MAIN, CommitView
from headgate.ports import Clock, DatasetCatalog, RefCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.products import Products
from headgate.services.versions.branches import PENDING, open_branch
from headgate.services.versions.commit_version import Line

SERVICE = Principal("service/ingest")
ERASED = "these bytes hold rows that were erased: drop them again without those rows"


def governing_contract(products: Products, guard: Guard, product: str, dataset: str) -> Contract:
    """Raises DropRefused when there is no such product or dataset, or policy does not let ingest commit to
    it.
    """
    try:
        applied = products.get(product)
    except NotFound as missing:
        raise DropRefused("unknown_product", f"no product {product!r} was applied") from missing
    try:
        contract = applied.product.contract(dataset)
    except NotFound as missing:
        raise DropRefused("unknown_dataset", str(missing)) from missing
    try:
        guard.require(applied, SERVICE, "headgate:CommitVersion", hrn(product, "dataset", dataset))
    except AccessDenied as denied:
        raise DropRefused("access_denied", str(denied)) from denied
    return contract


def line_of(product: str, contract: Contract) -> Line:
    """Main, or the branch where versions wait for publication."""
    return Line(product, contract.name, PENDING if contract.publish == "manual" else MAIN)


def known_there(
    catalog: DatasetCatalog, refs: RefCatalog, line: Line, sources: Sequence[SourceRef], clock: Clock
) -> CommitView:
    """What a committer must know; a pending branch is opened when it is first needed."""
    try:
        return catalog.commit_view(line.product, line.dataset, line.branch, sources)
    except NotFound:
        open_branch(catalog, refs, line, SERVICE.id, iso(clock.now()))
        return catalog.commit_view(line.product, line.dataset, line.branch, sources)
