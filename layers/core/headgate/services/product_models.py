"""Which model is a product's: the one its training declares, and of that only the versions it registered
itself.

Model names are shared by all products, so a version is never taken for the product's by its name alone.
"""

from collections.abc import Sequence

from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.model import ModelVersion
from headgate.domain.run import RunRecord
from headgate.domain.training import TrainingConfig
from headgate.ports import ModelCatalog
from headgate.services.products import AppliedProduct


def training_of(applied: AppliedProduct) -> TrainingConfig:
    """Raises NotFound when the product declares no training, and so has no model."""
    if applied.product.training is None:
        raise NotFound(f"product {applied.record.name} declares no training, so it has no model")
    return applied.product.training


def version_of(models: ModelCatalog, applied: AppliedProduct, version: int) -> ModelVersion:
    """That version of the product's model. Raises NotFound, also for a version that another product
    registered.
    """
    model = training_of(applied).model
    found = models.model_version(model, version)
    if found.product != applied.record.name:
        raise NotFound(f"product {applied.record.name} has no version {version} of model {model}")
    return found


def versions_of(models: ModelCatalog, applied: AppliedProduct, limit: int) -> Sequence[ModelVersion]:
    """The product's versions of its model among the newest ``limit``, newest first."""
    found = models.model_versions(training_of(applied).model, limit)
    return [version for version in found if version.product == applied.record.name]


def declared_for(applied: AppliedProduct, record: RunRecord) -> TrainingConfig:
    """The declaration the run is judged by. Raises InvalidRequest when it is not the one it was trained for:
    its holdout may by now be another, which the run has learnt from.
    """
    config = applied.product.training
    if config is None or config.model != record.model:
        raise InvalidRequest(f"product {record.product} no longer declares model {record.model}")
    if record.task is not None and record.task != config.task:
        raise InvalidRequest("the product's training was declared anew while the run was under way")
    return config
