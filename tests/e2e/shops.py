"""The product and the files of the end-to-end tests: small enough to train in a second, and noisy.

The product is that of tests/support with a categorical feature, people's rights, and gates it can pass.
"""

from __future__ import annotations

import calendar
import math
import random
from typing import Any

from tests.support import small_product

PRODUCT = "shops"
MODEL = "buys"
TRAINED_MONTHS = (1, 2)
LATER_MONTH = 3
PER_DAY = 20
DRIFT = 30

PEOPLE: list[dict[str, Any]] = [
    {
        "Sid": "ScientistsExplore",
        "Effect": "Allow",
        "Principal": {"Headgate": ["group/data-scientists"]},
        "Action": ["headgate:ReadProduct", "headgate:Infer"],
        "Resource": "hrn:shops:*",
    },
    {
        "Sid": "ConsumersAsk",
        "Effect": "Allow",
        "Principal": {"Headgate": ["group/consumers"]},
        "Action": "headgate:Infer",
        "Resource": "hrn:shops:model/*",
    },
]


def bundle() -> dict[str, Any]:
    """The whole bundle, as a person applies it."""
    plain = small_product.bundle()
    training = {
        **plain["training"],
        "params": {"rounds": 20, "learning_rate": 0.2, "num_leaves": 7},
        "features": [
            {"name": "double_size", "kind": "numeric"},
            {"name": "warmth", "kind": "numeric"},
            {"name": "shop", "kind": "categorical"},
        ],
        "gates": {"min_auc": 0.6, "min_lift_over_baseline": 0.05, "max_parity_error": 1e-5, "max_auc": 0.99},
    }
    policy = {**plain["policy"], "Statement": [*plain["policy"]["Statement"], *PEOPLE]}
    return {**plain, "training": training, "policy": policy}


def visits_csv(month: int) -> bytes:
    """A month of 2024: the larger, the likelier a sale; the shop matters a little. Later sizes are larger."""
    chance = random.Random(month)
    larger = DRIFT if month >= LATER_MONTH else 0
    lines = ["visit_id,visited_at,shop,size,bought"]
    for day in range(1, calendar.monthrange(2024, month)[1] + 1):
        for n in range(PER_DAY):
            shop, size = chance.choice(("north", "south")), chance.randrange(50) + larger
            likely = 1 / (1 + math.exp(-(size - 25 - 6 * (shop == "north")) / 6))
            bought = chance.random() < likely
            at = f"2024-{month:02d}-{day:02d} {8 + n // 2:02d}:{30 * (n % 2):02d}:00"
            lines.append(f"v{month}-{day}-{n},{at},{shop},{size},{str(bought).lower()}")
    return _file(lines)


def sensor_csv(month: int) -> bytes:
    """A reading an hour, day and shop."""
    chance = random.Random(100 + month)
    lines = ["shop,known_at,warmth"]
    for day in range(1, calendar.monthrange(2024, month)[1] + 1):
        for hour in range(7, 19):
            for shop in ("north", "south"):
                lines.append(
                    f"{shop},2024-{month:02d}-{day:02d} {hour:02d}:00:00,{chance.uniform(5, 25):.2f}"
                )
    return _file(lines)


def newest_warmth(month: int) -> dict[str, float]:
    """What the last reading of the month said, by shop: what the online store has to hold."""
    rows = [line.split(",") for line in sensor_csv(month).decode().splitlines()[1:]]
    return {shop: float(warmth) for shop, _, warmth in rows}


def prices_csv() -> bytes:
    return _file(["item", "tea", "cake"])


def _file(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
