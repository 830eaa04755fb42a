"""A job handed to other processes: arrays as files, the rest as JSON. Owns that folder's layout."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from headgate_trainer.trainers.torch_inputs import Inputs
from headgate_trainer.trainers.torch_loop import Job
from headgate_trainer.trainers.torch_settings import Settings

JOB, RESUME, CHECKPOINT, WEIGHTS = "job.json", "resume.pt", "checkpoint.pt", "weights.npz"
_ARRAYS = ("matrix", "labels", "watched", "watched_labels")


def write_job(job: Job, threads: int, folder: Path) -> Path:
    """An array that is mapped from a file already is named, not copied."""
    arrays = {name: _named(getattr(job, name), folder / f"{name}.raw") for name in _ARRAYS}
    document = {
        "settings": job.settings.to_document(),
        "inputs": job.inputs.to_document(),
        "arrays": arrays,
        "threads": threads,
    }
    path = folder / JOB
    path.write_text(json.dumps(document))
    return path


def read_job(path: Path) -> tuple[Job, int]:
    """The job, with its arrays mapped, and the threads of all its processes together."""
    document = json.loads(path.read_text())
    arrays = {name: _mapped(found) for name, found in document["arrays"].items()}
    settings = Settings.from_document(document["settings"])
    job = Job(settings=settings, inputs=Inputs.from_document(document["inputs"]), **arrays)
    return job, document["threads"]


def _named(array: Any, path: Path) -> dict[str, Any]:
    whole_file = isinstance(array, np.memmap) and array.offset == 0 and array.flags.c_contiguous
    found = Path(str(array.filename)) if whole_file and array.filename else None
    if found is None or not found.exists() or found.stat().st_size != array.nbytes:
        found = path
        np.ascontiguousarray(array).tofile(found)
    return {"path": str(found), "dtype": array.dtype.str, "shape": list(array.shape)}


def _mapped(found: dict[str, Any]) -> Any:
    return np.memmap(found["path"], dtype=found["dtype"], mode="r", shape=tuple(found["shape"]))
