"""What the models that answer now were declared as: each is fed by the views and the on-demand SQL that it
learnt from, whatever is declared since.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from headgate.domain.errors import NotFound
from headgate.domain.feature_set import FeatureSet
from headgate.domain.model import Alias, ModelVersion
from headgate.ports import ModelCatalog
from headgate.services.products import AppliedProduct, Products


@dataclass(frozen=True)
class LiveModels:
    """The use case."""

    products: Products
    models: ModelCatalog

    def declared(self, applied: AppliedProduct, feature_set: str) -> list[FeatureSet]:
        """The set ``feature_set`` as the champion and the challenger have it, each once. A version of which
        nobody kept that has it as it is declared now.
        """
        found = [learnt_from(self.products, applied, model) for model in self._live(applied)]
        named = [each for each in found if each is not None and each.name == feature_set]
        return list({each.recipe_digest(): each for each in named}.values())

    def _live(self, applied: AppliedProduct) -> Iterator[ModelVersion]:
        if (training := applied.product.training) is None:
            return
        for alias in get_args(Alias):
            number = self.models.alias(training.model, alias)
            if number is not None:
                model = self.models.model_version(training.model, number)
                if model.product == applied.record.name:
                    yield model


def learnt_from(products: Products, applied: AppliedProduct, model: ModelVersion) -> FeatureSet | None:
    """The feature set that a model learnt from, as it was declared then; None when there is none of that
    name.
    """
    product = applied.product
    if model.spec and model.spec != applied.record.spec:
        try:
            product = products.bundle(model.product, model.spec)
        except NotFound:
            return None
    return product.feature_sets.get(model.feature_set)
