"""Unit tests reach no network: a test that tries fails at once, instead of passing on one machine alone."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import pytest


class NetworkReached(AssertionError):
    """A unit test tried to open a connection or to look up a name."""


def _refuse(*arguments: Any, **_options: Any) -> NoReturn:
    raise NetworkReached(f"unit tests must not use the network: {arguments[-1]!r}")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make connecting and name lookup fail."""
    monkeypatch.setattr(socket.socket, "connect", _refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", _refuse)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)
