"""Attentive pooling: each modality says which of its frames count, and the weighted means are concatenated."""

import torch
from pydantic import Field
from torch import nn

from mer_core.config import PluginConfig
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin


class Attentive(nn.Module):
    """A score per frame, a softmax over the real frames, the weighted mean; all modalities side by side."""

    class Config(PluginConfig):
        """Options of `attentive`."""

        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on the fused vector."""

    order_free = True

    def __init__(self, config, *, input_dims):
        super().__init__()
        self.output_dim = sum(input_dims.values())
        self.score = nn.ModuleDict({m: nn.Linear(dim, 1) for m, dim in sorted(input_dims.items())})
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, encoded):
        """Return x_BF."""
        return self.dropout(torch.cat([self._pool(m, encoded[m]) for m in sorted(encoded)], dim=-1))

    def _pool(self, modality, one):
        real_BT1 = one.mask_BT.unsqueeze(-1)
        score_BT1 = self.score[modality](one.x_BTD).masked_fill(~real_BT1, float("-inf"))
        x_BTD = one.x_BTD.masked_fill(~real_BT1, 0.0)
        return (score_BT1.softmax(dim=1) * x_BTD).sum(dim=1)


@hookimpl
def mer_fusions():
    yield Plugin("attentive", "attentive:Attentive", "weighted means over time, concatenated")
