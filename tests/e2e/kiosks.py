"""A product of its own for the features commands: views by windows and by days, over another view, with the
watermark, whole, online and on demand. Purchases are the spine; readings are appended.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from headgate.cli.drop import Dropped

from tests.e2e.stack import Stack
from tests.e2e.traces import holding
from tests.e2e.waiting import eventually
from tests.support import feature_desk, small_product

PRODUCT = "kiosks"
SET = "visit"
GUEST, GUESTS_SHOP = "guest-1", "zanzibar"
JANUARY, FEBRUARY = 28 * 4 + 1, 28 * 4
SECONDS = 90.0
BLIND: dict[str, Any] = {
    "Sid": "ScientistsSeeNoRows",
    "Effect": "Deny",
    "Principal": {"Headgate": ["group/data-scientists"]},
    "Action": "headgate:ReadFeatures",
    "Resource": "hrn:shops:*",
}
SEES = {**BLIND, "Sid": "ScientistsSeeTheProduct", "Effect": "Allow", "Action": "headgate:ReadProduct"}
PEEK = "SELECT shop, known_at, lead(warmth) OVER (PARTITION BY shop ORDER BY known_at) AS soon FROM sensor"
"""Tells the next reading before it is there."""


def bundle(leaky: bool = False) -> dict[str, Any]:
    """As a person applies it; a ``leaky`` one has a view that tells what is not known yet."""
    document = feature_desk.incremental_bundle()
    document["datasets"]["sensor"]["operation"] = "append"
    for column in document["datasets"]["visits"]["columns"]:
        column.pop("allowed", None)
    document["policy"] = {**small_product.POLICY}
    document["policy"]["Statement"] = [*small_product.POLICY["Statement"], SEES, BLIND]
    if leaky:
        view = feature_desk.view("peek", ["sensor"], "known_at", PEEK)
        document["views"]["peek"] = view | {
            "build": "incremental",
            "windows": [feature_desk.window("sensor", -86400, 0)],
        }
        document["feature_sets"][SET]["views"].append("peek")
    return dict(json.loads(json.dumps(document).replace("shops", PRODUCT)))


def january() -> bytes:
    """Everybody's visits, and one of a guest to a shop of his own."""
    return small_product.visits_csv(1) + f"{GUEST},2024-01-05 10:45:00,{GUESTS_SHOP},7,true\n".encode()


def prices() -> bytes:
    return b"item\nnorth\nsouth\n"


def reading(at: str, warmth: float) -> bytes:
    """One reading in the north."""
    return f"shop,known_at,warmth\nnorth,{at},{warmth}\n".encode()


# --- what a test does, and looks at


def drop(stack: Stack, **files: bytes) -> None:
    """Puts one file of each dataset, and sees them taken in."""
    names = {d: f"{PRODUCT}/{d}/{hashlib.sha256(body).hexdigest()[:8]}.csv" for d, body in files.items()}
    dropped = [stack.drop(names[d], body) for d, body in files.items()]

    def taken_in(file: Dropped) -> bool:
        versions = stack.api("alice").dataset_versions(PRODUCT, file.dataset)["versions"]
        return any(source["sha256"] == file.sha256 for v in versions for source in v["sources"])

    eventually(f"versions of {', '.join(names.values())}", lambda: all(map(taken_in, dropped)), SECONDS)


def newest(stack: Stack) -> dict[str, Any]:
    """The newest version's record; empty when there is none."""
    return next(iter(stack.api("alice").features(PRODUCT)["features"]), {})


@contextmanager
def queue_with(stack: Stack, **attributes: int) -> Iterator[None]:
    """The queue of builds with other attributes for a while."""
    sqs, url = stack.administrator("sqs"), stack.outputs["FeatureQueueUrl"]
    names = list(attributes)
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={n: str(v) for n, v in attributes.items()})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def warmth(stack: Stack) -> float:
    row = stack.api("alice").get(f"/products/{PRODUCT}/features/{SET}/online/sensor_now", key="north")
    return float(row["values"]["warmth"])


def stored_rows(stack: Stack) -> pa.Table:
    """The newest version's rows, read from the lake by its manifest, not by the client."""
    version = newest(stack)
    s3, bucket = stack.administrator("s3"), stack.outputs["LakeBucketName"]
    prefix = f"{PRODUCT}/features/{SET}"
    name = f"{prefix}/manifests/{version['digest']}.json"
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=name)["Body"].read())
    tables = []
    for partition in manifest["partitions"]:
        body = s3.get_object(Bucket=bucket, Key=partition["key"])["Body"].read()
        assert hashlib.sha256(body).hexdigest() == partition["sha256"]
        tables.append(pq.read_table(io.BytesIO(body)))
    return pa.concat_tables(tables)


def holding_folders(stack: Stack, value: str) -> set[str]:
    """The folders of the feature set in which ``value`` can be read."""
    prefix = f"Lake/{PRODUCT}/features/{SET}/"
    found = [key for key in holding(stack, PRODUCT, value) if key.startswith(prefix)]
    return {key.removeprefix(prefix).partition("/")[0] for key in found}


def planned(plan: dict[str, Any]) -> dict[str, list[str]]:
    """The partitions to build of every view that has some, and of the training table."""
    made = {view["view"]: view["names"] for view in plan["views"]} | {"training": plan["training"]["names"]}
    return {name: names for name, names in made.items() if names}
