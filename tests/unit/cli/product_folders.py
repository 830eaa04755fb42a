"""Small product folders for the compiler's tests: one that compiles, and ways to break it."""

import json
from pathlib import Path
from typing import Any

import yaml

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": {"Headgate": ["*"]},
            "Action": "headgate:Read*",
            "Resource": "*",
        }
    ],
}
SPINE = """-- kind: spine
-- inputs: orders
-- entity: order_id
-- event_time: placed_at
-- online: false
--
-- Note: one row an order.
SELECT order_id, shop, placed_at, CAST(late AS INTEGER) AS late FROM orders
"""
VIEW = """-- kind: feature
-- inputs: orders
-- entity: shop
-- event_time: known_at
-- max_age: 6h
-- online: true
SELECT shop, placed_at + INTERVAL 1 HOUR AS known_at, count(*) AS orders FROM orders GROUP BY ALL
"""


def contract() -> dict[str, Any]:
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "orders-contract",
        "version": "1.2.0",
        "status": "active",
        "servers": [{"server": "landing", "type": "s3", "format": "csv", "delimiter": ","}],
        "customProperties": [
            {"property": "headgateNullValues", "value": ["NA", ""]},
            {"property": "headgateOperation", "value": "append"},
        ],
        "schema": [
            {
                "name": "orders",
                "properties": [
                    {"name": "order_id", "logicalType": "string", "required": True, "primaryKey": True},
                    {
                        "name": "shop",
                        "physicalType": "varchar",
                        "enum": [{"value": "north"}, {"value": "south"}],
                    },
                    {"name": "placed_at", "logicalType": "timestamp", "required": True},
                    {
                        "name": "amount",
                        "logicalType": "number",
                        "logicalTypeOptions": {"minimum": 0, "maximum": 1e6},
                    },
                    {"name": "late", "logicalType": "boolean", "classification": "restricted"},
                ],
                "quality": [{"name": "some_rows", "metric": "rowCount", "mustBeGreaterThan": 0}],
            }
        ],
    }


def descriptor() -> dict[str, Any]:
    return {
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": "shop-product",
        "name": "shop",
        "status": "active",
        "team": {"name": "shop-team"},
        "inputPorts": [{"name": "orders", "version": "1.2.0", "contractId": "orders-contract"}],
        "customProperties": [
            {"property": "headgateStage", "value": "poc"},
            {
                "property": "headgateFeatureSets",
                "value": [{"name": "basket", "spine": "placed", "views": ["shop_load"], "label": "late"}],
            },
        ],
    }


def training() -> dict[str, Any]:
    return {
        "model": "shop_late",
        "feature_set": "basket",
        "trainer": "lightgbm",
        "compute_class": "cpu",
        "params": {"num_leaves": 31},
        "seed": 7,
        "split": {"train": ["2024-01-01", "2024-03-01"], "holdout": ["2024-03-01", "2024-04-01"]},
        "features": [{"name": "orders", "kind": "numeric"}],
        "label": "late",
        "gates": {"min_auc": 0.6},
        "budget_usd_per_month": 5.0,
        "timeout_seconds": 600,
    }


def write_product(
    folder: Path, *, contract: dict[str, Any], descriptor: dict[str, Any], training: dict[str, Any] | None
) -> Path:
    """A product folder as a developer would lay it out; `folder` must not exist."""
    (folder / "features").mkdir(parents=True)
    (folder / "shop.odps.yaml").write_text(yaml.safe_dump(descriptor, sort_keys=False))
    (folder / "orders.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    (folder / "features" / "placed.sql").write_text(SPINE)
    (folder / "features" / "shop_load.sql").write_text(VIEW)
    (folder / "policy.json").write_text(json.dumps(POLICY))
    if training is not None:
        (folder / "training.yaml").write_text(yaml.safe_dump(training, sort_keys=False))
    return folder
