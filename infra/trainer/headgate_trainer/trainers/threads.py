"""How many threads a trainer computes with. Owns the one number that all of them use."""

import os

VARIABLE = "HEADGATE_THREADS"


def threads() -> int:
    """HEADGATE_THREADS, or the cores that this process may use."""
    declared = os.environ.get(VARIABLE, "")
    if declared.isdigit() and int(declared) > 0:
        return int(declared)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
