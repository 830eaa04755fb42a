"""Learning: steps of AdamW over batches, in one process or in many that share each batch.

On the processor equal runs are equal bit for bit, on the same number of threads. CUDA is not held to that:
bf16 and its atomic additions are worth more there.
"""

import functools
import hashlib
import io
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from headgate_trainer import metrics
from headgate_trainer.encoding import Matrix
from headgate_trainer.metrics import Labels
from headgate_trainer.trainers.torch_feeding import Feeding, feeding
from headgate_trainer.trainers.torch_inputs import Inputs
from headgate_trainer.trainers.torch_network import Network
from headgate_trainer.trainers.torch_order import Order
from headgate_trainer.trainers.torch_scoring import score
from headgate_trainer.trainers.torch_settings import Settings

WATCHED_ROWS = 200_000
Tell = Callable[[int, int, dict[str, float]], None]
"""Called with (epochs done, epochs in all, metrics by name)."""
Boundary = Callable[[int, Callable[[], bytes]], None]
"""Called where a checkpoint may be taken, with the epochs done and what makes the checkpoint."""


@dataclass(frozen=True)
class Job:
    """What is learnt from: the matrices as `Encoding` makes them, and how."""

    settings: Settings
    inputs: Inputs
    matrix: Matrix
    labels: Labels
    watched: Matrix
    watched_labels: Labels


@dataclass
class Learning:
    """One process's part of a job. ``seconds`` are those of each epoch."""

    job: Job
    threads: int
    rank: int = 0
    processes: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    resident: bool | None = None
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        chosen = self.job.settings
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(self.device.type == "cpu")
        # Every element of what is allocated is written before it is read; filling it first would cost a pass.
        torch.utils.deterministic.fill_uninitialized_memory = False
        torch.manual_seed(chosen.seed)
        network = Network(self.job.inputs, chosen.hidden, chosen.embedding, chosen.dropout)
        self.network = network.to(self.device)
        self.parallel = self._parallel()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=chosen.learning_rate,
            weight_decay=chosen.weight_decay,
            fused=self.device.type == "cuda",
        )
        self.learnt_rows = len(self.job.labels) - int(len(self.job.labels) * chosen.validation_share)
        self.order = Order(self.learnt_rows, chosen.batch_rows, chosen.seed, self.processes, self.rank)
        self.total = self.order.steps * chosen.epochs
        self.best: dict[str, Any] = {"loss": math.inf, "weights": None}

    def learn(self, tell: Tell, boundary: Boundary, resume: bytes | None = None) -> dict[str, Any]:
        """The weights, by name, as numpy arrays."""
        step = self._resume(resume) if resume else 0
        job, rows = self.job, self.learnt_rows
        source = feeding(job.matrix[:rows], job.labels[:rows], self.device, resident=self.resident)
        self.source: Feeding = source
        while step < self.total:
            started = time.perf_counter()
            epoch, first = divmod(step, self.order.steps)
            self.network.train()
            for values, truth, whole in source.batches(self.order, epoch, first):
                loss = self._step(step, values, truth, whole)
                step += 1
                if step % self.order.steps == 0:
                    loss = float(loss)  # waits for the device, so that the epoch's time is all of it
                    self.seconds.append(time.perf_counter() - started)
                    self._end_epoch(step, loss, tell)
                if step < self.total and self._is_boundary(step):
                    boundary(step // self.order.steps, functools.partial(self._state, step))
        return self._chosen()

    def _step(self, step: int, values: Any, truth: Any, whole: int) -> Any:
        chosen = self.job.settings
        share = 0.5 * (1 + math.cos(math.pi * step / self.total))
        for group in self.optimizer.param_groups:
            group["lr"] = chosen.learning_rate * share
        if chosen.dropout:
            torch.manual_seed(_seed(chosen.seed, step, self.rank))
        self.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            logits = self.parallel(values)
        # Processes average their gradients; a share of a sum over the whole batch makes that its mean.
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), truth, reduction="sum")
        loss = loss * (self.processes / whole)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.device.type == "cuda":
            narrow: AbstractContextManager[Any] = torch.autocast("cuda", dtype=torch.bfloat16)
            return narrow
        return nullcontext()

    def _parallel(self) -> Any:
        if self.processes == 1:
            return self.network
        places = [self.device.index] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(self.network, device_ids=places)

    def _is_boundary(self, step: int) -> bool:
        every = self.job.settings.checkpoint_steps
        return every > 0 and step % every == 0

    def _end_epoch(self, step: int, loss: float, tell: Tell) -> None:
        job = self.job
        if self.learnt_rows < len(job.labels):
            kept = score(self.network, job.matrix[self.learnt_rows :], self.device)
            found = metrics.log_loss(job.labels[self.learnt_rows :], kept)
            if found < self.best["loss"]:
                self.best = {"loss": found, "weights": _copy(self.network.state_dict())}
        if self.rank == 0:
            held_out = watched(self.network, job, self.device)
            tell(
                step // self.order.steps,
                job.settings.epochs,
                {"train_loss": round(loss, 6), **held_out},
            )
        self.network.train()

    def _state(self, step: int) -> bytes:
        content = io.BytesIO()
        state = {
            "step": step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
        }
        torch.save(state, content)
        return content.getvalue()

    def _resume(self, content: bytes) -> int:
        state = torch.load(io.BytesIO(content), map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        step: int = state["step"]
        return step

    def _chosen(self) -> dict[str, Any]:
        weights = self.best["weights"] or self.network.state_dict()
        return {name: values.detach().float().cpu().numpy() for name, values in weights.items()}


def watched(network: Network, job: Job, device: torch.device) -> dict[str, float]:
    """Held-out measures to look at, over at most WATCHED_ROWS rows; nothing is chosen by them."""
    stride = -(-len(job.watched_labels) // WATCHED_ROWS)
    labels = job.watched_labels[::stride]
    scores = score(network, job.watched[::stride], device)
    if not 0 < labels.sum() < len(labels):
        return {}
    return {
        "holdout_auc": round(metrics.auc(labels, scores), 6),
        "holdout_logloss": round(metrics.log_loss(labels, scores), 6),
    }


def _seed(*parts: int) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")


def _copy(state: dict[str, Any]) -> dict[str, Any]:
    return {name: values.detach().clone() for name, values in state.items()}
