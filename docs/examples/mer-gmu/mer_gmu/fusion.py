"""Gated multimodal unit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from mer_core.config import PluginConfig
from mer_core.types import Encoded
from pydantic import Field
from torch import Tensor, nn


class GatedMultimodalUnit(nn.Module):
    """Each modality proposes a vector; gates that see all modalities decide how much of each is used.

    With two modalities a and t, Figure 2b of the paper:

        h_a = tanh(W_a x_a),  h_t = tanh(W_t x_t),  z = sigmoid(W_z [x_a; x_t]),  h = z * h_a + (1 - z) * h_t

    and with any other number, Figure 2a:  z_m = sigmoid(W_zm [x_1; ...; x_M]),  h = sum over m of z_m * h_m.
    x_m is the mean over the frames of modality m.

    Source: J. Arevalo, T. Solorio, M. Montes-y-Gómez, F. A. González, "Gated Multimodal Units for Information Fusion",
    ICLR 2017 workshop, arXiv 1702.01992, section 3.1 and Figure 2.

    Differs from the paper: one vector per modality comes from a mean over time, and dropout on the result is ours.
    """

    class Config(PluginConfig):
        """Options of `gmu`."""

        dim: int = Field(default=128, ge=1)
        """Width of the fused vector."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on the fused vector (ours)."""

    order_free = True
    """The means know no order of frames; the encoders put positions into the frames."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.output_dim = config.dim
        self.modalities = sorted(input_dims)
        self.propose = nn.ModuleDict({m: nn.Linear(input_dims[m], config.dim, bias=False) for m in self.modalities})
        num_gates = 1 if len(self.modalities) == 2 else len(self.modalities)
        self.gate = nn.Linear(sum(input_dims.values()), num_gates * config.dim, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        means = [encoded[m].mean_BD() for m in self.modalities]
        h = torch.stack([self.propose[m](x).tanh() for m, x in zip(self.modalities, means, strict=True)], dim=1)
        z = self.gate(torch.cat(means, dim=-1)).sigmoid().unflatten(-1, (-1, self.output_dim))
        if len(self.modalities) == 2:
            z = torch.cat([z, 1 - z], dim=1)
        fused_BF: Tensor = self.dropout((z * h).sum(1))
        return fused_BF
