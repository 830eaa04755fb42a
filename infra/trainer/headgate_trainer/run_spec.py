"""The run spec: the only thing that tells a trainer what to do. Owns reading it, and refusing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from headgate_trainer.declared import (
    Backtest,
    Baseline,
    Threshold,
    Tolerance,
    read_backtest,
    read_baseline,
    read_hours,
    read_minutes,
    read_texts,
    read_threshold,
    read_tolerance,
)
from headgate_trainer.errors import BadSpec
from headgate_trainer.spec_problems import spec_problems
from headgate_trainer.windows import Window, before_embargo, days

__all__ = ["Baseline", "Feature", "Partition", "RunSpec", "Window", "canonical_json", "parse_run_spec"]

FORMAT = "headgate.runspec/2"
MAX_PARITY_ERROR = 1e-5
Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True)
class Feature:
    name: str
    kind: Kind


@dataclass(frozen=True)
class Partition:
    """One Parquet file of the training set, named by its sha256."""

    uri: str
    sha256: str
    rows: int
    name: str


@dataclass(frozen=True)
class RunSpec:
    """``digest`` is the sha256 of the whole document and the run's name; the card quotes ``document``.

    ``train`` ends before the embargo: no row inside it is learnt from.
    """

    digest: str
    document: Mapping[str, Any]
    product: str
    model: str
    trainer: str
    params: Mapping[str, Any]
    seed: int
    compute_class: str
    partitions: tuple[Partition, ...]
    entity: tuple[str, ...]
    event_time: str
    label: str
    features: tuple[Feature, ...]
    train: Window
    holdout: Window
    baselines: tuple[Baseline, ...]
    max_parity_error: float
    embargo_hours: float
    command: tuple[str, ...]
    backtest: Backtest | None
    segments: tuple[str, ...]
    threshold: Threshold | None
    checkpoint_minutes: float
    tolerance: Tolerance
    reproduces: Mapping[str, Any] | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        features = (feature.name for feature in self.features)
        return tuple(dict.fromkeys((*self.entity, self.event_time, self.label, *features, *self.grouping)))

    @property
    def grouping(self) -> tuple[str, ...]:
        """Columns that baselines and segments group by, each once."""
        baselines = (column for baseline in self.baselines for column in baseline.mean_by)
        return tuple(dict.fromkeys((*baselines, *self.segments)))


def canonical_json(document: Any) -> bytes:
    """Sorted keys, no blanks, UTF-8: what digests are made of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_run_spec(content: bytes, name: str = "run spec") -> RunSpec:
    """Raises BadSpec naming the field that is missing or wrong."""
    try:
        document = json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadSpec(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadSpec(f"{name} is no {FORMAT} document")
    try:
        spec = _read(document)
    except KeyError as missing:
        raise BadSpec(f"{name}: the field {missing} is missing") from missing
    except (TypeError, ValueError, AttributeError) as wrong:
        raise BadSpec(f"{name}: {wrong}") from wrong
    for problem in spec_problems(spec):
        raise BadSpec(f"{name}: {problem}")
    return spec


def _read(document: dict[str, Any]) -> RunSpec:
    data, split = document["training_set"], document["split"]
    embargo, holdout = read_hours("split.embargo_hours", split.get("embargo_hours", 0.0)), split["holdout"]
    return RunSpec(
        digest=hashlib.sha256(canonical_json(document)).hexdigest(),
        document=document,
        product=document["product"],
        model=document["model"],
        trainer=document["trainer"],
        params=dict(document["params"]),
        seed=int(document["seed"]),
        compute_class=document["compute_class"],
        partitions=tuple(Partition(**p) for p in data["partitions"]),
        entity=tuple(data["entity"]),
        event_time=data["event_time"],
        label=data["label"],
        features=tuple(Feature(f["name"], cast(Kind, f["kind"])) for f in data["features"]),
        train=before_embargo(days(split["train"]), days(holdout), embargo),
        holdout=days(holdout),
        baselines=tuple(read_baseline(b) for b in document["baselines"]),
        max_parity_error=float(document.get("gates", {}).get("max_parity_error", MAX_PARITY_ERROR)),
        embargo_hours=embargo,
        command=read_texts("command", document.get("command", [])),
        backtest=read_backtest(document.get("backtest")),
        segments=read_texts("segments", document.get("segments", [])),
        threshold=read_threshold(document.get("threshold")),
        checkpoint_minutes=read_minutes("checkpoint_minutes", document.get("checkpoint_minutes", 0.0)),
        tolerance=read_tolerance(document.get("tolerance")),
        reproduces=_reproduces(document.get("reproduces")),
    )


def _reproduces(found: Any) -> Mapping[str, Any] | None:
    if found is None:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("run"), str):
        raise ValueError(f"reproduces is {found!r}; an object that names the run is needed")
    return found
