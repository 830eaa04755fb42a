"""A large CSV of sales and the contract it keeps: not null, unique, and ranges on five columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.domain.contract import Contract

from tests.support.data_product import data_product

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PRODUCT, DATASET, TWIN = "bench", "sales", "young_sales"
ROWS_A_MEGABYTE = 12_515
"""Measured: a row has 79.9 bytes on average."""
TYPES = {
    "sale_id": "BIGINT",
    "sold_at": "TIMESTAMP",
    "store": "INTEGER",
    "quantity": "INTEGER",
    "price": "DOUBLE",
    "discount": "DOUBLE",
    "currency": "VARCHAR",
    "customer": "VARCHAR",
}
RANGES: dict[str, tuple[Any, Any]] = {
    "sale_id": (0, 4_294_967_295),
    "sold_at": ("2020-01-01", "2030-01-01"),
    "store": (1, 5000),
    "quantity": (1, 100),
    "price": (0, 1000),
}
# Odd, so that multiplying by it modulo 2^32 repeats no id, and leaves them in no order.
_SCATTER = 2_654_435_761
_SELECT = f"""
SELECT (i * {_SCATTER}) % 4294967296 AS sale_id,
       TIMESTAMP '2024-01-01' + to_seconds(i) AS sold_at,
       1 + hash(i) % 5000 AS store,
       1 + hash(i + 1) % 100 AS quantity,
       (hash(i + 2) % 100000) / 100 AS price,
       (hash(i + 3) % 1000000) / 1000000 AS discount,
       ['EUR', 'USD', 'GBP', 'JPY'][1 + (hash(i + 4) % 4)::INTEGER] AS currency,
       'customer-' || (hash(i + 5) % 1000000)::VARCHAR || '-of-' || (hash(i + 6) % 100)::VARCHAR AS customer
FROM range({{first}}, {{last}}) t(i)
"""


def contract_document(dataset: str = DATASET) -> dict[str, Any]:
    columns = [{"name": name, "type": kind, "required": True} for name, kind in TYPES.items()]
    for column in columns:
        low, high = RANGES.get(str(column["name"]), (None, None))
        column |= {"minimum": low, "maximum": high} if low is not None else {}
        column |= {"unique": True} if column["name"] == "sale_id" else {}
    return {"name": dataset, "version": "1.0.0", "format": "csv", "columns": columns}


def contract() -> Contract:
    return Contract.from_document(contract_document())


def bundle() -> dict[str, Any]:
    """A product with this dataset and a twin, which ingest may commit to."""
    return data_product(PRODUCT, {name: contract_document(name) for name in (DATASET, TWIN)})


def write_csv(path: Path, first: int, rows: int) -> None:
    """``rows`` sales, numbered from ``first``: files of disjoint numbers share no id."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        _write(connection, path, first, rows)


def write_many(folder: Path, files: int, rows: int) -> list[Path]:
    """Files of ``rows`` sales each, no id in two of them."""
    import duckdb

    folder.mkdir(parents=True)
    paths = [folder / f"{number:05d}.csv" for number in range(files)]
    with duckdb.connect() as connection:
        for number, path in enumerate(paths):
            _write(connection, path, number * rows, rows)
    return paths


def _write(connection: DuckDBPyConnection, path: Path, first: int, rows: int) -> None:
    connection.execute(f"COPY ({_SELECT.format(first=first, last=first + rows)}) TO '{path}' (HEADER)")
