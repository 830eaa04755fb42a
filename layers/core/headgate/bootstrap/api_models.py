"""The control plane's use cases about registered models. Only ``control_plane`` imports this module."""

from typing import TypedDict

from headgate.adapters.aws.kms import KmsSigner
from headgate.adapters.aws.model_catalog import DynamoModelCatalog
from headgate.adapters.aws.release_catalog import DynamoReleaseCatalog
from headgate.adapters.aws.reproduction_catalog import DynamoReproductionCatalog
from headgate.adapters.aws.sqs import SqsQueue
from headgate.bootstrap.parts import Parts, new_id, price_table
from headgate.config import ApiSettings
from headgate.services.models.compare_models import CompareModels
from headgate.services.models.model_documents import ModelDocuments
from headgate.services.models.promote_model import PromoteModel
from headgate.services.models.propose_model import ProposeModel
from headgate.services.models.read_model import ReadModel
from headgate.services.models.read_releases import ReadReleases
from headgate.services.models.rollback_model import RollbackModel
from headgate.services.models.verify_version import VerifyVersion
from headgate.services.reproduction.request_reproduction import RequestReproduction


class ModelDesk(TypedDict):
    promote_model: PromoteModel
    propose_model: ProposeModel
    rollback_model: RollbackModel
    releases: ReadReleases
    read_model: ReadModel
    compare_models: CompareModels
    reproductions: RequestReproduction


def model_desk(parts: Parts, settings: ApiSettings) -> ModelDesk:
    products, guard, bus, clock = parts.products, parts.guard, parts.bus, parts.clock
    models, releases = DynamoModelCatalog(parts.catalog), DynamoReleaseCatalog(parts.catalog)
    signer = KmsSigner(parts.clients, settings.signing_key)
    documents = ModelDocuments(parts.bucket(settings.models_bucket), signer)
    read = ReadModel(products, models, documents, guard, parts.scratch)
    signed = VerifyVersion(documents, parts.scratch)
    promotion = PromoteModel(products, models, releases, guard, bus, clock, signed)
    reproductions = DynamoReproductionCatalog(parts.catalog)
    queue = SqsQueue(parts.clients, settings.train_queue_url)
    return ModelDesk(
        promote_model=promotion,
        propose_model=ProposeModel(products, models, releases, guard, bus, clock),
        rollback_model=RollbackModel(promotion),
        releases=ReadReleases(products, releases, guard, clock),
        read_model=read,
        compare_models=CompareModels(read),
        reproductions=RequestReproduction(
            *(products, models, reproductions, queue, guard, clock, price_table(), new_id)
        ),
    )
