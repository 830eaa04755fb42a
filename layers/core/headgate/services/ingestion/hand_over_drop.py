"""Drops that are too large for one function are handed to a Batch job, which runs the same ingest over them.

Handing over twice is harmless: the job finds the object version, or its bytes, in a version and adds nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import Drop, QuarantineRecord, SourceRef, split_key
from headgate.domain.errors import DropRefused, InvalidRequest
from headgate.domain.version import MAIN
from headgate.ports import BatchCompute, DatasetCatalog
from headgate.services.ingestion.quarantine import Quarantine
from headgate.services.versions.commit_version import CommitVersion

INGEST = "ingest"
"""The compute class of the job."""
PARAMETER = "drop"
PACKED = re.compile(r"\.(gz|gzip|zst|zstd)$", re.IGNORECASE)
PACKED_WEIGHT = 4
"""A compressed byte is counted as so many: CSV was measured to shrink 3 to 6 times, and it is the unpacked
bytes that cost time and disk.
"""
SLOWEST_BYTES_PER_SECOND = 5 << 20
"""A tenth of what one vCPU was measured to take in, checks and upload included."""
LEAST_SECONDS = 900


@dataclass(frozen=True)
class HandOverDrop:
    """The use case. ``largest_bytes`` is what a function takes itself, in bytes that are not compressed."""

    compute: BatchCompute
    catalog: DatasetCatalog
    versions: CommitVersion
    refusals: Quarantine
    largest_bytes: int

    def takes(self, drop: Drop) -> bool:
        return weight(drop) > self.largest_bytes

    def hand_over(self, drop: Drop) -> str | None:
        """The id of the job, or None when this object version is in a version already.

        Raises ConfigurationError where no such job is deployed, and Retryable errors.
        """
        if self._told_again(drop):
            return None
        return self.compute.submit(
            name=f"ingest-{drop.identity[:24]}",
            compute_class=INGEST,
            parameters={PARAMETER: canonical_json(asdict(drop)).decode("utf-8")},
            timeout_seconds=LEAST_SECONDS + weight(drop) // SLOWEST_BYTES_PER_SECOND,
        )

    def job_failed(self, drop: Drop, reason: str) -> QuarantineRecord | None:
        """Quarantines a drop whose job was given up; None when the job had taken it in before it failed."""
        if self._told_again(drop):
            return None
        product, dataset = split_key(drop.key) or ("", "")
        refusal = DropRefused("job_failed", f"the job that took the drop in failed: {reason}")
        return self.refusals.refuse(product, dataset, drop, refusal)

    def _told_again(self, drop: Drop) -> bool:
        """Whether the object version is in a version; that version is published again then."""
        product, dataset = split_key(drop.key) or ("", "")
        source = SourceRef(drop.bucket, drop.key, drop.version_id, "", drop.size)
        view = self.catalog.commit_view(product, dataset, MAIN, [source])
        ordinal = view.objects.get(source.identity)
        if ordinal is None:
            return False
        self.versions.publish(self.catalog.dataset_version(product, dataset, ordinal))
        self.refusals.taken_in(product, dataset, [drop], view.refused, ordinal)
        return True


def weight(drop: Drop) -> int:
    """Bytes to be worked through, as far as the key and the size tell."""
    return drop.size * (PACKED_WEIGHT if PACKED.search(drop.key) else 1)


def handed_drop(parameter: str) -> Drop:
    """The drop in a job's parameter. Raises InvalidRequest."""
    try:
        return Drop(**json.loads(parameter))
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the job's parameter is no drop: {error}") from error


def failed_drop(detail: Mapping[str, object]) -> tuple[Drop, str]:
    """The drop of an ingest job that ended, and the reason AWS Batch gives. Raises InvalidRequest for another
    job.
    """
    parameters, container = detail.get("parameters"), detail.get("container")
    parameter = parameters.get(PARAMETER) if isinstance(parameters, Mapping) else None
    if not isinstance(parameter, str):
        raise InvalidRequest(f"job {detail.get('jobId')} has no parameter {PARAMETER}: it is no ingest job")
    code = container.get("exitCode") if isinstance(container, Mapping) else None
    ended = f"exit code {code}" if code is not None else "no exit code"
    reason = f"{detail.get('statusReason') or 'the job failed'} ({ended}, job {detail.get('jobId')})"
    return handed_drop(parameter), reason
