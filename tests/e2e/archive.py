"""A product of its own for what becomes of versions: appended, waiting, and lying elsewhere."""

from __future__ import annotations

import io
from typing import Any

from tests.support.data_product import data_product

PRODUCT = "archive"
HEADER = "item,amount"
SHELF_BUCKET = "headgate-e2e-shelf"
"""A bucket of somebody's own; the stack is deployed with the right to read it."""


def bundle() -> dict[str, Any]:
    columns = [
        {"name": "item", "type": "VARCHAR", "required": True, "primary_key": True},
        {"name": "amount", "type": "INTEGER", "minimum": 0},
    ]
    never = {
        "Sid": "NobodyCollectsPrices",
        "Effect": "Deny",
        "Principal": {"Headgate": ["group/ml-engineers"]},
        "Action": "headgate:CollectGarbage",
        "Resource": f"hrn:{PRODUCT}:dataset/prices",
    }
    datasets = {
        "stock": {"columns": columns, "tables": ["iceberg"]},
        "prices": {"columns": columns, "publish": "manual"},
        "shelf": {"columns": columns, "format": "parquet"},
    }
    return data_product(PRODUCT, datasets, ("ingest", "publish"), [never])


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
