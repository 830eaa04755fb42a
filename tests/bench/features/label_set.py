"""The labels of `label_data` and its views as a feature set, built by months; and the views as a client gets
them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.services.features.planned_input import PlannedInput

from tests.bench.features.label_data import VIEWS, Labels, View
from tests.support.local_features import LocalBuild, planned_input

DATASETS = ("labels", *(view.dataset for view in VIEWS))


def inputs(data: Labels) -> dict[str, PlannedInput]:
    return {name: planned_input(name, data.files(name), "event_time") for name in DATASETS}


def inputs_for_views(data: Labels) -> dict[str, PlannedInput]:
    """The views whole, and labels of one month."""
    return inputs(data) | {"labels": planned_input("labels", data.files("labels")[:1], "event_time")}


def feature_set() -> FeatureSet:
    views = {name: FeatureView.from_document(view) for name, view in _views().items()}
    return FeatureSet.from_document(SET, views, dict.fromkeys(DATASETS, "event_time"))


def handed_out(built: LocalBuild) -> tuple[dict[str, Any], list[tuple[dict[str, Any], list[Path]]]]:
    """What the platform tells a client of a version, and the files of its views."""
    views = []
    for view in VIEWS:
        version = built.work.built[view.name]
        columns = [asdict(c) for c in version.columns]
        files = [Path(built.work.local[p.sha256]) for p in version.partitions if p.key]
        views.append(({"view": view.name, "columns": columns}, files))
    return {"declared": {"feature_set": SET, "views": _views()}}, views


SPINE = "labelled"
SET: dict[str, Any] = {
    "name": SPINE,
    "spine": SPINE,
    "views": [view.name for view in VIEWS],
    "label": "label",
}


def _views() -> dict[str, dict[str, Any]]:
    spine = _view(SPINE, "spine", "labels", "SELECT entity_id, event_time, label FROM labels")
    others = [_view(v.name, "feature", v.dataset, _select(v), v.max_age_days) for v in VIEWS]
    return {view["name"]: view for view in (spine, *others)}


def _view(name: str, kind: str, dataset: str, sql: str, max_age_days: int | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "inputs": [dataset],
        "entity": ["entity_id"],
        "event_time": "event_time",
        "max_age_seconds": max_age_days and max_age_days * 86_400,
        "sql": sql,
        "windows": [{"input": dataset, "earliest": 0, "latest": 0}],
        "build": "incremental",
    }


def _select(view: View) -> str:
    return f"SELECT entity_id, event_time, {', '.join(view.numbers)} FROM {view.dataset}"
