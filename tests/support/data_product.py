"""A product of datasets alone: no features, no training, and a policy that lets its team do everything."""

from collections.abc import Mapping, Sequence
from typing import Any

TEAM = "group/ml-engineers"


def data_product(
    name: str,
    datasets: Mapping[str, Mapping[str, Any]],
    services: Sequence[str] = ("ingest",),
    denied: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """``datasets`` are contracts without names; CSV and version 1.0.0 where they say nothing else."""
    everything = {
        "Sid": "TeamAndServices",
        "Effect": "Allow",
        "Principal": {"Headgate": [*(f"service/{service}" for service in services), TEAM]},
        "Action": "headgate:*",
        "Resource": f"hrn:{name}:*",
    }
    contracts = {d: {"name": d, "version": "1.0.0", "format": "csv", **form} for d, form in datasets.items()}
    return {
        "format": "headgate.product/1",
        "name": name,
        "title": name.title(),
        "owner": f"{name}-team",
        "stage": "poc",
        "datasets": contracts,
        "views": {},
        "feature_sets": {},
        "training": None,
        "policy": {"Version": "2012-10-17", "Statement": [everything, *denied]},
        "sources": {},
    }
