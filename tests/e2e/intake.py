"""A product of its own for drops as people really make them: every format, and every kind of check."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass
from typing import Any

import zstandard

from tests.support.data_product import data_product

PRODUCT = "intake"
UNROUTED = "_unrouted"
HEADER = "order_id,placed_at,shop,amount,note"
ODD = "2024 05+a%b é&=?#ü"
"""A space and every character that URL encoding, S3 notifications and shells treat in their own way."""


def bundle() -> dict[str, Any]:
    """No features and no training: nothing but contracts."""
    order = [
        {"name": "order_id", "type": "VARCHAR", "required": True, "primary_key": True},
        {"name": "placed_at", "type": "TIMESTAMP", "required": True},
        {"name": "shop", "type": "VARCHAR", "allowed": ["north", "south"]},
        {"name": "amount", "type": "INTEGER", "minimum": 0, "maximum": 100},
        {"name": "note", "type": "VARCHAR"},
    ]
    reading = [
        {"name": "sensor", "type": "VARCHAR", "required": True},
        {"name": "warmth", "type": "DOUBLE", "required": True},
    ]
    datasets = {
        name: {"name": name, "version": "1.0.0", "format": kind, "columns": columns}
        for name, kind, columns in (
            ("orders", "csv", order),
            ("clicks", "jsonl", reading),
            ("readings", "parquet", reading),
            ("repeats", "csv", order),
            ("bursts", "csv", order),
        )
    }
    datasets["tills"] = {
        "name": "tills",
        "version": "1.0.0",
        "format": "csv",
        "encoding": "utf-16",
        "csv": {"delimiter": ";", "decimal_separator": ",", "skip_lines": 1},
        "columns": [
            {"name": "till", "type": "VARCHAR", "path": "Kassen-Nr.", "required": True},
            {"name": "day", "type": "DATE", "format": "%d.%m.%Y"},
            {"name": "takings", "type": "DECIMAL(10,2)", "minimum": 0},
        ],
    }
    datasets["baskets"] = {
        "name": "baskets",
        "version": "1.0.0",
        "format": "json",
        "undeclared": "ignore",
        "columns": [
            {"name": "basket", "type": "BIGINT", "primary_key": True},
            {"name": "city", "type": "VARCHAR", "path": "customer.address.city"},
            {"name": "items", "type": "STRUCT(sku VARCHAR, n INTEGER)[]"},
        ],
    }
    return data_product(PRODUCT, datasets)


def orders(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def order(name: str, *, at: str = "2024-05-01 10:00:00", shop: str = "north", amount: str = "5") -> str:
    return f"{name},{at},{shop},{amount},a note"


def readings(name: str, warmth: Any = 12.5) -> bytes:
    """A Parquet file of one row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    into = io.BytesIO()
    pq.write_table(pa.table({"sensor": [name], "warmth": [warmth]}), into)
    return into.getvalue()


def tills(*rows: str) -> bytes:
    """As a till's own program writes them."""
    lines = ["Bericht vom Tage", "Kassen-Nr.;day;takings", *rows, ""]
    return zstandard.compress("\r\n".join(lines).encode("utf-16"))


def baskets(*numbers: int) -> bytes:
    """One JSON array, each basket with more than the contract names."""
    items = [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}]
    customer = {"name": "é", "address": {"city": "Zürich", "zip": "8000"}}
    return json.dumps(
        [{"basket": n, "customer": customer, "items": items} for n in numbers], indent=1
    ).encode()


@dataclass(frozen=True)
class Bad:
    """A drop that has to be refused by ``rule``, ``rows`` of it failing, for a reason that says ``said``."""

    name: str
    key: str
    body: bytes
    rule: str
    rows: int | None
    said: str

    @property
    def product(self) -> str:
        """Under whose quarantine it is kept: what belongs to no product is kept under a name of its own."""
        return PRODUCT if self.key.startswith(f"{PRODUCT}/") and self.rule != "unknown_prefix" else UNROUTED


@dataclass(frozen=True)
class Good:
    """A drop that has to become part of a version."""

    key: str
    body: bytes
    rows: int


def _orders(name: str, body: bytes, rule: str, rows: int | None, said: str = "", suffix: str = "csv") -> Bad:
    return Bad(name, f"{PRODUCT}/orders/{name}.{suffix}", body, rule, rows, said or f"{rows} rows")


def _typed(name: str, suffix: str, body: bytes, rule: str, rows: int | None, said: str) -> Bad:
    dataset = {"parquet": "readings", "jsonl": "clicks", "json": "baskets"}[suffix]
    return Bad(name, f"{PRODUCT}/{dataset}/{name}.{suffix}", body, rule, rows, said)


