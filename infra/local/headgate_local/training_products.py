"""The flights product as the training story declares it: variations of training.yaml, applied as alice.

Owns no more than what differs. The search and the short run do without the backtest: it is the champion's.
"""

from __future__ import annotations

import copy
from typing import Any

from headgate_local.demo_context import PRODUCT, DemoContext

BY_HAND: dict[str, Any] = {"triggers": {"feature_version": False}}
"""Nothing trains by itself: an event that comes late would train what is declared for an act alone."""
SEARCHED: dict[str, Any] = {**BY_HAND, "backtest": None}
SHORT_ROUNDS = 300


def short(context: DemoContext, **more: Any) -> dict[str, Any]:
    """A run that keeps a checkpoint wherever it may, and is long enough to be interrupted."""
    params = {**context.bundle["training"]["params"], "rounds": SHORT_ROUNDS}
    chosen = {"backtest": None, "search": None, "checkpoint_minutes": 0.01, "params": params}
    return {**BY_HAND, **chosen, **more}


def apply(context: DemoContext, changes: dict[str, Any] | None = None) -> None:
    """Applies the product with these fields of training.yaml, None for one it is to lack; as it lies in its
    folder without any.
    """
    bundle = copy.deepcopy(context.bundle)
    for name, value in (changes or {}).items():
        if value is None:
            bundle["training"].pop(name, None)
        else:
            bundle["training"][name] = value
    context.api("alice").apply_product(PRODUCT, bundle)
