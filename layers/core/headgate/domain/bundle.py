"""The product bundle as a document: its fields, and what its parts must agree on. Owns refusing bad bundles.

`Product.from_document` trusts the shape of what it reads; whatever arrives from outside passes here first.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from headgate.domain import shape
from headgate.domain.contract_problems import contract_problems
from headgate.domain.contract_shape import CONTRACT
from headgate.domain.errors import InvalidRequest
from headgate.domain.partition import GRAINS
from headgate.domain.policy import PolicyDocument
from headgate.domain.product import BUNDLE_FORMAT, STAGES, Product
from headgate.domain.shape import (
    Check,
    anything,
    enforce,
    flag,
    items,
    mapping,
    nullable,
    number,
    one_of,
    record,
    text,
    whole,
)
from headgate.domain.training import COMPUTE_CLASSES
from headgate.domain.validation import CHOICES

GATES = (
    *("min_auc", "max_auc", "min_lift_over_baseline", "min_gain_over_champion"),
    *("max_parity_error", "max_size_mb", "max_latency_ms"),
)
LEARNT_BASELINES = ("model", "constant", "naive", "seasonal")
"""Names that a declared baseline cannot have: they are always computed."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _sha256(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        yield f"{at}: 64 lower-case hex digits are needed"


def _day(value: Any, at: str) -> Iterator[str]:
    try:
        date.fromisoformat(value if len(value) == 10 else "")
    except (TypeError, ValueError):
        yield f"{at}: a date such as 2013-09-01 is needed"


def _pair(inner: Check) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        yield from items(inner, least=2)(value, at)
        if isinstance(value, list) and len(value) > 2:
            yield f"{at}: two are needed, found {len(value)}"

    return check


def _seconds(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield f"{at}: a whole number of seconds is needed"


def _version_trigger(value: Any, at: str) -> Iterator[str]:
    """On, off, or on with thresholds."""
    if not isinstance(value, bool):
        yield from record({}, {"rows": whole(1), "days": number})(value, at)


_VIEW = record(
    {
        "name": text,
        "kind": one_of("feature", "spine", "on_demand"),
        "inputs": items(text),
        "entity": items(text, least=1),
        "sql": text,
    },
    {
        "event_time": nullable(text),
        "max_age_seconds": nullable(whole(1)),
        "online": flag,
        "known_at": nullable(text),
        "available_after": whole(0),
        "windows": items(record({"input": text, "earliest": _seconds, "latest": _seconds})),
        "build": one_of("incremental", "full"),
        "partition": one_of(*GRAINS),
        "tests": items(text),
    },
)
_FEATURE_SET = record(
    {"name": text, "spine": text, "views": items(text)},
    {
        "on_demand": nullable(text),
        "label": nullable(text),
        "seed": whole(0),
        "request": items(record({"name": text, "type": text})),
    },
)
_TRAINING = record(
    {
        "model": text,
        "feature_set": text,
        "trainer": text,
        "compute_class": one_of(*COMPUTE_CLASSES),
        "params": mapping(anything),
        "seed": whole(0),
        "split": record({"train": _pair(_day), "holdout": _pair(_day)}, {"embargo_hours": number}),
        "features": items(record({"name": text, "kind": one_of("numeric", "categorical")}), least=1),
        "label": text,
        "gates": record({}, dict.fromkeys(GATES, number)),
        "budget_usd_per_month": number,
        "timeout_seconds": whole(1, 14 * 24 * 3600),
    },
    {
        "baselines": items(record({"name": text, "mean_by": items(text)})),
        "command": items(text, least=1),
        "backtest": record(
            {"windows": whole(1, 24), "test_days": whole(1)},
            {"train_days": nullable(whole(1)), "embargo_hours": number},
        ),
        "segments": items(text),
        "threshold": record(
            {"choose": one_of(*CHOICES)}, dict.fromkeys(("at", "false_positive", "false_negative"), number)
        ),
        "checkpoint_minutes": number,
        "tolerance": record({}, {"absolute": number, "relative": number}),
        "triggers": record(
            {},
            {
                "feature_version": _version_trigger,
                "schedule": record({"every_days": number}),
                "drift": flag,
                "debounce_minutes": number,
                "at_most_per_day": whole(1),
            },
        ),
        "search": record(
            {"method": one_of("grid", "random"), "space": mapping(anything)},
            {"trials": whole(1), "metric": text, "direction": one_of("max", "min"), "seed": whole(0)},
        ),
    },
)
_BUNDLE = record(
    {
        "format": one_of(BUNDLE_FORMAT),
        "name": text,
        "title": text,
        "owner": text,
        "stage": one_of(*STAGES),
        "datasets": mapping(CONTRACT),
        "views": mapping(_VIEW),
        "feature_sets": mapping(_FEATURE_SET),
        "policy": mapping(anything),
    },
    {"training": nullable(_TRAINING), "sources": mapping(_sha256), "retired": items(text)},
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def read_bundle(document: Any) -> Product:
    """The product a bundle declares. Raises InvalidRequest (PolicyError for its policy)."""
    enforce(_BUNDLE, document, "bundle")
    product = Product.from_document(document)
    problems = [
        *_misnamed(document),
        *_contract_problems(product),
        *(_training_problems(product) if product.training else ()),
    ]
    if problems:
        raise InvalidRequest("; ".join(problems[: shape.SHOWN]))
    PolicyDocument.parse(product.policy, product.name)
    return product


def _misnamed(document: Mapping[str, Any]) -> Iterator[str]:
    """A part is known by its key: the name inside must be the same, and usable in keys and resource names."""
    for part in ("datasets", "views", "feature_sets"):
        for key, entry in document[part].items():
            if entry["name"] != key:
                yield f"bundle.{part}.{key}.name: is {entry['name']!r}, its key says {key!r}"
            elif not _NAME.fullmatch(key):
                yield f"bundle.{part}.{key}: no name (letters, digits and _ only)"


def _contract_problems(product: Product) -> Iterator[str]:
    for name, contract in product.datasets.items():
        for problem in contract_problems(contract, product.datasets):
            yield f"bundle.datasets.{name}.{problem}"
    for name in product.retired:
        if name in product.datasets:
            yield f"bundle.retired: {name!r} is a dataset of the product still"


def _training_problems(product: Product) -> Iterator[str]:
    training = product.training
    if training is None:
        return
    declared = product.feature_sets[training.feature_set]
    if not _NAME.fullmatch(training.model):
        yield f"bundle.training.model: {training.model!r} is no name (letters, digits and _ only)"
    if declared.label != training.label:
        yield f"bundle.training.label: is {training.label!r}, that of {declared.name} is {declared.label!r}"
    for feature in shape.repeated(feature.name for feature in training.features):
        yield f"bundle.training.features: {feature!r} is declared twice"
    if training.label in {feature.name for feature in training.features}:
        yield f"bundle.training.features: the label {training.label!r} is among them"
    for baseline in shape.repeated(str(each["name"]) for each in training.baselines):
        yield f"bundle.training.baselines: {baseline!r} is declared twice"
    for taken in {str(each["name"]) for each in training.baselines} & set(LEARNT_BASELINES):
        yield f"bundle.training.baselines: {taken!r} is always computed, choose another name"
    if training.budget_usd_per_month < 0:
        yield f"bundle.training.budget_usd_per_month: is {training.budget_usd_per_month}, less than nothing"
