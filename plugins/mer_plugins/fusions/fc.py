"""Concatenation: the plain fusion of the paper's Table 1 (row "FC"), and the pooling of single-modality rows."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded


class FullyConnected(nn.Module):
    """Mean over time of each modality, concatenated, then fully connected layers (paper, section 4).

        result = [x_1; ...; x_M], x_m the mean frame of modality m, shape (B, sum of D_m)
        with a hidden layer: ReLU(W [x_1; ...; x_M] + b), shape (B, hidden_dim)

    Without a hidden layer the pipeline's classifier is the fully connected layer; class scores are then a sum of one
    part per modality, and nothing that depends on both at once can be learned here.

    Source: Sun, He and Han, "Using Auxiliary Tasks In Multimodal Fusion Of Wav2vec 2.0 And BERT For Multimodal
    Emotion Recognition", ICASSP 2023, arXiv 2302.13661, section 4 and Table 1 (row "FC").

    Differs from the paper: the width and depth of the layers are not stated there; by default the classifier is the
    only one.
    """

    class Config(PluginConfig):
        """Options of `fc`."""

        hidden_dim: int | None = Field(default=None, ge=1)
        """Width of a hidden layer with ReLU before the classifier; none by default (ours)."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout after the hidden layer."""

    order_free = True
    """A mean has no order of frames; the encoders put positions into the frames themselves."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        width = sum(input_dims.values())
        self.output_dim = config.hidden_dim or width
        self.layers: nn.Module = nn.Identity()
        if config.hidden_dim is not None:
            self.layers = nn.Sequential(nn.Linear(width, config.hidden_dim), nn.ReLU(), nn.Dropout(config.dropout))

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        pooled: Tensor = self.layers(torch.cat([encoded[m].mean_BD() for m in sorted(encoded)], dim=-1))
        return pooled
