"""What a product declares of its training: rows, features, split, compute class, triggers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from headgate.domain.canonical import digest
from headgate.domain.errors import InvalidRequest
from headgate.domain.search import Search
from headgate.domain.trigger import EVERY_VERSION, Triggers
from headgate.domain.validation import DEFAULT_TOLERANCE, Backtest, Threshold, Tolerance

FeatureKind = Literal["numeric", "categorical"]
MULTI_NODE = "gpu-multi-node"
COMPUTE_CLASSES = ("cpu", "gpu", MULTI_NODE)


@dataclass(frozen=True)
class ModelFeature:
    name: str
    kind: FeatureKind


@dataclass(frozen=True)
class Split:
    """Half-open intervals of event time, ISO dates in UTC; the holdout begins when training has ended."""

    train: tuple[str, str]
    holdout: tuple[str, str]
    embargo_hours: float = 0.0
    """Rows of the last hours before the holdout are not learnt from: their outcome came after it began."""

    def __post_init__(self) -> None:
        if not 0 <= self.embargo_hours < 24 * 366:
            raise InvalidRequest(
                f"training split: embargo_hours is {self.embargo_hours}; 0 or more is needed"
            )
        (a, b), (c, d) = self.train, self.holdout
        if not (a < b <= c < d):
            raise InvalidRequest(
                f"training split: need train start < end <= holdout start < end, found {a} {b} {c} {d}"
            )


@dataclass(frozen=True)
class TrainingConfig:
    """The compiled ``training.yaml``. ``gates`` maps gate name to threshold; money is US dollars."""

    model: str
    feature_set: str
    trainer: str
    compute_class: str
    params: Mapping[str, Any]
    seed: int
    split: Split
    features: tuple[ModelFeature, ...]
    label: str
    baselines: tuple[Mapping[str, Any], ...]
    gates: Mapping[str, float]
    budget_usd_per_month: float
    timeout_seconds: int
    command: tuple[str, ...] = ()
    """What the trainer ``command`` runs: a program of the product's own and its arguments."""
    backtest: Backtest | None = None
    segments: tuple[str, ...] = ()
    """Columns by whose values held-out metrics are told apart."""
    threshold: Threshold | None = None
    checkpoint_minutes: float = 0.0
    """A checkpoint is kept that often; 0 keeps none."""
    tolerance: Tolerance = DEFAULT_TOLERANCE
    triggers: Triggers = EVERY_VERSION
    search: Search | None = None

    @property
    def task(self) -> str:
        """Digest of the rows, the label and the baselines a model of this declaration is judged by.

        Numbers of two runs compare only where it is the same, whatever trainer and parameters they had.
        """
        split, features = asdict(self.split), [asdict(each) for each in self.features]
        return digest(
            {
                "model": self.model,
                "feature_set": self.feature_set,
                "label": self.label,
                "split": split,
                "features": features,
                "baselines": [dict(each) for each in self.baselines],
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "TrainingConfig":
        """Raises InvalidRequest naming the field that is missing or wrong."""
        try:
            split = Split(
                tuple(document["split"]["train"]),
                tuple(document["split"]["holdout"]),
                float(document["split"].get("embargo_hours", 0.0)),
            )
            config = cls(
                model=document["model"],
                feature_set=document["feature_set"],
                trainer=document["trainer"],
                compute_class=document["compute_class"],
                params=dict(document["params"]),
                seed=int(document["seed"]),
                split=split,
                features=tuple(
                    ModelFeature(f["name"], cast(FeatureKind, f["kind"])) for f in document["features"]
                ),
                label=document["label"],
                baselines=tuple(dict(b) for b in document.get("baselines", ())),
                gates={k: float(v) for k, v in document["gates"].items()},
                budget_usd_per_month=float(document["budget_usd_per_month"]),
                timeout_seconds=int(document["timeout_seconds"]),
                command=tuple(document.get("command", ())),
                backtest=Backtest.from_document(document.get("backtest")),
                segments=tuple(document.get("segments", ())),
                threshold=Threshold.from_document(document.get("threshold")),
                checkpoint_minutes=float(document.get("checkpoint_minutes", 0.0)),
                tolerance=Tolerance.from_document(document.get("tolerance")),
                triggers=Triggers.from_document(document.get("triggers")),
                search=Search.from_document(document.get("search")),
            )
        except KeyError as missing:
            raise InvalidRequest(f"training: the field {missing} is missing") from missing
        if config.compute_class not in COMPUTE_CLASSES:
            raise InvalidRequest(
                f"training: compute_class is {config.compute_class!r}; known: {', '.join(COMPUTE_CLASSES)}"
            )
        if config.search is not None and config.compute_class == MULTI_NODE:
            raise InvalidRequest(
                f"training.search: the compute class {MULTI_NODE} cannot be searched: AWS Batch takes no"
                " array of multi-node jobs; search with cpu or gpu"
            )
        return config
