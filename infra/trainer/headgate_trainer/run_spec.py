"""The run spec: the only thing that tells a trainer what to do. Owns reading it, and refusing."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

from headgate_trainer.errors import BadSpec

FORMAT = "headgate.runspec/2"
MAX_PARITY_ERROR = 1e-5
OUTPUT = "score"
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
class Window:
    """start <= event time < end, ISO dates, UTC."""

    start: str
    end: str


@dataclass(frozen=True)
class Baseline:
    name: str
    mean_by: tuple[str, ...]


@dataclass(frozen=True)
class RunSpec:
    """``digest`` is the sha256 of the whole document and the run's name; the card quotes ``document``."""

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

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        baselines = (column for baseline in self.baselines for column in baseline.mean_by)
        features = (feature.name for feature in self.features)
        return tuple(dict.fromkeys((*self.entity, self.event_time, self.label, *features, *baselines)))


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
    _check(spec, name)
    return spec


def _read(document: dict[str, Any]) -> RunSpec:
    data = document["training_set"]
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
        train=_window(document["split"]["train"]),
        holdout=_window(document["split"]["holdout"]),
        baselines=tuple(_baseline(b) for b in document["baselines"]),
        max_parity_error=float(document.get("gates", {}).get("max_parity_error", MAX_PARITY_ERROR)),
    )


def _window(bounds: Any) -> Window:
    start, end = bounds
    return Window(date.fromisoformat(start).isoformat(), date.fromisoformat(end).isoformat())


def _baseline(declared: Mapping[str, Any]) -> Baseline:
    unknown = sorted(set(declared) - {"name", "mean_by"})
    if unknown or not declared["mean_by"]:
        raise ValueError(f"baseline {declared['name']}: mean_by names columns, and nothing else is known")
    return Baseline(declared["name"], tuple(declared["mean_by"]))


def _check(spec: RunSpec, name: str) -> None:
    for problem in _problems(spec):
        raise BadSpec(f"{name}: {problem}")


def _problems(spec: RunSpec) -> Iterable[str]:
    if not spec.features:
        yield "no features"
    if not spec.partitions:
        yield "no partitions"
    names = [feature.name for feature in spec.features]
    for repeated in sorted({n for n in names if names.count(n) > 1}):
        yield f"the feature {repeated!r} is declared twice"
    for reserved in {spec.label, spec.event_time} & set(names):
        yield f"{reserved!r} is the label or the event time and cannot be a feature"
    for name in names:
        if name == OUTPUT or name.startswith("__"):
            yield f"the feature name {name!r} is taken by the model's own graph"
    for feature in spec.features:
        if feature.kind not in ("numeric", "categorical"):
            yield f"feature {feature.name}: kind is {feature.kind!r}; known: numeric, categorical"
    if not spec.train.start < spec.train.end <= spec.holdout.start < spec.holdout.end:
        yield "split: training must start before it ends, and end before the holdout starts"
    for baseline in spec.baselines:
        if baseline.name == "constant" or spec.label in baseline.mean_by:
            yield f"baseline {baseline.name!r} is the built-in one, or reads the label"
