"""Reading applied products: the catalog says which bundle is current, the lake holds it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.product import Product, ProductRecord
from headgate.ports import ObjectStore, ProductCatalog


@dataclass(frozen=True)
class AppliedProduct:
    """A product with the stage it is in now."""

    record: ProductRecord
    product: Product


def spec_key(product: str, digest: str) -> str:
    """Key of a product bundle in the lake."""
    return f"{product}/spec/{digest}.json"


class Products:
    """Loads products; a bundle is immutable under its digest, so it is parsed once a process."""

    def __init__(self, catalog: ProductCatalog, lake: ObjectStore) -> None:
        self._catalog = catalog
        self._lake = lake
        self._parsed: dict[str, Product] = {}

    def get(self, name: str) -> AppliedProduct:
        """Raises NotFound when no such product was applied."""
        record = self._catalog.product(name)
        return AppliedProduct(record, self.bundle(name, record.spec))

    def bundle(self, name: str, spec: str) -> Product:
        """A product as a bundle declares it, whether it still does. Raises NotFound."""
        if spec not in self._parsed:
            document = json.loads(self._lake.get(spec_key(name, spec)))
            self._parsed[spec] = Product.from_document(document)
        return self._parsed[spec]

    def all(self) -> Sequence[ProductRecord]:
        """Every applied product."""
        return self._catalog.products()
