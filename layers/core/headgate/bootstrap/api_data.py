"""The control plane's use cases about datasets and their versions. Only ``control_plane`` imports this
module.
"""

from typing import TypedDict

from headgate.adapters.aws.erasure_catalog import DynamoErasureCatalog
from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
from headgate.adapters.aws.sqs import SqsQueue
from headgate.bootstrap.parts import Parts, new_id
from headgate.config import ApiSettings
from headgate.services.erasure.request_erasure import RequestErasure
from headgate.services.ingestion.request_import import RequestImport
from headgate.services.ingestion.review_quarantine import ReviewQuarantine
from headgate.services.retention.request_collection import RequestCollection
from headgate.services.versions.history import History
from headgate.services.versions.merge_branch import MergeBranch
from headgate.services.versions.name_version import NameVersion
from headgate.services.versions.publish_version import PublishVersion
from headgate.services.versions.request_diff import RequestDiff
from headgate.services.versions.request_rebuild import RequestRebuild
from headgate.services.versions.rollback_dataset import RollbackDataset


class DataDesk(TypedDict):
    history: History
    names: NameVersion
    rollback: RollbackDataset
    merge: MergeBranch
    publish: PublishVersion
    collections: RequestCollection
    diffs: RequestDiff
    erasure: RequestErasure
    quarantine: ReviewQuarantine
    request_import: RequestImport
    request_rebuild: RequestRebuild


def data_desk(parts: Parts, settings: ApiSettings) -> DataDesk:
    products, guard, bus, clock = parts.products, parts.guard, parts.bus, parts.clock
    history = parts.datasets()
    ingestion = SqsQueue(parts.clients, settings.ingest_queue_url)
    maintenance = SqsQueue(parts.clients, settings.maintain_queue_url)
    publication = SqsQueue(parts.clients, settings.publish_queue_url)
    garbage, erasures = DynamoGarbageCatalog(parts.catalog), DynamoErasureCatalog(parts.catalog)
    quarantine = DynamoQuarantineCatalog(parts.catalog)
    return DataDesk(
        history=History(history),
        names=NameVersion(history),
        rollback=RollbackDataset(history),
        merge=MergeBranch(history),
        publish=PublishVersion(history),
        collections=RequestCollection(history, garbage, maintenance, new_id),
        diffs=RequestDiff(history, maintenance),
        erasure=RequestErasure(history, erasures, maintenance, new_id),
        quarantine=ReviewQuarantine(products, quarantine, ingestion, guard, bus, clock),
        request_import=RequestImport(products, guard, ingestion),
        request_rebuild=RequestRebuild(products, guard, publication, new_id),
    )
