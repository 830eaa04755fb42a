"""The labels of `label_data` and its views as a feature set, built by months."""

from __future__ import annotations

from headgate.domain.feature import FeatureSet, FeatureView
from headgate.services.feature_plan import PlannedInput

from tests.bench.features.label_data import VIEWS, Labels, View
from tests.support.local_features import planned_input

DATASETS = ("labels", *(view.dataset for view in VIEWS))


def inputs(data: Labels) -> dict[str, PlannedInput]:
    return {name: planned_input(name, data.files(name), "event_time") for name in DATASETS}


def feature_set() -> FeatureSet:
    return FeatureSet(
        name="labelled",
        spine=_view("labelled", "spine", "labels", "SELECT entity_id, event_time, label FROM labels"),
        on_demand=None,
        views=tuple(_view(v.name, "feature", v.dataset, _select(v), v.max_age_days) for v in VIEWS),
        label="label",
        request=(),
        event_times=dict.fromkeys(DATASETS, "event_time"),
    )


def _view(name: str, kind: str, dataset: str, sql: str, max_age_days: int | None = None) -> FeatureView:
    return FeatureView.from_document(
        {
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
    )


def _select(view: View) -> str:
    return f"SELECT entity_id, event_time, {', '.join(view.numbers)} FROM {view.dataset}"
