"""A product of its own for what becomes of versions: appended, waiting, and lying elsewhere."""

from __future__ import annotations

import io
from typing import Any

PRODUCT = "archive"
HEADER = "item,amount"
SHELF_BUCKET = "headgate-e2e-shelf"
"""A bucket of somebody's own; the stack is deployed with the right to read it."""


def bundle() -> dict[str, Any]:
    columns = [
        {"name": "item", "type": "VARCHAR", "required": True, "primary_key": True},
        {"name": "amount", "type": "INTEGER", "minimum": 0},
    ]
    forms: dict[str, dict[str, Any]] = {
        "stock": {"format": "csv", "tables": ["iceberg"]},
        "prices": {"format": "csv", "publish": "manual"},
        "shelf": {"format": "parquet"},
    }
    datasets = {
        name: {"name": name, "version": "1.0.0", "columns": columns, **form} for name, form in forms.items()
    }
    everything = {
        "Sid": "EngineersAndIngest",
        "Effect": "Allow",
        "Principal": {"Headgate": ["service/ingest", "service/publish", "group/ml-engineers"]},
        "Action": "headgate:*",
        "Resource": f"hrn:{PRODUCT}:*",
    }
    never = {
        "Sid": "NobodyCollectsPrices",
        "Effect": "Deny",
        "Principal": {"Headgate": ["group/ml-engineers"]},
        "Action": "headgate:CollectGarbage",
        "Resource": f"hrn:{PRODUCT}:dataset/prices",
    }
    return {
        "format": "headgate.product/1",
        "name": PRODUCT,
        "title": "Archive",
        "owner": "archive-team",
        "stage": "poc",
        "datasets": datasets,
        "views": {},
        "feature_sets": {},
        "training": None,
        "policy": {"Version": "2012-10-17", "Statement": [everything, never]},
        "sources": {},
    }


def rows(**amounts: int) -> bytes:
    """A CSV drop: amounts by item."""
    return "\n".join([HEADER, *(f"{item},{amount}" for item, amount in amounts.items()), ""]).encode()


def parquet(**amounts: int) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    into = io.BytesIO()
    table = pa.table(
        {"item": list(amounts), "amount": list(amounts.values())},
        pa.schema([("item", pa.string()), ("amount", pa.int32())]),
    )
    pq.write_table(table, into)
    return into.getvalue()
