"""What became of a batch of drops."""

from dataclasses import dataclass, field

from headgate.domain.dataset import QuarantineRecord
from headgate.domain.version import VersionRecord


@dataclass
class IngestReport:
    """What became of a batch: versions, messages whose bytes were known, refused drops, and by id the
    messages to deliver again and the Batch jobs of those too large for here.
    """

    committed: list[VersionRecord] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    quarantined: list[QuarantineRecord] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)
    handed_over: dict[str, str] = field(default_factory=dict)
