"""Which feature versions stay and why, and what of a set's objects they need.

Plans only; it reads and deletes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord
from headgate.domain.garbage import Retention


def kept_features(
    records: Sequence[FeatureVersionRecord],
    used: Mapping[str, str],
    retention: Retention,
    young_since: str,
) -> dict[int, str]:
    """Why each version stays that does; the others may go. ``records`` come newest first; ``used`` says by
    digest what a version is needed for. A version counts as young for as long as the one after it is (made at
    or after ``young_since``, ISO-8601 UTC): until then it was the newest, and may be in use.
    """
    kept: dict[int, str] = {}
    replaced_at = ""
    for place, record in enumerate(records):
        if place == 0:
            kept[record.ordinal] = "the newest"
        elif record.digest in used:
            kept[record.ordinal] = used[record.digest]
        elif place < retention.keep_last:
            kept[record.ordinal] = f"one of the newest {retention.keep_last}"
        elif replaced_at >= young_since:
            kept[record.ordinal] = f"the newest until {replaced_at[:10]}"
        replaced_at = record.created_at
    return kept


@dataclass
class FeatureReach:
    """What versions need of their set's folder: ``digests`` name their manifests, ``keys`` partitions and
    statistics, ``ids`` the steps that made the partitions.
    """

    digests: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def add(self, manifest: FeatureManifest, prefix: str, digest: str) -> None:
        """``prefix`` is that of the set, without a slash at its end; ``digest`` names the version, whatever
        stands for it since an erasure.
        """
        self.digests.add(digest)
        self.keys.add(f"{prefix}/statistics/{manifest.statistics}.json")
        self.keys.update(p.key for p in manifest.stored)
        self.ids.update(p.id for p in manifest.partitions)
        self.ids.update(p.id for view in manifest.views for p in view.partitions)
