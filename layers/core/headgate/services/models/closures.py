"""What one model version is made of, put together from what is on record: the closure a release names."""

from collections.abc import Mapping
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.model import ModelVersion
from headgate.domain.release import Closure
from headgate.domain.run import RunRecord

_NO_CONFIG = ("product", "training_set", "reproduces", "code_digest", "environment_digest")


def closure_of(
    model: ModelVersion, run: RunRecord, spec: Mapping[str, Any], features: FeatureVersionRecord | None
) -> Closure:
    """``spec`` is the run's; ``features`` the record of the feature version, None where it is gone.

    The digests are those the run was recorded with, else those its spec has.
    """
    recorded = run.digests or {}
    return Closure(
        datasets=_datasets(features),
        feature_set=model.feature_set,
        feature_version=model.feature_version,
        model=model.model,
        version=model.version,
        model_digest=model.digest,
        artifact_sha256=model.artifact_sha256,
        run=model.run,
        code_digest=recorded.get("code") or str(spec.get("code_digest", "")),
        config_digest=recorded.get("config") or config_digest(spec),
        environment_digest=recorded.get("environment") or str(spec.get("environment_digest", "")),
    )


def config_digest(spec: Mapping[str, Any]) -> str:
    """Of everything a run spec declares: neither its rows, nor the code and environment it ran with."""
    training_set = {k: v for k, v in dict(spec.get("training_set", {})).items() if k != "partitions"}
    declared = {k: v for k, v in spec.items() if k not in _NO_CONFIG}
    return digest({**declared, "training_set": training_set})


def known_closure(model: ModelVersion) -> Closure:
    """The version's closure; what was not recorded yet when it was registered is empty."""
    if model.closure is not None:
        return model.closure
    return Closure(
        datasets={},
        feature_set=model.feature_set,
        feature_version=model.feature_version,
        model=model.model,
        version=model.version,
        model_digest=model.digest,
        artifact_sha256=model.artifact_sha256,
        run=model.run,
        code_digest="",
        config_digest="",
        environment_digest="",
    )


def _datasets(features: FeatureVersionRecord | None) -> dict[str, dict[str, Any]]:
    if features is None:
        return {}
    return {
        name: {"digest": version, "ordinal": features.input_ordinals.get(name)}
        for name, version in sorted(features.inputs.items())
    }
