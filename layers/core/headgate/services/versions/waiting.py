"""What waits on a branch: the versions that would come with its next merge."""

from headgate.domain.version import VersionRecord
from headgate.ports import DatasetCatalog
from headgate.services.versions.ancestry import ancestry


def waiting(
    catalog: DatasetCatalog, head: VersionRecord, main: VersionRecord | None, start: str | None = None
) -> tuple[VersionRecord, ...]:
    """The versions from ``head`` (or from the digest ``start``, which is behind it) back to what ``main``
    has, newest first. A rollback on the branch ends the line: what was behind it does not wait any more.
    """
    ahead = {record.digest: record for record in ancestry(catalog, head, main).ahead}
    found = []
    at = start or head.digest
    while (record := ahead.get(at)) is not None and record.operation != "rollback":
        found.append(record)
        at = record.parent or ""
    return tuple(found)
