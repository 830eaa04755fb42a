"""Ingest with the adapters of AWS on an emulator of its own: buckets, a table, a bus, and counted requests.

Owns what is made there. The template is not deployed: what is measured is the code and its requests, not
functions.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from headgate import bootstrap
from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.eventbridge import EventBridgeBus
from headgate.adapters.aws.host import SystemClock
from headgate.adapters.aws.product_catalog import DynamoProductCatalog
from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.aws.session import AwsClients
from headgate.domain.dataset import Drop
from headgate.domain.identity import Principal
from headgate.services.access import Guard
from headgate.services.governance.apply_product import ApplyProduct
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.products import Products
from headgate.services.versions.commit_version import CommitVersion
from headgate_local.launch import Emulator, start

from tests.bench.measuring import ROOT
from tests.unit.adapters.backends import make_bucket, make_bus, make_table

LANDING, LAKE, CATALOG, LEDGER, BUS = (
    "bench-landing",
    "bench-lake",
    "bench-catalog",
    "bench-ledger",
    "bench-bus",
)
ALICE = Principal("user/alice", ("ml-engineers",))


@dataclass
class Requests:
    """Counts what boto3 sends, by operation, and keeps each request waiting for ``latency`` seconds."""

    latency: float = 0.0
    sent: Counter[str] = field(default_factory=Counter)

    def before_send(self, event_name: str, **_details: Any) -> None:
        """botocore's event ``before-send.<service>.<operation>``: once for each attempt."""
        self.sent[event_name.partition(".")[2]] += 1
        if self.latency:
            time.sleep(self.latency)

    def during(self, act: Callable[[], Any]) -> Mapping[str, int]:
        before = self.sent.copy()
        act()
        return self.sent - before


@dataclass(frozen=True)
class OnEmulator:
    """A running emulator; ``environment`` is what a function of this platform is given."""

    emulator: Emulator
    clients: AwsClients
    requests: Requests
    bus_name: str
    tap_url: str
    """A queue that gets every event of the bus."""

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[OnEmulator]:
        """Raises EmulatorError. The environment variables of AWS SDKs point to it meanwhile."""
        with (
            tempfile.TemporaryDirectory(prefix="headgate-bench-") as home,
            start(
                ROOT / ".envs/emulator/bin/python",
                ROOT / ".envs/function/bin/python",
                state_file=Path(home) / "state.json",
                log_file=Path(home) / "emulator.log",
            ) as emulator,
            environment_of(emulator),
        ):
            session, requests = boto3.Session(), Requests()
            session.events.register("before-send", requests.before_send)
            clients = AwsClients(session)
            for bucket in (LANDING, LAKE):
                make_bucket(clients, bucket)
            for table in (CATALOG, LEDGER):
                make_table(clients, table)
            yield cls(emulator, clients, requests, *make_bus(clients, BUS))

    @property
    def environment(self) -> dict[str, str]:
        """What the ingest function's variables would be."""
        return {
            **aws_variables(self.emulator),
            "HEADGATE_ENVIRONMENT": "dev",
            "CATALOG_TABLE_NAME": CATALOG,
            "LEDGER_TABLE_NAME": LEDGER,
            "EVENT_BUS_NAME": self.bus_name,
            "LAKE_BUCKET_NAME": LAKE,
            "LANDING_BUCKET_NAME": LANDING,
            "INGEST_QUEUE_URL": "https://sqs.invalid/none",
            "BATCH_QUEUES": "{}",
            "BATCH_JOB_DEFINITIONS": "{}",
            "LARGEST_DROP_BYTES": "1000000000",
            "POWERTOOLS_SERVICE_NAME": "ingest",
            "POWERTOOLS_METRICS_NAMESPACE": "Headgate",
        }

    # --- adapters whose requests are counted

    @cached_property
    def _table(self) -> Table:
        return Table(self.clients, CATALOG, SystemClock())

    def store(self, bucket: str) -> S3ObjectStore:
        return S3ObjectStore(self.clients, bucket)

    @property
    def catalog(self) -> DynamoDatasetCatalog:
        return DynamoDatasetCatalog(self._table)

    @property
    def bus(self) -> EventBridgeBus:
        return EventBridgeBus(self.clients, self.bus_name)

    @property
    def versions(self) -> CommitVersion:
        return CommitVersion(self.catalog, self.store(LAKE), self.bus, SystemClock())

    def ingest(self) -> IngestDrops:
        """As bootstrap composes it for the function."""
        made = bootstrap.ingest(self.environment)
        return replace(
            made,
            products=Products(DynamoProductCatalog(self._table), self.store(LAKE)),
            catalog=self.catalog,
            refs=DynamoRefCatalog(self._table),
            quarantine=DynamoQuarantineCatalog(self._table),
            landing=self.store(LANDING),
            lake=self.store(LAKE),
            bus=self.bus,
            guard=Guard(self.bus, SystemClock(), bootstrap.new_id),
        )

    def apply(self, bundle: dict[str, Any]) -> None:
        """Applies the product as alice."""
        catalog, lake = DynamoProductCatalog(self._table), self.store(LAKE)
        guard = Guard(self.bus, SystemClock(), bootstrap.new_id)
        use_case = ApplyProduct(Products(catalog, lake), catalog, lake, guard, self.bus, SystemClock())
        use_case.apply(ALICE, bundle["name"], bundle)

    def drop(self, key: str, body: bytes) -> Drop:
        """Lands one object, and returns its notification as the queue would deliver it."""
        answer = self.clients.client("s3").put_object(Bucket=LANDING, Key=key, Body=body)
        return Drop(LANDING, key, answer["VersionId"], len(body), f"message-{answer['VersionId']}")


def aws_variables(emulator: Emulator) -> dict[str, str]:
    """What AWS SDKs read to reach the emulator, as its administrator."""
    return {
        **emulator.root_credentials.environment(),
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_DEFAULT_REGION": emulator.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def environment_of(emulator: Emulator) -> Iterator[None]:
    """This process's AWS variables, meanwhile those of the emulator alone."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(aws_variables(emulator))
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(before)
