"""The machine a run was on, as far as its results may depend on it. Reads, and never fails a run."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from headgate_trainer.trainers.threads import threads

CPU_INFO = Path("/proc/cpuinfo")
_GPU_QUERY = ("--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")
_ASK_SECONDS = 10


def hardware() -> dict[str, Any]:
    """CPU model, cores of the machine, threads this process may use, memory in MiB, and the GPUs if any."""
    return {
        "cpu": cpu_model(CPU_INFO),
        "cores": os.cpu_count() or 1,
        "threads": threads(),
        "memory_mib": _memory_mib(),
        "gpus": gpus(_nvidia_smi()),
    }


def cpu_model(path: Path) -> str:
    """The first processor's name, or its architecture where it has none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return os.uname().machine


def gpus(answer: str) -> list[dict[str, Any]]:
    """nvidia-smi's lines ``name, driver, MiB``, equal ones counted."""
    found: dict[tuple[str, ...], int] = {}
    for line in answer.splitlines():
        parts = tuple(part.strip() for part in line.split(","))
        if len(parts) == 3:
            found[parts] = found.get(parts, 0) + 1
    return [
        {"name": name, "driver": driver, "memory_mib": int(mib) if mib.isdigit() else None, "count": count}
        for (name, driver, mib), count in found.items()
    ]


def _nvidia_smi() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        asked = subprocess.run(
            [program, *_GPU_QUERY], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout if asked.returncode == 0 else ""


def _memory_mib() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)
