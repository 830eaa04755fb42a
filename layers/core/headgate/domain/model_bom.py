"""The bill of materials of a registered version, as CycloneDX 1.6 JSON: model, data and libraries by hash.

https://cyclonedx.org/docs/1.6/json/ says what the fields mean. Pure; the same version gives the same bytes.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from headgate.domain.model import ModelVersion, model_node
from headgate.domain.model_card import QUALITY, RunEvidence

SPEC_VERSION = "1.6"
_NAMESPACE = UUID("6f1c2a1e-6d0c-5c3e-9a55-0b6f2d1d7c11")
SHA256_DIGITS = 64


def bom_document(version: ModelVersion, run: RunEvidence) -> dict[str, Any]:
    """``metadata.component`` is the model with its card; ``components`` are what it was made of."""
    model = model_node(version.model, version.version)
    data, libraries = _data(version), _libraries(run)
    made_of = [*data, *libraries]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid5(_NAMESPACE, f'{version.product}/{model}/{version.digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": version.created_at,
            "tools": {"components": [{"type": "application", "name": "headgate"}]},
            "component": _model(version, run, [each["bom-ref"] for each in data]),
        },
        "components": made_of,
        "dependencies": [
            {"ref": model, "dependsOn": sorted(each["bom-ref"] for each in made_of)},
            *({"ref": ref, "dependsOn": []} for ref in sorted(each["bom-ref"] for each in made_of)),
        ],
    }


def _model(version: ModelVersion, run: RunEvidence, data: list[str]) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": model_node(version.model, version.version),
        "group": version.product,
        "name": version.model,
        "version": str(version.version),
        "hashes": _hashes(version.artifact_sha256),
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": "binary classification",
                "architectureFamily": str(run.spec.get("trainer", "")),
                "datasets": [{"ref": ref} for ref in data],
                "inputs": [{"format": _format(tensor)} for tensor in version.signature["inputs"]],
                "outputs": [{"format": _format(tensor)} for tensor in version.signature["outputs"]],
            },
            "quantitativeAnalysis": {"performanceMetrics": _performance(version)},
            "considerations": {"technicalLimitations": [str(s) for s in run.card.get("limits", ())]},
        },
        "properties": _properties(version),
    }


def _performance(version: ModelVersion) -> list[dict[str, Any]]:
    """Measured by registration; values are text, as the format has them."""
    measured, window = version.metrics, "..".join(version.metrics["window"])
    found = [
        {"type": name, "value": repr(float(measured[name])), "slice": window}
        for name in QUALITY
        if name in measured
    ]
    for column, segments in measured.get("segments", {}).items():
        found += [
            {"type": "auc", "value": repr(float(s["auc"])), "slice": f"{column}={s['value']}"}
            for s in segments
            if s["auc"] is not None
        ]
    return found


def _properties(version: ModelVersion) -> list[dict[str, str]]:
    closure = version.closure
    named = {"digest": version.digest, "run": version.run}
    if closure is not None:
        named |= {
            "code_digest": closure.code_digest,
            "config_digest": closure.config_digest,
            "environment_digest": closure.environment_digest,
        }
    return [{"name": f"headgate:{name}", "value": value} for name, value in named.items() if value]


def _data(version: ModelVersion) -> list[dict[str, Any]]:
    """The datasets the features were built of, and the feature version itself."""
    datasets: Mapping[str, Mapping[str, Any]] = {} if version.closure is None else version.closure.datasets
    found = [
        _dataset(
            *(f"dataset/{version.product}/{name}/{each['digest']}", version.product, name),
            *(f"v{each['ordinal']}", str(each["digest"])),
        )
        for name, each in datasets.items()
    ]
    ref = f"features/{version.product}/{version.feature_set}/{version.feature_version}"
    short = version.feature_version[:12]
    found.append(_dataset(ref, version.product, version.feature_set, short, version.feature_version))
    return found


def _dataset(ref: str, product: str, name: str, version: str, digest: str) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": ref,
        "group": product,
        "name": name,
        "version": version,
        "hashes": _hashes(digest),
        "data": [{"type": "dataset", "name": name}],
    }


def _libraries(run: RunEvidence) -> list[dict[str, Any]]:
    """What the trainer says it ran with."""
    return [
        {
            "type": "library",
            "bom-ref": _purl(name, version),
            "name": name,
            "version": version,
            "purl": _purl(name, version),
        }
        for name, version in run.packages.items()
    ]


def _purl(name: str, version: str) -> str:
    """The package URL: lower case, hyphens for underscores, the version escaped."""
    return f"pkg:pypi/{name.lower().replace('_', '-')}@{quote(version, safe='')}"


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}] if len(sha256) == SHA256_DIGITS else []


def _format(tensor: Mapping[str, Any]) -> str:
    shape = ",".join(str(size) for size in tensor.get("shape", ()))
    return f"{tensor['name']}: {tensor.get('datatype', '')}[{shape}]"
