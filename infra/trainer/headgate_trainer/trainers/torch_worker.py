"""One process of many that learn one network, started by torchrun: ``torch_worker <folder>/job.json``.

The first process tells on standard output, a line of JSON each, how far it is and which checkpoints it wrote.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed

from headgate_trainer.trainers.torch_job import CHECKPOINT, RESUME, WEIGHTS, read_job
from headgate_trainer.trainers.torch_loop import Learning


def main(path: Path) -> None:
    rank, processes = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    job, threads = read_job(path)
    cuda = job.settings.cuda and torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        share = max(1, threads // int(os.environ["LOCAL_WORLD_SIZE"]))
        learning = Learning(job, share, rank, processes, device)
        resume = path.with_name(RESUME)
        content = resume.read_bytes() if resume.exists() else None

        def boundary(epochs: int, state: Callable[[], bytes]) -> None:
            if rank == 0:
                _replace(path.with_name(CHECKPOINT), state())
                _say(checkpoint=CHECKPOINT, steps=epochs)

        weights = learning.learn(_tell, boundary, content)
        if rank == 0:
            with path.with_name(WEIGHTS).open("wb") as target:
                np.savez(target, **weights)
    finally:
        torch.distributed.destroy_process_group()


def _tell(done: int, total: int, measured: dict[str, float]) -> None:
    _say(done=done, total=total, metrics=measured)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def _say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # Everything is written. Threads of Gloo may still hold tensors, and to free one while the interpreter is
    # taken apart aborts the process: it ends without that.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
