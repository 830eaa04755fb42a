"""Measures learning on a GPU: `python infra/trainer/bench_gpu.py --out bench_gpu.json`.

Made-up rows lie in a mapped file, as a run's do. Measured are the trainer `torch` with rows streamed from
there and with rows kept on the device, a loop written by hand over rows that are on the device already, and
the trainer `xgboost`. The JSON names the device and the date. Without CUDA it says so, writes nothing, and
ends well; ``--device cpu`` measures there, for a try with few ``--rows``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_device import Polled
from bench_rows import CHUNK, Made, made, spec_for
from headgate_trainer.trainers import NoCheckpoints
from headgate_trainer.trainers.threads import threads

TARGET = 0.8


def torch_trainer(made_rows: Made, params: dict[str, Any], device: Any, *, resident: bool) -> dict[str, Any]:
    """The trainer's own loop. The first epoch is told apart: kernels are chosen and pages read in it."""
    from headgate_trainer.trainers.torch_inputs import learn_inputs
    from headgate_trainer.trainers.torch_loop import Job, Learning
    from headgate_trainer.trainers.torch_settings import settings

    chosen = settings(spec_for(made_rows, "torch", params, "gpu" if device.type == "cuda" else "cpu"))
    train, watched = made_rows.train, made_rows.watched
    inputs = learn_inputs(train.matrix[: 10 * CHUNK], made_rows.encoding)
    job = Job(chosen, inputs, train.matrix, train.labels, watched.matrix, watched.labels)
    learning = Learning(job, threads(), device=device, resident=resident)
    with Polled() as polled:
        learning.learn(lambda *_: None, lambda *_: None)
    waited = learning.source.waited / sum(learning.seconds)
    return {
        **_speed(len(train.labels), learning.seconds),
        "waiting_share": round(waited, 4),
        "gpu_percent": polled.mean,
    }


def by_hand(made_rows: Made, params: dict[str, Any], device: Any) -> dict[str, Any]:
    """The same network over rows that are on the device already, as one would write it for a paper."""
    import torch
    from headgate_trainer.trainers.torch_inputs import learn_inputs
    from headgate_trainer.trainers.torch_network import Network
    from headgate_trainer.trainers.torch_settings import settings

    torch.set_num_threads(threads())
    chosen = settings(spec_for(made_rows, "torch", params, "gpu" if device.type == "cuda" else "cpu"))
    train = made_rows.train
    rows = torch.empty(train.matrix.shape, device=device)
    for start in range(0, len(rows), CHUNK):
        rows[start : start + CHUNK] = torch.from_numpy(np.array(train.matrix[start : start + CHUNK]))
    truth = torch.from_numpy(train.labels.astype(np.float32)).to(device)
    inputs = learn_inputs(train.matrix[: 10 * CHUNK], made_rows.encoding)
    network = Network(inputs, chosen.hidden, chosen.embedding, 0.0).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=chosen.learning_rate, fused=device.type == "cuda")
    seconds = []
    with Polled() as polled:
        for _ in range(chosen.epochs):
            started = time.perf_counter()
            _epoch_by_hand(network, optimizer, rows, truth, chosen.batch_rows)
            seconds.append(time.perf_counter() - started)
    return {**_speed(len(rows), seconds), "gpu_percent": polled.mean}


def _epoch_by_hand(network: Any, optimizer: Any, rows: Any, truth: Any, batch: int) -> None:
    import torch

    order = torch.randperm(len(rows), device=rows.device)
    for start in range(0, len(rows), batch):
        places = order[start : start + batch]
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(rows.device.type, dtype=torch.bfloat16, enabled=rows.is_cuda):
            logits = network(rows[places])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), truth[places])
        loss.backward()
        optimizer.step()
    loss.item()  # waits for the device


def _speed(rows: int, seconds: list[float]) -> dict[str, Any]:
    later = seconds[1:] or seconds
    return {
        "rows_per_second": round(rows * len(later) / sum(later)),
        "seconds_per_epoch": round(float(np.mean(later)), 3),
        "first_epoch_seconds": round(seconds[0], 3),
    }


def xgboost_trainer(made_rows: Made, rounds: int, cuda: bool) -> dict[str, Any]:
    """The whole fit: quantiles of all rows, and the rounds."""
    from headgate_trainer.trainers.xgboost import XgBoostTrainer

    spec = spec_for(made_rows, "xgboost", {"rounds": rounds, "max_depth": 8}, "gpu" if cuda else "cpu")
    started = time.perf_counter()
    with Polled() as polled:
        trainer = XgBoostTrainer()
        trainer.fit(
            spec, made_rows.encoding, made_rows.train, made_rows.watched, lambda *_: None, NoCheckpoints()
        )
    seconds = time.perf_counter() - started
    rows = len(made_rows.train.labels)
    return {
        "rounds": rounds,
        "seconds": round(seconds, 3),
        "rows_per_second_a_round": round(rows * rounds / seconds),
        "gpu_percent": polled.mean,
    }


def measured(arguments: argparse.Namespace, device: Any) -> dict[str, Any]:
    """The numbers of every part, by its name."""
    params = {"epochs": arguments.epochs, "batch_rows": arguments.batch_rows, "hidden": arguments.hidden}
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        _say(f"making {arguments.rows:,} rows x {arguments.features}")
        rows = made(arguments.rows, arguments.features, Path(folder))
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "by_hand": lambda: by_hand(rows, params, device),
            "torch_streamed": lambda: torch_trainer(rows, params, device, resident=False),
            "torch_resident": lambda: torch_trainer(rows, params, device, resident=True),
            "xgboost": lambda: xgboost_trainer(rows, arguments.rounds, device.type == "cuda"),
        }
        if device.type != "cuda":
            del parts["torch_resident"]
        results = {}
        for part, measure in parts.items():
            _say(part)
            results[part] = measure()
            _say(json.dumps(results[part]))
        return results


def document_of(arguments: argparse.Namespace, name: str, results: dict[str, Any]) -> dict[str, Any]:
    """What is saved: the numbers, what they are of, and the trainer's share of the loop by hand."""
    hand = results["by_hand"]["rows_per_second"]
    learnt = [part for part in results if part.startswith("torch_")]
    shares = {part: round(results[part]["rows_per_second"] / hand, 3) for part in learnt}
    asked = ("rows", "features", "epochs", "batch_rows", "hidden", "rounds")
    return {
        "device": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **{key: getattr(arguments, key) for key in asked},
        "results": results,
        "share_of_by_hand": shares,
        "target": TARGET,
        "ok": max(shares.values()) >= TARGET,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-rows", type=int, default=65_536)
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 256])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("skipped: torch is not installed for this interpreter")
        return 0
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("skipped: PyTorch finds no CUDA device on this machine")
        return 0
    device = torch.device(arguments.device, 0) if arguments.device == "cuda" else torch.device("cpu")
    name = torch.cuda.get_device_name(0) if device.type == "cuda" else f"{platform.machine()} processor"
    document = document_of(arguments, name, measured(arguments, device))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document["share_of_by_hand"]), "of the loop by hand;", arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
