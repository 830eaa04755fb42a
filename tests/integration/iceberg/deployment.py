"""The platform's own compositions over the emulator's services, without the functions around them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from headgate import bootstrap
from headgate.adapters.aws.session import AwsClients
from headgate.domain.dataset import Drop
from headgate.domain.external_object import import_of
from headgate.domain.identity import Principal
from headgate.domain.published_table import PublishRequest, publish_of
from headgate.domain.version import VersionRecord
from headgate.services.ingestion.import_prefix import ImportReport
from headgate.services.versions.publish_iceberg import PublishReport

from tests.support.small_product import bundle
from tests.unit.adapters.backends import make_bucket, make_bus, make_queue, make_table, received

ALICE = Principal("user/alice", ("ml-engineers",))
HEADER = "visit_id,visited_at,shop,size,bought"


class Deployment:
    """Everything that versions, imports and tables need, under names of its own."""

    def __init__(self, clients: AwsClients) -> None:
        mark = uuid4().hex[:10]
        self.clients, self.s3 = clients, clients.client("s3")
        names = {
            f"{kind.upper()}_BUCKET_NAME": f"{kind}-{mark}" for kind in ("lake", "landing", "models", "logs")
        }
        for bucket in names.values():
            make_bucket(clients, bucket)
        tables = {f"{kind.upper()}_TABLE_NAME": f"{kind}-{mark}" for kind in ("catalog", "ledger", "online")}
        for name, table in tables.items():
            make_table(clients, table, sort_key=name != "ONLINE_TABLE_NAME")
        queues = {
            f"{kind.upper()}_QUEUE_URL": make_queue(clients, f"{kind}-{mark}")
            for kind in ("ingest", "train", "publish", "maintain", "feature")
        }
        self.database = f"headgate_{mark}"
        clients.client("glue").create_database(DatabaseInput={"Name": self.database})
        self.environ = {
            **names,
            **tables,
            **queues,
            "HEADGATE_ENVIRONMENT": "test",
            "EVENT_BUS_NAME": make_bus(clients, f"bus-{mark}")[0],
            "GLUE_DATABASE_NAME": self.database,
            "BATCH_QUEUES": "{}",
            "BATCH_JOB_DEFINITIONS": "{}",
            "LARGEST_DROP_BYTES": "1000000000",
            "LARGEST_BUILD_BYTES": "1000000000",
            "SIGNING_KEY_ARN": "alias/none",
        }
        self.lake, self.landing = names["LAKE_BUCKET_NAME"], names["LANDING_BUCKET_NAME"]
        self.plane = bootstrap.control_plane(self.environ)
        self.ingest = bootstrap.ingest(self.environ)
        self.importer = bootstrap.import_prefix(self.environ)
        self.publisher = bootstrap.publish(self.environ)

    def apply(self, **datasets: dict[str, Any]) -> None:
        """The small product with a table for visits; ``datasets`` change contracts."""
        document = bundle()
        visits = {**document["datasets"]["visits"], "tables": ["iceberg"]}
        prices = {**document["datasets"]["prices"], "tables": ["iceberg"]}
        document["datasets"] |= {"visits": visits, "prices": prices} | datasets
        first, *rest = document["policy"]["Statement"]
        allowed = {**first, "Principal": {"Headgate": [*first["Principal"]["Headgate"], "service/publish"]}}
        document["policy"] = {**document["policy"], "Statement": [allowed, *rest]}
        self.plane.apply_product.apply(ALICE, "shops", document)

    def drop(self, key: str, body: str) -> VersionRecord:
        put = self.s3.put_object(Bucket=self.landing, Key=key, Body=body.encode())
        report = self.ingest.ingest([Drop(self.landing, key, put["VersionId"], len(body), uuid4().hex)])
        assert report.committed, [r.reason for r in report.quarantined]
        return report.committed[0]

    def visits(self, *ids: str) -> VersionRecord:
        rows = "\n".join(f"{i},2024-01-01 10:00:00,north,{len(i)},true" for i in ids)
        return self.drop(f"shops/visits/{'-'.join(ids)}.csv", f"{HEADER}\n{rows}\n")

    def publish(self, dataset: str = "visits") -> PublishReport:
        return self.publisher.publish(PublishRequest("shops", dataset))

    def publish_what_is_asked(self) -> list[PublishReport]:
        found = [publish_of(m) for m in received(self.clients, self.environ["PUBLISH_QUEUE_URL"])]
        return [self.publisher.publish(request) for request in found if request is not None]

    def import_now(self, uri: str) -> list[ImportReport]:
        """Asks over the control plane, then takes messages until the queue is empty."""
        self.plane.request_import.request(ALICE, "shops", "visits", uri)
        reports = []
        while messages := received(self.clients, self.environ["INGEST_QUEUE_URL"]):
            for message in messages:
                request = import_of("m", message)
                assert request is not None
                reports.append(self.importer.handle(request))
        return reports
