"""Online inference: metadata, readiness and predictions of registered models, by tensor and by entity row.

The prediction log leaves through a queue, so that nothing but the scoring itself stands on the request's
path. A prediction that cannot be logged is not given.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain.audit import access_decided
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import features_node
from headgate.domain.identity import Principal
from headgate.domain.inference import InferRequest, parse_request, response, shown
from headgate.domain.model import CHAMPION, ModelVersion
from headgate.domain.policy import Decision, hrn
from headgate.ports import (
    Clock,
    FeatureEngine,
    LoadedModel,
    MessageQueue,
    ModelCatalog,
    ModelRuntime,
    ObjectStore,
    OnlineRow,
    OnlineStore,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.features.entity_rows import AssembledRows, EntityRows, ViewAnswer
from headgate.services.features.live_models import learnt_from
from headgate.services.products import AppliedProduct, Products
from headgate.services.serving.prediction_log import log_rows, messages
from headgate.services.training.trainer_outputs import TrainerOutputs

ACTION = "headgate:Infer"
KEPT_MODELS = 4
"""Models one process holds in memory; the oldest goes first."""
_MODEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_VERSION = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class _Resolved:
    model: ModelVersion
    alias: str | None
    applied: AppliedProduct

    @property
    def resource(self) -> str:
        return hrn(self.model.product, "model", self.model.model, self.model.version)


@dataclass(frozen=True)
class Infer:
    """The use case. Loaded models are kept by digest; aliases are read on every call, so a promotion is live
    at once.
    """

    products: Products
    models: ModelCatalog
    artifacts: ObjectStore
    online: OnlineStore
    engine: FeatureEngine
    runtime: ModelRuntime
    log: MessageQueue
    guard: Guard
    clock: Clock
    scratch: Scratch
    new_id: Callable[[], str]
    _loaded: dict[str, LoadedModel] = field(default_factory=dict)

    def metadata(self, principal: Principal, name: str, version: str | None) -> dict[str, Any]:
        """The protocol's model metadata, with the request columns under ``parameters``."""
        found = self._resolve(name, version)
        self.guard.require(found.applied, principal, ACTION, found.resource)
        feature_set = self._feature_set(found)
        return {
            "name": name,
            "versions": [str(m.version) for m in self.models.model_versions(name)],
            "platform": "onnxruntime_onnx",
            "inputs": list(found.model.signature["inputs"]),
            "outputs": list(found.model.signature["outputs"]),
            "parameters": {
                "version": str(found.model.version),
                "entity_inputs": [asdict(c) for c in feature_set.request],
                "entity": list(feature_set.spine.entity),
            },
        }

    def ready(self, principal: Principal, name: str, version: str | None) -> dict[str, Any]:
        """Loads the model, so that a ready model answers without a cold start."""
        found = self._resolve(name, version)
        self.guard.require(found.applied, principal, ACTION, found.resource)
        self._load(found.model)
        return {"name": name, "version": str(found.model.version), "ready": True}

    def predict(self, principal: Principal, name: str, version: str | None, document: Any) -> dict[str, Any]:
        """Raises InvalidRequest, NotFound, AccessDenied, Corrupted, Throttled."""
        request = parse_request(document)
        found = self._resolve(name, version)
        decision = self._decide(found, principal)
        features, assembled = self._features(found, request)
        scores = self._load(found.model).score(features)
        _require_scores(scores)
        prediction = self.new_id()
        used = assembled.used if assembled else ()
        self._log(found, principal, request, features, scores, prediction, used, decision)
        parameters: dict[str, Any] = {"alias": found.alias} if found.alias else {}
        if request.id is not None:
            parameters["request_id"] = request.id
        if assembled is not None:
            parameters |= _told(assembled.views)
            parameters |= {"features.redeclared": True} if self._redeclared(found) else {}
        return response(
            model=name,
            version=found.model.version,
            prediction=prediction,
            scores=scores,
            parameters=parameters,
        )

    def _resolve(self, name: str, version: str | None) -> _Resolved:
        """The version asked for, or the champion."""
        if not _MODEL_NAME.fullmatch(name):
            raise NotFound(f"no model {shown(name)}")
        if version is None:
            number, alias = self.models.alias(name, CHAMPION), CHAMPION
            if number is None:
                raise NotFound(f"no model {name!r} with a champion")
        elif _VERSION.fullmatch(version) and int(version) > 0:
            number, alias = int(version), None
        else:
            raise InvalidRequest(f"version {shown(version)} is no positive integer")
        model = self.models.model_version(name, number)
        return _Resolved(model, alias, self.products.get(model.product))

    def _decide(self, found: _Resolved, principal: Principal) -> Decision:
        """An allowed call is recorded with its prediction, and costs no request of its own; a refused one is
        recorded at once.
        """
        decision = self.guard.explain(found.applied, principal, ACTION, found.resource).decision
        if decision.allowed:
            return decision
        return self.guard.require(found.applied, principal, ACTION, found.resource)

    def _load(self, model: ModelVersion) -> LoadedModel:
        if model.digest not in self._loaded:
            with self.scratch.directory() as directory:
                loaded = TrainerOutputs(self.artifacts, self.runtime).load(model, directory)
            while len(self._loaded) >= KEPT_MODELS:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[model.digest] = loaded
        return self._loaded[model.digest]

    def _features(
        self, found: _Resolved, request: InferRequest
    ) -> tuple[Mapping[str, Sequence[Any]], AssembledRows | None]:
        """The model's inputs, and for entity rows what they were assembled of."""
        if not request.by_entity:
            return request.columns, None
        entities = EntityRows(self.online, self.engine, self.clock)
        assembled = entities.assemble(found.model.product, self._feature_set(found), request)
        return {n: [row.get(n) for row in assembled.rows] for n in found.model.inputs}, assembled

    def _feature_set(self, found: _Resolved) -> FeatureSet:
        """As the model learnt from it, whatever is declared since. Raises NotFound when the product does not
        declare one of that name any more.
        """
        name, model = found.model.feature_set, found.model
        learnt = learnt_from(self.products, found.applied, model)
        if learnt is None or name not in found.applied.product.feature_sets:
            raise NotFound(f"product {model.product} no longer declares the feature set {name}")
        return learnt

    def _redeclared(self, found: _Resolved) -> bool:
        """Whether the product declares the features otherwise than the model learnt them."""
        if found.model.spec in ("", found.applied.record.spec):
            return False
        now = found.applied.product.feature_sets[found.model.feature_set]
        return now.recipe_digest() != self._feature_set(found).recipe_digest()

    def _log(
        self,
        found: _Resolved,
        principal: Principal,
        request: InferRequest,
        features: Mapping[str, Sequence[Any]],
        scores: Sequence[float],
        prediction: str,
        used: Sequence[OnlineRow],
        decision: Decision,
    ) -> None:
        model, now = found.model, iso(self.clock.now())
        decided = access_decided(decision, id=f"{prediction}-infer", time=now)
        versions = {features_node(model.product, model.feature_set, row.feature_version) for row in used}
        shared = {
            "prediction": prediction,
            "product": model.product,
            "model": model.model,
            "version": model.version,
            "alias": found.alias,
            "principal": principal.id,
            "time": now,
            "features": sorted(versions),
        }
        rows = log_rows(request.columns if request.by_entity else None, features, scores)
        decision_entry = {**decided.detail, "id": decided.id, "time": decided.time}
        for message in messages(shared, rows, decision_entry):
            self.log.send(message)


def _told(views: Mapping[str, ViewAnswer]) -> dict[str, str]:
    """Of which feature versions the values of each view are, and how many rows have none, as parameters of
    the answer: the protocol takes texts there.
    """
    told = {}
    for name, answer in views.items():
        told[f"features.{name}"] = ",".join(answer.versions)
        if answer.without:
            counts = (f"{rows}: {why}" for why, rows in sorted(answer.without.items()))
            told[f"features.{name}.missing"] = "; ".join(counts)
    return told


def _require_scores(scores: Sequence[float]) -> None:
    for row, score in enumerate(scores):
        if not math.isfinite(score):
            raise InvalidRequest(f"row {row}: the model has no score for these values")
