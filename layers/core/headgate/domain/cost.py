"""Cost: the price table and the lines of the ledger.

Money is US dollars; an unknown price is an error, never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from headgate.domain.errors import ConfigurationError


def exact(usd: float) -> Decimal:
    """Money for sums and comparisons: to a millionth of a dollar, so that 0.1 + 0.2 is 0.3."""
    return Decimal(repr(float(usd))).quantize(Decimal("1e-6"))


@dataclass(frozen=True)
class CostLine:
    """One thing that was paid for: ``quantity`` in ``unit`` at ``usd`` in all.

    ``id`` makes a repeated delivery one line.
    """

    id: str
    product: str
    kind: str
    quantity: float
    unit: str
    usd: float
    time: str
    run: str | None = None


@dataclass(frozen=True)
class PriceTable:
    """``infra/prices.json``: list prices of one region at one date."""

    document: Mapping[str, Any]

    def compute_usd_per_hour(self, compute_class: str) -> float:
        """Raises ConfigurationError when the class has no price."""
        entry = self.document.get("compute", {}).get(compute_class)
        if entry is None or "usd_per_hour" not in entry:
            raise ConfigurationError(f"no price for compute class {compute_class!r} in the price table")
        return float(entry["usd_per_hour"])

    def compute_usd(self, compute_class: str, seconds: float) -> float:
        return self.compute_usd_per_hour(compute_class) * seconds / 3600.0

    def function_usd(self, memory_mb: int, seconds: float) -> float:
        """One invocation of a Lambda function. Raises ConfigurationError when it has no price."""
        priced = self.document.get("lambda", {})
        if "gb_second" not in priced or "million_requests" not in priced:
            raise ConfigurationError("no price for Lambda functions in the price table")
        used = float(priced["gb_second"]) * memory_mb / 1024 * seconds
        return used + float(priced["million_requests"]) / 1_000_000


@dataclass(frozen=True)
class Budget:
    """A month's allowance of one product, in US dollars."""

    product: str
    month: str
    limit: float
    reserved: float
    spent: float

    @property
    def left(self) -> float:
        return self.limit - self.reserved - self.spent
