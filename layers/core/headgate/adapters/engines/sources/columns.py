"""Which of a file's columns the contract means, and what is missing, unexpected or there twice."""

from collections.abc import Sequence

from headgate.domain.contract import Column, Contract
from headgate.domain.dataset_input import columns_of
from headgate.domain.errors import DropRefused
from headgate.domain.manifest import SchemaColumn
from headgate.domain.masking import MASK
from headgate.domain.source_limits import SourceLimits

_LISTED = 10


def located(contract: Contract, found: Sequence[str]) -> dict[str, str]:
    """Contract column -> what the file calls it; absent where the file has none. A former name is taken as
    the readers of older files take it.
    """
    schema = [
        SchemaColumn(c.path or c.name, c.type, c.required, c.classification, c.former_names)
        for c in contract.columns
    ]
    places = columns_of(schema, found)
    return {c.name: places[c.path or c.name] for c in contract.columns if (c.path or c.name) in places}


def check_columns(
    contract: Contract, found: Sequence[str], places: dict[str, str], limits: SourceLimits
) -> None:
    """Raises DropRefused: ``too_many_columns``, ``missing_column``, ``unexpected_column``,
    ``duplicate_column``.
    """
    if len(found) > limits.max_columns:
        raise limits.exceeded("max_columns", "columns of the file", f"{len(found):,}")
    missing = [c.path or c.name for c in contract.columns if c.must_be_there and c.name not in places]
    if missing or not places:
        wanted = (
            f"required columns are missing: {listed(missing)}" if missing else "no column is the contract's"
        )
        raise DropRefused("missing_column", f"{wanted}; found {listed(found)}")
    used = set(places.values())
    unexpected = [name for name in found if name not in used]
    if unexpected and contract.undeclared == "refuse":
        raise DropRefused("unexpected_column", f"columns the contract does not declare: {listed(unexpected)}")
    twice = [name for name in sorted(used) if found.count(name) > 1]
    if twice:
        raise DropRefused("duplicate_column", f"a column stands twice in the file: {listed(twice)}")


def shown(column: Column, value: object) -> str | None:
    """A value of a refused row as people may see it."""
    if column.classification == "restricted":
        return MASK
    return None if value is None else str(value)


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(name if len(name) <= 80 else name[:79] + "…" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED:,} more"
