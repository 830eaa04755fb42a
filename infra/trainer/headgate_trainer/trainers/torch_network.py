"""The network: from rows of the matrix to a logit each. Imputation, scaling and embeddings are its first
layer, as they are the graph's.
"""

import itertools
from typing import Any

import torch
from torch import nn

from headgate_trainer.trainers.torch_inputs import FURTHEST, Inputs


class Network(nn.Module):  # type: ignore[misc]  # it has no types here
    """Rectified layers over scaled numbers, flags of what is null, and embeddings of categories."""

    def __init__(self, inputs: Inputs, hidden: tuple[int, ...], embedding: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("numeric", torch.tensor(inputs.numeric, dtype=torch.long), persistent=False)
        self.register_buffer("flagged", torch.tensor(inputs.flagged, dtype=torch.long), persistent=False)
        coded = torch.tensor(inputs.categorical, dtype=torch.long)
        self.register_buffer("categorical", coded, persistent=False)
        offsets = torch.tensor(inputs.offsets, dtype=torch.float32) + 1
        self.register_buffer("offsets", offsets, persistent=False)
        self.register_buffer("mean", torch.from_numpy(inputs.mean.copy()), persistent=False)
        self.register_buffer("scale", torch.from_numpy(inputs.scale.copy()), persistent=False)
        self.table = nn.Embedding(max(inputs.table_rows, 1), embedding)
        # A text that training never saw says nothing: its embedding is 0, and has no gradient but decay.
        with torch.no_grad():
            self.table.weight[torch.tensor(inputs.offsets, dtype=torch.long)] = 0.0
        widths = [inputs.width(embedding), *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.last = nn.Linear(widths[-1], 1)
        self.dropout = dropout

    def forward(self, rows: Any) -> Any:
        values = self.first(rows)
        for layer in self.layers:
            values = torch.relu(layer(values))
            if self.dropout and self.training:
                values = nn.functional.dropout(values, self.dropout)
        return self.last(values)[:, 0]

    def first(self, rows: Any) -> Any:
        """What the first layer sees."""
        numbers = rows.index_select(1, self.numeric)
        absent = torch.isnan(numbers)
        scaled = (torch.where(absent, self.mean, numbers) - self.mean) / self.scale
        parts = [scaled.clamp(-FURTHEST, FURTHEST), absent.index_select(1, self.flagged).to(rows.dtype)]
        if len(self.categorical):
            places = (rows.index_select(1, self.categorical) + self.offsets).long()
            parts.append(self.table(places).flatten(1))
        return torch.cat(parts, dim=1)
