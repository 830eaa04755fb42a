"""What a network says of rows: the truth that its artifact is held to."""

import numpy as np
import torch

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Matrix
from headgate_trainer.trainers.torch_network import Network

SCORED_ROWS = 1 << 16


def score(network: Network, matrix: Matrix, device: torch.device) -> Floats:
    """Chances, in float32 arithmetic, some rows at a time."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(matrix), SCORED_ROWS):
            rows = torch.from_numpy(np.array(matrix[start : start + SCORED_ROWS])).to(device)
            parts.append(torch.sigmoid(network(rows)).float().cpu().numpy())
    return np.concatenate(parts).astype(np.float64)
