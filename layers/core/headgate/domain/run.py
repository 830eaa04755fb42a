"""A training run: the run spec that a trainer receives, and the record of what became of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from headgate.domain.canonical import digest
from headgate.domain.training import TrainingConfig

RUN_SPEC_FORMAT = "headgate.runspec/2"
RunState = Literal["SUBMITTED", "RUNNING", "SUCCEEDED", "FAILED", "REGISTERED", "REFUSED"]
ENDED: tuple[RunState, ...] = ("SUCCEEDED", "FAILED", "REGISTERED", "REFUSED")


@dataclass(frozen=True)
class TrainingPartition:
    uri: str
    sha256: str
    rows: int
    name: str


@dataclass(frozen=True)
class RunSpec:
    """Everything a trainer needs, and the whole identity of a run: equal specs are one run."""

    product: str
    config: TrainingConfig
    partitions: tuple[TrainingPartition, ...]
    entity: tuple[str, ...]
    event_time: str
    code_digest: str
    environment_digest: str
    reproduces: Mapping[str, Any] | None = None
    """``{"run": digest, "request": id}`` of a run that is made again: a fresh run, whatever is known."""

    def to_document(self) -> dict[str, Any]:
        config = self.config
        return {
            "format": RUN_SPEC_FORMAT,
            "product": self.product,
            "model": config.model,
            "trainer": config.trainer,
            "params": dict(config.params),
            "seed": config.seed,
            "compute_class": config.compute_class,
            "training_set": {
                "feature_set": config.feature_set,
                "partitions": [asdict(p) for p in self.partitions],
                "entity": list(self.entity),
                "event_time": self.event_time,
                "label": config.label,
                "features": [asdict(f) for f in config.features],
            },
            "split": {
                "train": list(config.split.train),
                "holdout": list(config.split.holdout),
                "embargo_hours": config.split.embargo_hours,
            },
            "command": list(config.command),
            "backtest": None if config.backtest is None else asdict(config.backtest),
            "segments": list(config.segments),
            "threshold": None if config.threshold is None else asdict(config.threshold),
            "checkpoint_minutes": config.checkpoint_minutes,
            "tolerance": asdict(config.tolerance),
            "baselines": [dict(b) for b in config.baselines],
            "gates": dict(config.gates),
            "reproduces": None if self.reproduces is None else dict(self.reproduces),
            "code_digest": self.code_digest,
            "environment_digest": self.environment_digest,
        }

    @property
    def digest(self) -> str:
        return digest(self.to_document())

    @property
    def digests(self) -> dict[str, str]:
        """What the run is made of: ``data``, ``code``, ``config`` and ``environment``, a digest each."""
        document = self.to_document()
        made_of = ("format", "product", "training_set", "code_digest", "environment_digest", "reproduces")
        config = {name: value for name, value in document.items() if name not in made_of}
        features = [asdict(feature) for feature in self.config.features]
        return {
            "data": digest([partition.sha256 for partition in self.partitions]),
            "code": self.code_digest,
            "config": digest({**config, "features": features, "label": self.config.label}),
            "environment": self.environment_digest,
        }


@dataclass(frozen=True)
class RunRecord:
    """What the catalog keeps of a run. Times are ISO-8601 UTC, money US dollars, durations seconds."""

    product: str
    model: str
    digest: str
    state: RunState
    spec_uri: str
    feature_set: str
    feature_version: str
    compute_class: str
    estimated_cost_usd: float
    submitted_by: str
    created_at: str
    job_id: str | None = None
    reason: str | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    finished_at: str | None = None
    model_version: int | None = None
    task: str | None = None
    """`TrainingConfig.task` of the declaration it was submitted under."""
    attempt: int = 1
    """Submissions that were refused for want of money or compute, and this one."""
    trigger: str = "manual"
    """What asked for it: feature_version, schedule, drift, manual, experiment or reproduction."""
    experiment: str | None = None
    """The experiment that submitted it as one of its trials."""
    params: Mapping[str, Any] | None = None
    digests: Mapping[str, str] | None = None
    """``data``, ``code``, ``config`` and ``environment``: what the run is made of."""
    metrics: Mapping[str, float] | None = None
    """Held-out metrics, as the trainer told them."""

    @property
    def ended(self) -> bool:
        """True once its job can change nothing any more, and for one that never had a job."""
        return self.state in ENDED

    @property
    def turned_away(self) -> bool:
        """Refused before any job ran, for want of money or compute: later there may be some."""
        return self.state == "REFUSED" and self.job_id is None

    @property
    def reservation(self) -> str:
        """The key its money is reserved under: an attempt that follows a refused one reserves anew."""
        return self.digest if self.attempt == 1 else f"{self.digest}-{self.attempt}"

    @property
    def month(self) -> str:
        """``yyyy-mm`` of the budget it is paid from."""
        return self.created_at[:7]


def run_node(product: str, run: str) -> str:
    return f"run/{product}/{run}"


def run_prefix(product: str, run: str) -> str:
    """Key prefix of a run in the models bucket."""
    return f"{product}/runs/{run}"
