"""A product with views of every kind, whose history goes on: drops, overwrites, rollbacks, builds."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headgate.adapters.memory import MemoryObjectStore
from headgate.domain.feature_version import FeatureManifest
from headgate.services.features.feature_inputs import planned_inputs
from headgate.services.features.feature_manifests import load_features

from tests.support.history_desk import HistoryDesk
from tests.support.local_features import LocalBuild, build_locally
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle

RECENT = """
WITH seen AS (
    SELECT shop, warmth, (epoch(known_at)::BIGINT // 3600 + 1 + unnest(range(0, 30))) * 3600 AS slot
    FROM sensor
)
SELECT shop, make_timestamp(slot * 1000000) AS hour_at, count(*) AS readings, max(warmth) AS warmest
FROM seen
WHERE slot <= (SELECT epoch(reached)::BIGINT FROM watermark)
GROUP BY shop, slot
"""
WARMER = """
SELECT shop, hour_at, warmest - lag(warmest) OVER (PARTITION BY shop ORDER BY hour_at) AS warmer
FROM recent
QUALIFY hour_at - lag(hour_at) OVER (PARTITION BY shop ORDER BY hour_at) <= INTERVAL 1 HOUR
"""
CATALOGUE = "SELECT item AS shop, length(item) AS letters FROM prices"


def incremental_bundle(operation: str = "overwrite") -> dict[str, Any]:
    """Views of every kind: by windows, by days, with the watermark, over another view, and whole ones. A drop
    of the sensor overwrites what was there, or is appended.
    """
    document = bundle()
    document["datasets"]["visits"]["event_time"] = "visited_at"
    document["datasets"]["sensor"]["event_time"] = "known_at"
    document["datasets"]["sensor"]["operation"] = operation
    views = document["views"]
    views["visit"] |= {"build": "incremental", "windows": [window("visits", 0, 0)]}
    views["sensor_now"] |= {
        "build": "incremental",
        "windows": [window("sensor", 0, 0)],
        "partition": "day",
        "max_age_seconds": 3 * 86400,
    }
    views["recent"] = view("recent", ["sensor", "watermark"], "hour_at", RECENT) | {
        "build": "incremental",
        "windows": [window("sensor", 0, 31 * 3600)],
        "online": True,
    }
    views["change"] = view("change", ["recent"], "hour_at", WARMER) | {
        "build": "incremental",
        "windows": [window("recent", 0, 3600)],
        "available_after": 600,
    }
    views["catalogue"] = view("catalogue", ["prices"], None, CATALOGUE)
    document["feature_sets"]["visit"]["views"] = ["sensor_now", "change", "recent", "catalogue"]
    document["training"] = None
    return document


def view(name: str, inputs: list[str], event_time: str | None, sql: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "feature",
        "inputs": inputs,
        "entity": ["shop"],
        "event_time": event_time,
        "sql": sql,
    }


def window(name: str, earliest: int, latest: int) -> dict[str, Any]:
    return {"input": name, "earliest": earliest, "latest": latest}


@dataclass
class Desk:
    """A platform whose history goes on, and the version it has now."""

    platform: MemoryPlatform
    folder: Path
    drops: int = 0

    @classmethod
    def open(cls, folder: Path, operation: str = "overwrite") -> "Desk":
        platform = MemoryPlatform(folder / "platform")
        platform.apply_product(incremental_bundle(operation))
        desk = cls(platform, folder)
        desk.drop("prices", "item", ["north", "south"])
        return desk

    def drop(self, dataset: str, header: str, lines: list[str]) -> None:
        self.drops += 1
        body = "\n".join([header, *lines, ""]).encode()
        report = self.platform.ingest_now(self.platform.drop(f"shops/{dataset}/{self.drops}.csv", body))
        assert report.committed, report

    def visits(self, hours: list[int]) -> None:
        lines = [
            f"v{self.drops}-{n},{moment(hour)},{'north' if n % 2 else 'south'},{hour % 50},{hour % 3 == 0}"
            for n, hour in enumerate(hours)
        ]
        self.drop("visits", "visit_id,visited_at,shop,size,bought", lines)

    def sensor(self, hours: list[int], warmer: int = 0) -> None:
        lines = [
            f"{'north' if hour % 2 else 'south'},{moment(hour)},{hour % 40 + self.drops + warmer}"
            for hour in hours
        ]
        self.drop("sensor", "shop,known_at,warmth", lines)

    def roll_back(self, dataset: str, ordinal: int) -> None:
        head = self.platform.catalog.dataset_head("shops", dataset)
        assert head is not None
        target = 1 + ordinal % head.ordinal
        HistoryDesk(self.platform).rolling.rollback(ALICE, "shops", dataset, f"v{target}", "main", "test")

    def build(self) -> FeatureManifest:
        self.platform.build.on_dataset_version("shops", "visits")
        return self.newest()

    def newest(self) -> FeatureManifest:
        head = self.platform.catalog.feature_head("shops", "visit")
        assert head is not None
        return load_features(self.platform.lake, "shops", "visit", head.digest)

    def from_nothing(self) -> LocalBuild:
        """What the newest inputs make where nothing was made before."""
        applied = self.platform.products.get("shops")
        feature_set = applied.product.feature_sets["visit"]
        heads = {d: self.platform.catalog.dataset_head("shops", d) for d in feature_set.inputs}
        inputs = planned_inputs(
            self.platform.lake, applied.product, {d: h for d, h in heads.items() if h is not None}
        )
        with TemporaryDirectory(dir=self.folder) as scratch:
            folder = Path(scratch)
            store = MemoryObjectStore("fresh", folder)
            return build_locally(feature_set, inputs, folder, store=store)


def moment(hour: int) -> str:
    """An hour of 2024, five minutes past it."""
    day, of_day = divmod(hour, 24)
    month, of_month = divmod(day, 28)
    return f"2024-{1 + month:02d}-{1 + of_month:02d} {of_day:02d}:05:00"


def contents(manifest: FeatureManifest) -> dict[str, str]:
    return {v.name: v.content for v in manifest.views} | {"training": manifest.content}


def contents_of(built: LocalBuild, like: FeatureManifest) -> dict[str, str]:
    whole = replace(like, partitions=built.partitions, views=tuple(built.work.built.values()))
    return contents(whole)
