"""Every port over one backend, fresh for each test, with what a test needs to look behind the port."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from headgate.adapters.aws.batch import AwsBatchCompute
from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.erasure_catalog import DynamoErasureCatalog
from headgate.adapters.aws.eventbridge import EventBridgeBus
from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog, DynamoTriggerCatalog
from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
from headgate.adapters.aws.host import SystemClock, TemporaryDisk
from headgate.adapters.aws.kms import KmsSigner
from headgate.adapters.aws.ledger import DynamoLedger
from headgate.adapters.aws.model_catalog import DynamoModelCatalog
from headgate.adapters.aws.online import DynamoOnlineStore
from headgate.adapters.aws.product_catalog import DynamoProductCatalog
from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
from headgate.adapters.aws.release_catalog import DynamoReleaseCatalog
from headgate.adapters.aws.reproduction_catalog import DynamoReproductionCatalog
from headgate.adapters.aws.run_catalog import DynamoRunCatalog
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.aws.sqs import SqsQueue
from headgate.adapters.memory import (
    ManualClock,
    MemoryBatchCompute,
    MemoryCatalog,
    MemoryEventBus,
    MemoryLedger,
    MemoryObjectStore,
    MemoryOnlineStore,
    MemoryQueue,
    MemoryScratch,
    MemorySigner,
)
from headgate.ports import (
    BatchCompute,
    Clock,
    CollectionCatalog,
    DatasetCatalog,
    ErasureCatalog,
    EventBus,
    ExperimentCatalog,
    FeatureCatalog,
    Ledger,
    MessageQueue,
    ModelCatalog,
    ObjectStore,
    OnlineStore,
    ProductCatalog,
    QuarantineCatalog,
    RefCatalog,
    ReleaseCatalog,
    ReproductionCatalog,
    RunCatalog,
    Scratch,
    Signer,
    TriggerCatalog,
)

Sent = list[dict[str, Any]]


class Backend(Protocol):
    """The ports, then views behind them: VersionIds of a key (oldest first), what was published and sent."""

    @property
    def store(self) -> ObjectStore: ...
    @property
    def datasets(self) -> DatasetCatalog: ...
    @property
    def refs(self) -> RefCatalog: ...
    @property
    def quarantine(self) -> QuarantineCatalog: ...
    @property
    def erasures(self) -> ErasureCatalog: ...
    @property
    def collections(self) -> CollectionCatalog: ...
    @property
    def features(self) -> FeatureCatalog: ...
    @property
    def products(self) -> ProductCatalog: ...
    @property
    def runs(self) -> RunCatalog: ...
    @property
    def reproductions(self) -> ReproductionCatalog: ...
    @property
    def experiments(self) -> ExperimentCatalog: ...
    @property
    def triggers(self) -> TriggerCatalog: ...
    @property
    def models(self) -> ModelCatalog: ...
    @property
    def releases(self) -> ReleaseCatalog: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def online(self) -> OnlineStore: ...
    @property
    def bus(self) -> EventBus: ...
    @property
    def queue(self) -> MessageQueue: ...
    @property
    def batch(self) -> BatchCompute: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def scratch(self) -> Scratch: ...
    @property
    def signer(self) -> Signer: ...
    @property
    def other_signer(self) -> Signer: ...
    def version_ids(self, key: str) -> list[str]: ...
    def published(self) -> Sent: ...
    def sent(self) -> Sent: ...


class MemoryBackend:
    """The adapters that are part of the product."""

    def __init__(self, directory: Path) -> None:
        catalog = MemoryCatalog()
        self.store = MemoryObjectStore("lake", directory / "objects")
        self.datasets = self.refs = self.quarantine = self.erasures = self.collections = catalog
        self.features = self.products = self.runs = self.models = self.reproductions = catalog
        self.experiments = self.triggers = catalog
        self.releases = catalog
        self.ledger = MemoryLedger()
        self.online = MemoryOnlineStore()
        self.bus = MemoryEventBus()
        self.queue = MemoryQueue()
        self.batch = MemoryBatchCompute(["cpu"])
        self.clock = ManualClock()
        self.scratch = MemoryScratch(directory / "scratch")
        self.signer = MemorySigner()
        self.other_signer = MemorySigner(b"another", "memory/another")

    def version_ids(self, key: str) -> list[str]:
        return list(self.store.version_ids(key))

    def published(self) -> Sent:
        return [{"type": event.type, **event.to_detail()} for event in self.bus.events]

    def sent(self) -> Sent:
        return list(self.queue.messages)


class AwsBackend:
    """The adapters over ``clients``, each on a table, bucket or queue of its own, made when asked for."""

    def __init__(self, clients: AwsClients, job_role: str, image: str) -> None:
        self._clients, self._job_role, self._image = clients, job_role, image
        self._suffix = uuid4().hex[:10]
        self.clock = SystemClock()
        self.scratch = TemporaryDisk()

    @cached_property
    def store(self) -> S3ObjectStore:
        return S3ObjectStore(self._clients, make_bucket(self._clients, self._named("lake")))

    @cached_property
    def datasets(self) -> DynamoDatasetCatalog:
        return DynamoDatasetCatalog(self._versions)

    @cached_property
    def refs(self) -> DynamoRefCatalog:
        return DynamoRefCatalog(self._versions)

    @cached_property
    def quarantine(self) -> DynamoQuarantineCatalog:
        return DynamoQuarantineCatalog(self._versions)

    @cached_property
    def erasures(self) -> DynamoErasureCatalog:
        return DynamoErasureCatalog(self._versions)

    @cached_property
    def collections(self) -> DynamoGarbageCatalog:
        return DynamoGarbageCatalog(self._versions)

    @cached_property
    def features(self) -> DynamoFeatureCatalog:
        return DynamoFeatureCatalog(self._table("features"))

    @cached_property
    def products(self) -> DynamoProductCatalog:
        return DynamoProductCatalog(self._table("products"))

    @cached_property
    def reproductions(self) -> DynamoReproductionCatalog:
        return DynamoReproductionCatalog(self._table("reproductions"))

    @cached_property
    def runs(self) -> DynamoRunCatalog:
        return DynamoRunCatalog(self._table("runs"))

    @cached_property
    def experiments(self) -> DynamoExperimentCatalog:
        return DynamoExperimentCatalog(self._table("experiments"))

    @cached_property
    def triggers(self) -> DynamoTriggerCatalog:
        return DynamoTriggerCatalog(self._table("triggers"))

    @cached_property
    def models(self) -> DynamoModelCatalog:
        return DynamoModelCatalog(self._models)

    @cached_property
    def releases(self) -> DynamoReleaseCatalog:
        return DynamoReleaseCatalog(self._models)

    @cached_property
    def ledger(self) -> DynamoLedger:
        return DynamoLedger(self._table("ledger"), self.clock)

    @cached_property
    def online(self) -> DynamoOnlineStore:
        return DynamoOnlineStore(self._table("online", sort_key=False), self.clock)

    @cached_property
    def bus(self) -> EventBridgeBus:
        return EventBridgeBus(self._clients, self._bus_and_queue[0])

    @cached_property
    def queue(self) -> SqsQueue:
        return SqsQueue(self._clients, self._queue_url)

    @cached_property
    def batch(self) -> AwsBatchCompute:
        name = make_batch(self._clients, self._named("jobs"), self._job_role, self._image)
        return AwsBatchCompute(self._clients, {"cpu": name}, {"cpu": name})

    @cached_property
    def signer(self) -> KmsSigner:
        return KmsSigner(self._clients, make_signing_key(self._clients))

    @cached_property
    def other_signer(self) -> KmsSigner:
        return KmsSigner(self._clients, make_signing_key(self._clients))

    def version_ids(self, key: str) -> list[str]:
        s3 = self._clients.client("s3")
        found = s3.list_object_versions(Bucket=self.store.bucket, Prefix=key).get("Versions", [])
        return [version["VersionId"] for version in reversed(found) if version["Key"] == key]

    def published(self) -> Sent:
        bodies = received(self._clients, self._bus_and_queue[1])
        return [{"type": body["detail-type"], **body["detail"]} for body in bodies]

    def sent(self) -> Sent:
        return received(self._clients, self._queue_url)

    @cached_property
    def _versions(self) -> Table:
        """Versions, their names and quarantine read each other's items: they share a table."""
        return self._table("versions")

    @cached_property
    def _models(self) -> Table:
        """A release moves an alias: they share a table."""
        return self._table("models")

    @cached_property
    def _bus_and_queue(self) -> tuple[str, str]:
        return make_bus(self._clients, self._named("bus"))

    @cached_property
    def _queue_url(self) -> str:
        return make_queue(self._clients, self._named("queue"))

    def _table(self, kind: str, sort_key: bool = True) -> Table:
        return Table(self._clients, make_table(self._clients, self._named(kind), sort_key), self.clock)

    def _named(self, kind: str) -> str:
        return f"{kind}-{self._suffix}"


