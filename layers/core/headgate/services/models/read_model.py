"""What was written about a version when it was registered, and whether it still is what was signed."""

import json
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.identity import Principal
from headgate.domain.model import ModelVersion
from headgate.domain.policy import hrn
from headgate.ports import ModelCatalog, Scratch
from headgate.services.access import Guard
from headgate.services.models.model_documents import BOM, CARD, CARD_TEXT, ModelDocuments
from headgate.services.models.verify_version import Verification, VerifyVersion
from headgate.services.product_models import training_of, version_of
from headgate.services.products import Products

READ = "headgate:ReadModel"


@dataclass(frozen=True)
class ReadModel:
    """The use case. Each method raises NotFound, AccessDenied, and NotFound for a version that was registered
    before its documents were kept.
    """

    products: Products
    models: ModelCatalog
    documents: ModelDocuments
    guard: Guard
    scratch: Scratch

    def card(self, principal: Principal, product: str, version: int) -> dict[str, Any]:
        """``{"card", "markdown"}``: the same for machines and for people."""
        found = self.version(principal, product, version)
        return {"card": self.document(found, CARD), "markdown": self._body(found, CARD_TEXT).decode()}

    def bom(self, principal: Principal, product: str, version: int) -> dict[str, Any]:
        """The CycloneDX document."""
        return self.document(self.version(principal, product, version), BOM)

    def verify(self, principal: Principal, product: str, version: int) -> Verification:
        """Reads every byte that was signed, and asks the key service about the signature."""
        found = self.version(principal, product, version)
        return VerifyVersion(self.documents, self.scratch).verify(found)

    def version(self, principal: Principal, product: str, version: int) -> ModelVersion:
        """Policy is asked first, also of a version that does not exist."""
        return self.versions(principal, product, version)[0]

    def versions(self, principal: Principal, product: str, *versions: int) -> list[ModelVersion]:
        """Several at once: policy is asked of the model."""
        applied = self.products.get(product)
        one = versions[0] if len(versions) == 1 else None
        resource = hrn(product, "model", training_of(applied).model, one)
        self.guard.require(applied, principal, READ, resource)
        return [version_of(self.models, applied, version) for version in versions]

    def document(self, version: ModelVersion, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._body(version, name))
        return document

    def _body(self, version: ModelVersion, name: str) -> bytes:
        try:
            return self.documents.body(version, name)
        except NotFound as error:
            raise NotFound(
                f"{version.model} version {version.version} has no {name}: it was registered before such "
                "documents were kept, or is being registered"
            ) from error
