"""What a product serves and served: its releases, and which of them was live at any time."""

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.identity import Principal
from headgate.domain.release import Release
from headgate.ports import Clock, ReleaseCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso, parse_iso
from headgate.services.products import Products


@dataclass(frozen=True)
class LiveAt:
    """What was ``live`` at ``time``, None before the first release; what was live ``before`` it, and what
    came ``after``.
    """

    time: str
    live: Release | None
    before: Release | None
    after: Release | None


@dataclass(frozen=True)
class ReadReleases:
    """The use case. Each method raises NotFound and AccessDenied."""

    products: Products
    catalog: ReleaseCatalog
    guard: Guard
    clock: Clock

    def releases(self, principal: Principal, product: str, limit: int) -> Sequence[Release]:
        """Newest first."""
        self._authorize(principal, product)
        return self.catalog.releases(product, limit)

    def live_at(self, principal: Principal, product: str, at: str | None) -> LiveAt:
        """``at`` is ISO-8601, now when None. Raises ``ValueError`` for what is no time."""
        self._authorize(principal, product)
        time = iso(self.clock.now()) if at is None else iso(parse_iso(at))
        latest = self.catalog.latest_release(product)
        count = 0 if latest is None else latest.number
        number = self._newest_until(product, time, count)
        around = [self._numbered(product, n, count) for n in (number, number - 1, number + 1)]
        return LiveAt(time, *around)

    def _newest_until(self, product: str, time: str, count: int) -> int:
        """The number of the newest release dated at or before ``time``, 0 for none: dates only grow with
        numbers, so it is found by halving, with a read a step.
        """
        low, high = 0, count
        while low < high:
            middle = (low + high + 1) // 2
            if self.catalog.release(product, middle).moved_at <= time:
                low = middle
            else:
                high = middle - 1
        return low

    def _numbered(self, product: str, number: int, count: int) -> Release | None:
        return self.catalog.release(product, number) if 1 <= number <= count else None

    def _authorize(self, principal: Principal, product: str) -> None:
        applied = self.products.get(product)
        self.guard.require_reading(applied, principal)