def make_signing_key(clients: AwsClients) -> str:
    """The ARN of a fresh key, of the kind the template declares."""
    made = clients.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    arn: str = made["KeyMetadata"]["Arn"]
    return arn


def make_bucket(clients: AwsClients, name: str) -> str:
    s3 = clients.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def make_table(clients: AwsClients, name: str, sort_key: bool = True) -> str:
    keys = [("pk", "HASH"), ("sk", "RANGE")][: 2 if sort_key else 1]
    clients.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
    )
    return name


def make_bus(clients: AwsClients, name: str) -> tuple[str, str]:
    """A bus, and the URL of a queue that gets every event of the platform on it."""
    events, sqs = clients.client("events"), clients.client("sqs")
    events.create_event_bus(Name=name)
    url = make_queue(clients, f"{name}-seen")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": ["headgate"]}))
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule["RuleArn"]}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "seen", "Arn": arn}])
    return name, url


def make_queue(clients: AwsClients, name: str) -> str:
    url: str = clients.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url


def received(clients: AwsClients, url: str) -> Sent:
    """Every message of a queue, taken off it."""
    sqs = clients.client("sqs")
    bodies: Sent = []
    while True:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get(
            "Messages"
        )
        if not messages:
            return bodies
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def make_batch(clients: AwsClients, name: str, role: str, image: str) -> str:
    """A job queue, and under the same name a job definition whose job prints its run spec."""
    batch = clients.client("batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName=name, type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    batch.create_job_queue(jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]
    batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": image,
            "command": ["python", "-c", "import sys; print(sys.argv[1])", "Ref::run_spec"],
            "jobRoleArn": role,
            "resourceRequirements": needs,
        },
    )
    return name
