"""A neural network by PyTorch, for a binary label: rectified layers over scaled numbers and embeddings.

Owns where it learns: in this process, or in several that torchrun starts when there is more than one GPU or
node. Imputation, scaling and embeddings are part of the graph; bf16 is used on CUDA while learning alone.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.errors import BadSpec, OtherNode
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Checkpoint, Checkpoints, OnnxCore, Progress, Rows
from headgate_trainer.trainers.threads import threads
from headgate_trainer.trainers.torch_inputs import Inputs, learn_inputs
from headgate_trainer.trainers.torch_nodes import Nodes
from headgate_trainer.trainers.torch_settings import Settings, settings

MULTI_NODE = "gpu-multi-node"


class TorchTrainer:
    """See `headgate_trainer.trainers.Trainer`."""

    def check(self, spec: RunSpec) -> None:
        settings(spec)
        if Nodes.from_environment().count > 1 and spec.compute_class != MULTI_NODE:
            raise BadSpec(f"compute class {spec.compute_class} on several nodes: {MULTI_NODE} is meant")

    def fit(
        self,
        spec: RunSpec,
        encoding: Encoding,
        train: Rows,
        watched: Rows,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> "TorchModel":
        # Both are read when the library is loaded: cuBLAS repeats itself only with a workspace of fixed size,
        # and threads that spin while they wait slow each other down on busy cores.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import torch

        from headgate_trainer.trainers.torch_loop import Job
        from headgate_trainer.trainers.torch_processes import learn_in_processes

        chosen = settings(spec)
        inputs = learn_inputs(train.matrix, encoding)
        job = Job(chosen, inputs, train.matrix, train.labels, watched.matrix, watched.labels)
        nodes = Nodes.from_environment()
        cuda = chosen.cuda and torch.cuda.is_available()
        processes = chosen.processes or (torch.cuda.device_count() if cuda else 1)
        if processes * nodes.count > 1:
            weights = learn_in_processes(job, threads(), processes, nodes, progress, checkpoints)
            if nodes.rank:
                raise OtherNode(f"node {nodes.rank} of {nodes.count} is done; the main node goes on")
        else:
            weights = _learn_here(job, "cuda:0" if cuda else "cpu", progress, checkpoints)
        device_kind = "cuda" if cuda else "cpu"
        return TorchModel(weights, inputs, encoding, chosen, device_kind, processes * nodes.count)


def _learn_here(job: Any, device: str, progress: Progress, checkpoints: Checkpoints) -> dict[str, Any]:
    """The weights, learnt in this process."""
    import torch

    from headgate_trainer.trainers.torch_loop import Learning

    def boundary(epochs: int, state: Callable[[], bytes]) -> None:
        if checkpoints.due():
            checkpoints.save(Checkpoint(epochs, state()))

    latest = checkpoints.latest()
    learning = Learning(job, threads(), device=torch.device(device))
    return learning.learn(progress, boundary, latest.content if latest else None)


@dataclass(frozen=True)
class TorchModel:
    """See `headgate_trainer.trainers.TrainedModel`. ``weights`` are numpy arrays."""

    weights: dict[str, Any]
    inputs: Inputs
    encoding: Encoding
    settings: Settings
    device: str
    processes: int

    def score(self, matrix: Matrix) -> Floats:
        import torch

        from headgate_trainer.trainers.torch_network import Network
        from headgate_trainer.trainers.torch_scoring import score

        torch.set_num_threads(threads())
        network = Network(self.inputs, self.settings.hidden, self.settings.embedding, 0.0)
        network.load_state_dict({name: torch.from_numpy(values) for name, values in self.weights.items()})
        device = torch.device(self.device)
        return score(network.to(device), matrix, device)

    def core(self) -> OnnxCore:
        from headgate_trainer.trainers.torch_onnx import network_core

        return network_core(self.inputs, self.weights, len(self.settings.hidden))

    def importance(self) -> dict[str, float]:
        """Shares of how strongly the first layer looks at each feature as it varies in training."""
        first = self.weights["layers.0.weight"]
        numbers = len(self.inputs.numeric)
        strength = dict.fromkeys(range(len(self.encoding.features)), 0.0)
        for place, column in enumerate(self.inputs.numeric):
            strength[column] += float(np.linalg.norm(first[:, place])) * self._varies(place)
        for at, place in enumerate(self.inputs.flagged):
            strength[self.inputs.numeric[place]] += float(np.linalg.norm(first[:, numbers + at]))
        start = numbers + len(self.inputs.flagged)
        for at, column in enumerate(self.inputs.categorical):
            table = self.weights["table.weight"][self.inputs.offsets[at] + 1 :][: self.inputs.sizes[at]]
            width = table.shape[1]
            part = first[:, start + at * width : start + (at + 1) * width]
            strength[column] += float(np.linalg.norm((table @ part.T).std(axis=0))) if len(table) else 0.0
        total = sum(strength.values()) or 1.0
        return {name: strength[column] / total for column, name in enumerate(self.encoding.names)}

    def _varies(self, place: int) -> float:
        """0 for a column that had no two different values in training: nothing was learnt from it."""
        return float(self.inputs.varied[place])

    def facts(self) -> dict[str, Any]:
        count = sum(int(values.size) for values in self.weights.values())
        return {
            "kind": "multilayer perceptron",
            "engine": "torch",
            "weights": count,
            "device": self.device,
            "processes": self.processes,
            "threads": threads(),
        }
