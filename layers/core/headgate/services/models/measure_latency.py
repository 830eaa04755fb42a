"""How long the serving runtime takes for one row of a model, and how large the artifact is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headgate.ports import Clock, LoadedModel

WARM_UP, MEASURED = 20, 200
MEGABYTE = 1_000_000


def size_mb(artifact: Path) -> float:
    """Megabytes of 10^6 bytes."""
    return artifact.stat().st_size / MEGABYTE


def latency_ms(
    model: LoadedModel, columns: Mapping[str, Sequence[Any]], rows: int, clock: Clock
) -> dict[str, float]:
    """Milliseconds of single-row scoring, after a warm-up, over as many held-out rows as there are or
    `MEASURED`, in turn: ``{"latency_ms_p50", "latency_ms_p95"}``. What the network adds is not in it.
    """
    spent = []
    for n in range(WARM_UP + MEASURED):
        row = {name: [values[n % rows]] for name, values in columns.items()}
        started = clock.monotonic()
        model.score(row)
        spent.append(clock.monotonic() - started)
    ordered = sorted(spent[WARM_UP:])
    return {
        "latency_ms_p50": 1000 * ordered[len(ordered) // 2],
        "latency_ms_p95": 1000 * ordered[(len(ordered) * 95) // 100],
    }
