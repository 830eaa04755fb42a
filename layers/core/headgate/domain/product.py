"""Data products: the compiled bundle, stages, and the gates between stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headgate.domain.canonical import digest
from headgate.domain.contract import IDENTIFIER, Contract
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet, graph_problems
from headgate.domain.training import TrainingConfig

BUNDLE_FORMAT = "headgate.product/1"
Stage = Literal["poc", "prototype", "mvp"]
STAGES: tuple[Stage, ...] = ("poc", "prototype", "mvp")


@dataclass(frozen=True)
class Product:
    """A product as applied. ``document`` is the bundle itself, ``policy`` its IAM policy document."""

    name: str
    title: str
    owner: str
    declared_stage: str
    datasets: Mapping[str, Contract]
    feature_sets: Mapping[str, FeatureSet]
    training: TrainingConfig | None
    policy: Mapping[str, Any]
    document: Mapping[str, Any]
    retired: tuple[str, ...] = ()
    """Datasets it had and gives up on purpose: without this, a contract that is gone is taken for a slip."""

    @property
    def digest(self) -> str:
        return digest(self.document)

    def contract(self, dataset: str) -> Contract:
        """Raises NotFound when the product has no such dataset."""
        found = self.datasets.get(dataset)
        if found is None:
            raise NotFound(
                f"product {self.name} has no dataset {dataset!r}; it has {', '.join(sorted(self.datasets))}"
            )
        return found

    def sets_reading(self, dataset: str) -> tuple[FeatureSet, ...]:
        return tuple(s for _, s in sorted(self.feature_sets.items()) if dataset in s.inputs)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Product":
        """Raises InvalidRequest naming what is missing or wrong."""
        try:
            return cls._parse(document)
        except KeyError as missing:
            raise InvalidRequest(f"product bundle: the field {missing} is missing") from missing

    @classmethod
    def _parse(cls, document: Mapping[str, Any]) -> "Product":
        if document.get("format") != BUNDLE_FORMAT:
            raise InvalidRequest(
                f"product bundle: format is {document.get('format')!r}, {BUNDLE_FORMAT} is needed"
            )
        if document["stage"] not in STAGES:
            raise InvalidRequest(
                f"product bundle: stage is {document['stage']!r}; known: {', '.join(STAGES)}"
            )
        if not IDENTIFIER.match(document["name"]):
            raise InvalidRequest(
                f"product bundle: {document['name']!r} is no name (letters, digits and _ only)"
            )
        datasets = {name: Contract.from_document(c) for name, c in document["datasets"].items()}
        views = {name: FeatureView.from_document(v) for name, v in document["views"].items()}
        for view, _, problem in graph_problems(views, datasets):
            raise InvalidRequest(f"view {view}: {problem}")
        event_times = {name: c.event_time for name, c in datasets.items() if c.event_time}
        sets = {
            name: FeatureSet.from_document(s, views, event_times)
            for name, s in document["feature_sets"].items()
        }
        training = TrainingConfig.from_document(document["training"]) if document.get("training") else None
        if training is not None and training.feature_set not in sets:
            raise InvalidRequest(
                f"training: no feature set {training.feature_set!r}; known: {', '.join(sorted(sets))}"
            )
        return cls(
            name=document["name"],
            title=document["title"],
            owner=document["owner"],
            declared_stage=document["stage"],
            datasets=datasets,
            feature_sets=sets,
            training=training,
            policy=document["policy"],
            document=document,
            retired=tuple(document.get("retired", ())),
        )


@dataclass(frozen=True)
class ProductRecord:
    """What the catalog keeps of a product: the applied bundle's digest and the stage it is in now.

    ``stage_from`` and ``stage_since`` say what the last stage change left and when; empty before the first
    one.
    """

    name: str
    title: str
    owner: str
    stage: str
    spec: str
    updated_at: str
    stage_from: str = ""
    stage_since: str = ""


@dataclass(frozen=True)
class Criterion:
    """One thing a gate asks: what was found, and whether that is enough."""

    name: str
    passed: bool
    found: str
    needed: str


@dataclass(frozen=True)
class GateEvidence:
    """The result of checking a stage's gate; ``evidence`` holds the numbers it rests on."""

    product: str
    stage: str
    passed: bool
    criteria: tuple[Criterion, ...]
    evidence: Mapping[str, Any]
    checked_at: str
    checked_by: str
    spec: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "GateEvidence":
        fields = dict(document)
        fields["criteria"] = tuple(Criterion(**c) for c in document["criteria"])
        return cls(**fields)


def next_stage(stage: str) -> str | None:
    """The stage after ``stage``, or None at the last. Raises InvalidRequest on an unknown one."""
    if stage not in STAGES:
        raise InvalidRequest(f"stage {stage!r} is not known; stages are {', '.join(STAGES)}")
    position = [*STAGES].index(stage)
    return STAGES[position + 1] if position + 1 < len(STAGES) else None
