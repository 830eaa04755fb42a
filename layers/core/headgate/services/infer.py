"""Online inference: metadata, readiness and predictions of registered models, by tensor and by entity row.

The prediction log leaves through a queue, so that nothing but the scoring itself stands on the request's
path.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain.audit import access_decided
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.feature import FeatureSet, FeatureView, entity_key, features_node
from headgate.domain.identity import Principal
from headgate.domain.inference import InferRequest, parse_request, response
from headgate.domain.model import CHAMPION, ModelVersion
from headgate.domain.policy import Decision
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
from headgate.services.clock import iso, parse_iso
from headgate.services.products import AppliedProduct, Products

LOG_ROWS = 100
"""Rows in one message of the prediction log: about 100 kB, under the queue's limit of 256 kB."""


@dataclass(frozen=True)
class _Resolved:
    model: ModelVersion
    alias: str | None
    applied: AppliedProduct
    decision: Decision


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
        found = self._resolve(principal, name, version)
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
        found = self._resolve(principal, name, version)
        self._load(found.model)
        return {"name": name, "version": str(found.model.version), "ready": True}

    def predict(self, principal: Principal, name: str, version: str | None, document: Any) -> dict[str, Any]:
        """Raises InvalidRequest, NotFound, AccessDenied, Throttled."""
        request = parse_request(document)
        found = self._resolve(principal, name, version)
        read: list[OnlineRow] = []
        columns = self._columns_of(found, request, read) if request.by_entity else request.columns
        model = self._load(found.model)
        names = [i["name"] for i in found.model.signature["inputs"]]
        features = {n: columns[n] for n in names if n in columns} if request.by_entity else columns
        scores = model.score(features)
        prediction = self.new_id()
        self._log(found, principal, request, features, scores, prediction, read)
        parameters: dict[str, Any] = {"alias": found.alias} if found.alias else {}
        if request.id is not None:
            parameters["request_id"] = request.id
        return response(
            model=name,
            version=found.model.version,
            prediction=prediction,
            scores=scores,
            parameters=parameters,
        )

    def _resolve(self, principal: Principal, name: str, version: str | None) -> _Resolved:
        """The version asked for, or the champion, if the caller may use it. Allowed calls are recorded with
        the prediction.
        """
        alias = None if version is not None else CHAMPION
        if version is None:
            number = self.models.alias(name, CHAMPION)
            if number is None:
                raise NotFound(f"no model {name!r} with a champion")
        elif version.isdecimal() and int(version) > 0:
            number = int(version)
        else:
            raise InvalidRequest(f"version {version!r} is no positive integer")
        model = self.models.model_version(name, number)
        applied = self.products.get(model.product)
        resource = _hrn(model)
        decision = self.guard.explain(applied, principal, "headgate:Infer", resource).decision
        if not decision.allowed:
            decision = self.guard.require(applied, principal, "headgate:Infer", resource)
        return _Resolved(model, alias, applied, decision)

    def _feature_set(self, found: _Resolved) -> FeatureSet:
        return found.applied.product.feature_sets[found.model.feature_set]

    def _load(self, model: ModelVersion) -> LoadedModel:
        if model.digest not in self._loaded:
            with self.scratch.directory() as directory:
                path = directory / "model.onnx"
                self.artifacts.download(model.artifact_key, path)
                self._loaded[model.digest] = self.runtime.load(path)
        return self._loaded[model.digest]

    def _columns_of(
        self, found: _Resolved, request: InferRequest, read: list[OnlineRow]
    ) -> dict[str, list[Any]]:
        """Features of entity rows: what was sent, what the on-demand SQL makes of it, and the newest online
        values.
        """
        feature_set = self._feature_set(found)
        types = {c.name: c.type for c in feature_set.request}
        unknown = sorted(set(request.columns) - set(types))
        missing = sorted(set(types) - set(request.columns) - {feature_set.spine.event_time})
        if unknown or missing:
            raise InvalidRequest(f"entity columns: missing {missing or 'none'}, unknown {unknown or 'none'}")
        rows = [{c: values[i] for c, values in request.columns.items()} for i in range(request.rows)]
        now = iso(self.clock.now())
        event_time = feature_set.spine.event_time or ""
        rows = [{**r, event_time: r.get(event_time) or now} for r in rows]
        computed = (
            [{} for _ in rows]
            if feature_set.on_demand is None
            else self.engine.on_demand(feature_set.on_demand, rows, types)
        )
        looked_up = self._look_up(found.model.product, feature_set.views, rows, event_time, read)
        full = [{**r, **c, **v} for r, c, v in zip(rows, computed, looked_up, strict=True)]
        needed = [i["name"] for i in found.model.signature["inputs"]]
        return {n: [r.get(n) for r in full] for n in needed}

    def _look_up(
        self,
        product: str,
        views: Sequence[FeatureView],
        rows: Sequence[Mapping[str, Any]],
        event_time: str,
        read: list[OnlineRow],
    ) -> list[dict[str, Any]]:
        """Newest values of every online view, one read for the whole request; values not yet known or too old
        are left out.
        """
        online = [v for v in views if v.online]
        wanted = {(v.name, entity_key([r[c] for c in v.entity])) for v in online for r in rows}
        stored = self.online.read(product, sorted(wanted)) if wanted else {}
        read.extend(stored.values())
        found: list[dict[str, Any]] = []
        for row in rows:
            values: dict[str, Any] = {}
            for view in online:
                entry = stored.get((view.name, entity_key([row[c] for c in view.entity])))
                if entry is not None and _usable(view, entry, str(row[event_time])):
                    values.update(entry.values)
            found.append(values)
        return found

    def _log(
        self,
        found: _Resolved,
        principal: Principal,
        request: InferRequest,
        features: Mapping[str, Sequence[Any]],
        scores: Sequence[float],
        prediction: str,
        read: Sequence[OnlineRow],
    ) -> None:
        model, now = found.model, iso(self.clock.now())
        decided = access_decided(found.decision, id=f"{prediction}-infer", time=now)
        versions = sorted({features_node(model.product, model.feature_set, r.feature_version) for r in read})
        shared = {
            "prediction": prediction,
            "product": model.product,
            "model": model.model,
            "version": model.version,
            "alias": found.alias,
            "principal": principal.id,
            "time": now,
            "features": versions,
        }
        for part, start in enumerate(range(0, request.rows, LOG_ROWS)):
            rows = [
                {
                    "row": i,
                    "input": {c: v[i] for c, v in request.columns.items()} if request.by_entity else None,
                    "features": {c: v[i] for c, v in features.items()},
                    "score": scores[i],
                }
                for i in range(start, min(start + LOG_ROWS, request.rows))
            ]
            first = (
                {"decision": {**decided.detail, "id": decided.id, "time": decided.time}} if part == 0 else {}
            )
            self.log.send({**shared, "part": part, "rows": rows, **first})


def _usable(view: FeatureView, row: OnlineRow, at: str) -> bool:
    """Known at the time asked for, and not older than the view's staleness cap."""
    if not row.event_time:
        return True
    age = (parse_iso(at) - parse_iso(row.event_time)).total_seconds()
    return age >= 0 and (view.max_age_seconds is None or age <= view.max_age_seconds)


def _hrn(model: ModelVersion) -> str:
    return f"hrn:{model.product}:model/{model.model}/{model.version}"
