"""Calling MiniStack from a thread that serves no request.

MiniStack keeps account, region and caller of the request in context variables; a job's thread has none of
them.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def in_scope(account_id: str, region: str, work: Callable[[], Result]) -> Result:
    """Run work as the service itself would, in this account and region, with no caller."""
    from ministack.core import responses

    def run() -> Result:
        responses._request_account_id.set(account_id)
        responses._request_region.set(region)
        return work()

    return contextvars.Context().run(run)
