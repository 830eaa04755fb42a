"""The suites are not empty: every port is tested over the in-memory adapter and over another."""

from __future__ import annotations


def test_the_suites_run_over_more_than_one_backend(backend_names: tuple[str, ...]) -> None:
    assert backend_names == ("memory", "moto")