_FINE = [order("f1"), order("f2")]
_PLAIN = orders(*_FINE)
_NO_FILE = "<product>/<dataset>/<file>"
_LATIN = orders(*_FINE, order("d1", shop="n?rth")).replace(b"?", b"\xf6")
_EXTRA = orders(order("m2") + ",1", header=HEADER + ",extra")
_HALF = b'{"sensor": "c1", "warmth": 1}\n{"sensor": \n'
_BOMB = zstandard.compress(HEADER.encode() + b"\n" * 80_000_000)
BAD = (
    Bad("unknown_product", "nobody/orders/a.csv", _PLAIN, "unknown_product", None, "nobody"),
    Bad("no_prefix", "stray.csv", _PLAIN, "unknown_prefix", None, _NO_FILE),
    Bad("no_file_name", f"{PRODUCT}/orders/", b"", "unknown_prefix", None, _NO_FILE),
    Bad("unknown_dataset", f"{PRODUCT}/ordres/a.csv", _PLAIN, "unknown_dataset", None, "orders"),
    Bad("odd_dataset", f"{PRODUCT}/{ODD}/a.csv", _PLAIN, "unknown_dataset", None, ODD),
    _orders("empty", b"", "empty_file", None, "no bytes"),
    _orders("header_only", orders(), "no_rows", None, "no rows"),
    _orders("too_few_values", orders(*_FINE, "r1,2024-05-01 10:00:00"), "ragged_row", 1, "line 4"),
    _orders("too_many_values", orders(*_FINE, order("r2") + ",x,y"), "ragged_row", 1, "line 4"),
    _orders("undecodable", _LATIN, "undecodable", 1, "line 4"),
    _orders("undecodable_header", b"\xf6" + _PLAIN, "undecodable", None, "header"),
    _orders("wrong_type", orders(*_FINE, order("t1", amount="many")), "wrong_type", 1, "amount"),
    _orders("wrong_time", orders(order("t2", at="yesterday"), *_FINE), "wrong_type", 1, "placed_at"),
    _orders("few_columns", orders("m1,5", header="order_id,amount"), "missing_column", None, "placed_at"),
    _orders("more_columns", _EXTRA, "unexpected_column", None, "extra"),
    _orders("null", orders(*_FINE, order("n1", at="")), "not_null:placed_at", 1),
    _orders("below", orders(order("b1", amount="-1"), order("b2", amount="-2")), "minimum:amount", 2),
    _orders("above", orders(*_FINE, order("b3", amount="101")), "maximum:amount", 1),
    _orders("not_allowed", orders(*_FINE, order("b4", shop="east")), "allowed:shop", 1),
    _orders("same_key_twice", orders(*_FINE, order("f1")), "primary_key:order_id", 2, "1 keys"),
    _orders("truncated", gzip.compress(_PLAIN)[:-12], "broken_gzip", None, "gzip", "csv.gz"),
    _orders("cut", zstandard.compress(_PLAIN)[:-3], "broken_zstd", None, "cut off", "csv.zst"),
    _orders("bomb", _BOMB, "compression_ratio", None, "SOURCE_MAX_RATIO", "csv.zst"),
    _orders(f"bad {ODD}", orders(order("o1", amount="x")), "wrong_type", 1, "amount"),
    _typed("footer", "parquet", readings("p1")[:-6] + b"\x00" * 6, "unreadable", None, "Parquet"),
    _typed("cut", "parquet", readings("p2")[:-200], "unreadable", None, "Parquet"),
    _typed("type", "parquet", readings("p3", "warm"), "wrong_type", 1, "warmth"),
    _typed("half", "jsonl", _HALF, "broken_json", 1, "line 2"),
    _typed("array", "json", baskets(1, 2)[:-3], "broken_json", 1, "line"),
)
GOOD = (
    Good(f"{PRODUCT}/orders/plain.csv", orders(order("g1"), order("g2")), 2),
    Good(f"{PRODUCT}/orders/{ODD}.csv", orders(order("g3")), 1),
    Good(f"{PRODUCT}/orders/deep/er/{ODD}/packed.csv.gz", gzip.compress(orders(order("g4"))), 1),
    Good(f"{PRODUCT}/orders/nulls.csv", orders("g5,2024-05-01 10:00:00,,,"), 1),
    Good(f"{PRODUCT}/orders/reordered.csv", orders("2024-05-01 10:00:00,g6", header="placed_at,order_id"), 1),
    Good(f"{PRODUCT}/orders/without.extension", orders(order("g7")), 1),
    Good(f"{PRODUCT}/readings/fine.parquet", readings("g8"), 1),
    Good(f"{PRODUCT}/clicks/fine.jsonl", b'{"sensor": "g9", "warmth": 2}\n', 1),
    Good(f"{PRODUCT}/tills/report.csv", tills("1;01.05.2024;1234,50", "2;02.05.2024;0,5"), 2),
    Good(f"{PRODUCT}/baskets/day.json", baskets(1, 2, 3), 3),
)
