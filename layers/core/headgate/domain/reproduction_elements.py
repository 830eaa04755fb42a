"""The elements that evidence is made of, by name, as people know them: of a run spec, a feature set, a
trainer's environment. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet

NO_CONFIG = frozenset(
    ("format", "product", "model", "seed", "reproduces", "code_digest", "environment_digest", "training_set")
)
"""Parts of a run spec that other evidence speaks of."""
OF_THE_SET = ("feature_set", "entity", "event_time", "label")
TRAINING_SEED = "training"


def config_elements(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run spec: ``params.learning_rate``, ``split.train``, … A list is one element."""
    data = spec["training_set"]
    found = {name: value for name, value in spec.items() if name not in NO_CONFIG}
    found |= {name: data[name] for name in OF_THE_SET}
    found["features"] = {each["name"]: each["kind"] for each in data["features"]}
    return dict(_leaves(found))


def code_elements(feature_set: FeatureSet) -> dict[str, str]:
    """Each view's SQL and each view's header, and what the set says itself."""
    views = [*feature_set.built, *([feature_set.on_demand] if feature_set.on_demand else [])]
    found = {name: value for view in views for name, value in _view(view)}
    own = {
        "spine": feature_set.spine.name,
        "views": [view.name for view in feature_set.views],
        "on_demand": feature_set.on_demand.name if feature_set.on_demand else None,
        "label": feature_set.label,
        "request": [asdict(column) for column in feature_set.request],
        "event_times": dict(feature_set.event_times),
    }
    return {**found, f"feature set {feature_set.name}": digest(own)}


def program_elements(command: Sequence[str], sources: Mapping[str, str]) -> dict[str, str]:
    """Files of the product's own that its training command names; ``sources`` maps file to sha256."""
    return {
        f"program {path}": sha256 for path, sha256 in sources.items() if any(path in part for part in command)
    }


def library_elements(environment: Mapping[str, Any]) -> dict[str, str] | None:
    """Python and every package of a trainer's manifest; None where it tells of none."""
    packages = environment.get("packages")
    if not isinstance(packages, Mapping):
        return None
    found = {str(name): str(version) for name, version in packages.items()}
    if "python" in environment:
        found["python"] = str(environment["python"])
    return found


def hardware_elements(environment: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the trainer's manifest tells of the machine; None where it tells nothing."""
    hardware = environment.get("hardware")
    if not isinstance(hardware, Mapping):
        return None
    found = dict(_leaves(hardware))
    if "machine" in environment:
        found["machine"] = str(environment["machine"])
    return found


def _view(view: FeatureView) -> Iterator[tuple[str, str]]:
    header = {name: value for name, value in asdict(view).items() if name not in ("name", "sql")}
    yield f"view {view.name}: SQL", digest(view.sql)
    yield f"view {view.name}: header", digest(header)


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", list(value) if isinstance(value, tuple) else value
