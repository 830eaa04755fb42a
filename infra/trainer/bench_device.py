"""How busy the GPU is while something runs, as nvidia-smi tells it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Polled:
    """What nvidia-smi says of the device's use while this is entered, in percent."""

    every: float = 0.5
    found: list[float] = field(default_factory=list)

    def __enter__(self) -> Polled:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if shutil.which("nvidia-smi"):
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def mean(self) -> float | None:
        return round(float(np.mean(self.found)), 1) if self.found else None

    def _watch(self) -> None:
        call = ["nvidia-smi", "--id=0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self._done.wait(self.every):
            said = subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()
            if said.isdigit():
                self.found.append(float(said))
