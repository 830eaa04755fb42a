"""The Clock and Scratch contracts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.adapters.backends import Backend


class TestClock:
    def test_now_is_utc(self, backend: Backend) -> None:
        assert backend.clock.now().utcoffset() == timedelta(0)

    def test_a_pause_passes_on_both_clocks(self, backend: Backend) -> None:
        now, ticks = backend.clock.now(), backend.clock.monotonic()

        backend.clock.sleep(0.01)

        assert backend.clock.now() > now
        assert backend.clock.monotonic() - ticks >= 0.0099


class TestScratch:
    def test_a_directory_is_fresh_and_gone_afterwards(self, backend: Backend) -> None:
        with backend.scratch.directory() as first, backend.scratch.directory() as second:
            (first / "file").write_text("x")
            assert first != second
            assert list(second.iterdir()) == []

        assert not first.exists() and not second.exists()

    def test_a_directory_is_gone_after_a_failure(self, backend: Backend) -> None:
        with pytest.raises(RuntimeError), backend.scratch.directory() as directory:
            raise RuntimeError

        assert not directory.exists()
