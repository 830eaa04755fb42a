"""What one ingest commit asks of AWS: five requests up to the head, whatever the age of the dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from headgate.adapters.aws.product_catalog import DynamoProductCatalog
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.memory import MemoryIngestEngine
from headgate.domain.dataset import Drop
from headgate.domain.file_table import RECENT_FILES
from headgate.domain.version import MAX_SOURCES
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.ingestion.ingest_report import IngestReport
from headgate.services.versions.manifests import Manifests

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.unit.adapters.backends import AwsBackend, make_bucket
from tests.unit.adapters.conftest import MotoBackend, OneCallAtATime

COMMIT = ["GetObject", "BatchGetItem", "PutObject", "PutObject", "TransactWriteItems"]
"""The dropped bytes; what is known; the data file; the manifest; the head."""
FOLD = ["GetObject", "BatchGetItem", "PutObject", "GetObject", "PutObject", "PutObject", "TransactWriteItems"]
"""Besides, the open segment is read and written."""


@dataclass
class Stage:
    """Ingest over moto, with every call to S3 and DynamoDB noted."""

    ingest: IngestDrops
    landing: S3ObjectStore
    clients: AwsClients
    calls: list[str] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        def note(model: Any, **_: Any) -> None:
            self.calls.append(model.name)

        watched = [self.clients.client(name).meta.events for name in ("s3", "dynamodb")]
        for events in watched:
            events.register("before-call", note)
        yield
        for events in watched:
            events.unregister("before-call", note)

    def drop(self, name: str) -> Drop:
        key = f"shops/prices/{name}.csv"
        self.landing.put(key, f"item\n{name}\n".encode())
        version = self.landing.head(key)
        return Drop("landing", key, version.version_id, version.bytes, name)

    def take_in(self, *drops: Drop) -> tuple[list[str], IngestReport]:
        """The calls that taking in ``drops`` in one batch makes."""
        self.calls.clear()
        with self.watching():
            report = self.ingest.ingest(drops)
        assert not report.failed, report.failed
        return list(self.calls), report


def make_stage(backend: AwsBackend, clients: AwsClients, root: Path) -> Stage:
    """Ingest over ``backend``; products, decisions and events are kept in memory."""
    platform, datasets = MemoryPlatform(root), bundle()["datasets"]
    appending = {**datasets, "prices": {**datasets["prices"], "operation": "append"}}
    platform.apply_product(bundle(datasets=appending))
    landing = S3ObjectStore(clients, make_bucket(clients, f"landing-{uuid4().hex[:10]}"))
    stores: dict[str, Any] = {
        "catalog": backend.datasets,
        "refs": backend.refs,
        "quarantine": backend.quarantine,
        "landing": landing,
        "lake": backend.store,
    }
    ingest = replace(platform.ingest, engine=MemoryIngestEngine(), large=None, **stores)
    return Stage(ingest, landing, clients)


def check_requests(stage: Stage, versions: int) -> None:
    """Each version takes the requests of a commit, and of a fold when there are 33 new files."""
    asked = [stage.take_in(stage.drop(f"{n}"))[0] for n in range(1, versions + 1)]

    first_fold = [call for n, call in enumerate(FOLD) if n != 3]
    folds = range(RECENT_FILES + 1, versions + 1, RECENT_FILES + 1)
    for ordinal, calls in enumerate(asked, start=1):
        expected = COMMIT if ordinal not in folds else FOLD if ordinal > folds[0] else first_fold
        assert calls == expected, f"version {ordinal}"


@pytest.fixture
def stage(moto: MotoBackend, moto_clients: OneCallAtATime, tmp_path: Path) -> Stage:
    return make_stage(moto, moto_clients, tmp_path)


def test_a_commit_takes_five_requests_and_a_fold_two_more(stage: Stage) -> None:
    check_requests(stage, 2 * (RECENT_FILES + 1) + 3)


def test_a_version_is_listed_with_one_request_for_each_segment_and_its_manifest(stage: Stage) -> None:
    report = stage.take_in(*(stage.drop(f"{n}") for n in range(RECENT_FILES + 1)))[1]
    manifests = Manifests(stage.ingest.lake, "shops", "prices")

    stage.calls.clear()
    with stage.watching():
        files = manifests.files(manifests.load(report.committed[0].digest))

    assert len(files) == RECENT_FILES + 1
    assert stage.calls == ["GetObject", "GetObject"]


def test_a_burst_shares_the_requests_of_one_commit(stage: Stage) -> None:
    calls, report = stage.take_in(*(stage.drop(f"{n}") for n in range(MAX_SOURCES)))

    assert [v.files for v in report.committed] == [MAX_SOURCES]
    # Each drop is read and its data file written; a batch reads 100 items at most, and this one asks for 137
    assert Counter(calls) == {
        "GetObject": MAX_SOURCES,
        "BatchGetItem": 2,
        "PutObject": MAX_SOURCES + 2,
        "TransactWriteItems": 1,
    }


def test_a_known_drop_takes_three_requests(stage: Stage) -> None:
    drop = stage.drop("1")
    stage.take_in(drop)

    assert stage.take_in(drop)[0] == ["GetObject", "BatchGetItem", "GetItem"]


def test_knowing_the_product_takes_one_request_more(stage: Stage, moto: MotoBackend) -> None:
    """A stage or policy that was changed counts at once: a worker keeps bundles and asks which applies."""
    known = stage.ingest.products.get("shops").record
    moto.products.put_product(known)
    products: Any = moto.products
    assert isinstance(products, DynamoProductCatalog)
    stage.ingest.products._catalog = products
    stage.take_in(stage.drop("1"))

    assert stage.take_in(stage.drop("2"))[0] == ["GetItem", *COMMIT]
