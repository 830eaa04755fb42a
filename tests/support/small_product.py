"""A product small enough to reason about: visits to shops, and what a sensor in each had said by then."""

import json
from typing import Any

from headgate.domain.online_space import online_spaces
from headgate.domain.product import Product

SPINE = """
SELECT visit_id, visited_at, shop, size, CAST(bought AS INTEGER) AS bought FROM visits
"""
ON_DEMAND = "SELECT visit_id, size * 2 AS double_size, hour(visited_at) AS hour FROM request"
SENSOR = "SELECT shop, known_at, warmth FROM sensor"

SERVICES = [f"service/{name}" for name in ("ingest", "build_features", "train", "register", "monitor")]

POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Everything",
            "Effect": "Allow",
            "Principal": {"Headgate": [*SERVICES, "group/ml-engineers"]},
            "Action": "headgate:*",
            "Resource": "hrn:shops:*",
        },
        {
            "Sid": "OnlyEngineersPromote",
            "Effect": "Deny",
            "Principal": {"Headgate": ["group/data-scientists"]},
            "Action": "headgate:PromoteModel",
            "Resource": "hrn:shops:*",
        },
    ],
}


def visits_contract() -> dict[str, Any]:
    return {
        "name": "visits",
        "version": "1.0.0",
        "format": "csv",
        "null_values": ["NA"],
        "columns": [
            {"name": "visit_id", "type": "VARCHAR", "required": True, "primary_key": True},
            {"name": "visited_at", "type": "TIMESTAMP", "required": True},
            {"name": "shop", "type": "VARCHAR", "required": True, "allowed": ["north", "south"]},
            {"name": "size", "type": "INTEGER", "minimum": 0, "maximum": 100},
            {"name": "bought", "type": "BOOLEAN", "required": True},
        ],
    }


def bundle(**changes: Any) -> dict[str, Any]:
    """A whole product bundle; ``changes`` replace top-level fields."""
    document: dict[str, Any] = {
        "format": "headgate.product/1",
        "name": "shops",
        "title": "Shops",
        "owner": "shop-team",
        "stage": "poc",
        "datasets": {
            "visits": visits_contract(),
            "sensor": {
                "name": "sensor",
                "version": "1.0.0",
                "format": "csv",
                "columns": [
                    {"name": "shop", "type": "VARCHAR", "required": True},
                    {"name": "known_at", "type": "TIMESTAMP", "required": True},
                    {"name": "warmth", "type": "DOUBLE"},
                ],
            },
            "prices": {
                "name": "prices",
                "version": "1.0.0",
                "format": "csv",
                "operation": "overwrite",
                "columns": [{"name": "item", "type": "VARCHAR", "required": True}],
            },
        },
        "views": {
            "visit": _view("visit", "spine", ["visits"], ["visit_id"], "visited_at", SPINE),
            "asked": _view("asked", "on_demand", ["request"], ["visit_id"], None, ON_DEMAND),
            "sensor_now": {
                **_view("sensor_now", "feature", ["sensor"], ["shop"], "known_at", SENSOR),
                "max_age_seconds": 3600,
                "online": True,
            },
        },
        "feature_sets": {
            "visit": {
                "name": "visit",
                "spine": "visit",
                "on_demand": "asked",
                "views": ["sensor_now"],
                "label": "bought",
                "request": [
                    {"name": "visit_id", "type": "VARCHAR"},
                    {"name": "visited_at", "type": "TIMESTAMP"},
                    {"name": "shop", "type": "VARCHAR"},
                    {"name": "size", "type": "INTEGER"},
                ],
            }
        },
        "training": {
            "model": "buys",
            "feature_set": "visit",
            "trainer": "lightgbm",
            "compute_class": "cpu",
            "params": {"rounds": 5},
            "seed": 1,
            "split": {"train": ["2024-01-01", "2024-02-01"], "holdout": ["2024-02-01", "2024-03-01"]},
            "features": [{"name": "double_size", "kind": "numeric"}, {"name": "warmth", "kind": "numeric"}],
            "label": "bought",
            "baselines": [{"name": "by_shop", "mean_by": ["shop"]}],
            "gates": {"min_auc": 0.6, "min_lift_over_baseline": 0.01, "max_auc": 1.0},
            "budget_usd_per_month": 1.0,
            "timeout_seconds": 600,
        },
        "policy": POLICY,
        "sources": {},
    }
    return {**document, **changes}


def space(view: str = "sensor_now", document: dict[str, Any] | None = None) -> str:
    """Where the online rows of a view lie, as the bundle ``document`` declares it."""
    declared = Product.from_document(document or bundle()).feature_sets["visit"]
    return online_spaces(declared)[view]


def other_product(**changes: Any) -> dict[str, Any]:
    """The same product under another name; its model's name is the same."""
    document: dict[str, Any] = json.loads(json.dumps(bundle(**changes)).replace("shops", "others"))
    return document


def _view(
    name: str, kind: str, inputs: list[str], entity: list[str], event_time: str | None, sql: str
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "inputs": inputs,
        "entity": entity,
        "event_time": event_time,
        "max_age_seconds": None,
        "online": False,
        "sql": sql,
    }


def visits_csv(month: int, days: int = 28, per_day: int = 4) -> bytes:
    """One month of 2024: whoever comes with a larger size buys; ids are unique across months."""
    lines = ["visit_id,visited_at,shop,size,bought"]
    for day in range(1, days + 1):
        for n in range(per_day):
            size = (day * 7 + n * 13) % 50
            shop = "north" if n % 2 else "south"
            lines.append(
                f"v{month}-{day}-{n},2024-{month:02d}-{day:02d} 1{n}:30:00,{shop},{size},{size > 25}"
            )
    return ("\n".join(lines) + "\n").encode()


def sensor_csv(month: int, days: int = 28) -> bytes:
    """Two readings a day and shop, at 10:00 and 12:00."""
    lines = ["shop,known_at,warmth"]
    for day in range(1, days + 1):
        for hour in (10, 12):
            for shop in ("north", "south"):
                lines.append(f"{shop},2024-{month:02d}-{day:02d} {hour}:00:00,{day + hour / 100}")
    return ("\n".join(lines) + "\n").encode()
