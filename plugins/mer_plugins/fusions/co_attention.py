"""Co-attentional transformer layers, then one vector per modality: the deep fusion of jointly fine-tuned models."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.cross_attention import CrossAttention
from mer_plugins.fusions.parts import sequence_vector


class CoAttention(nn.Module):
    """Transformer layers whose keys and values come from the other modality, then the sequence vectors side by side.

        Y_m = LN(X_m + MHA(Q = X_m, K = V = X_other)),  X_m' = LN(Y_m + W_2 GELU(W_1 Y_m)), shape (B, T_m, D_m)
        result = concatenation over m of s_m, shape (B, sum of D_m)

    s_m is the first frame of text and the mean frame of speech after the last layer. With more than two modalities a
    branch sums its attention to each of the others.

    Source: S. Siriwardhana, A. Reis, R. Weerasekera, S. Nanayakkara, "Jointly Fine-Tuning 'BERT-like' Self Supervised
    Models to Improve Multimodal Speech Emotion Recognition", Interspeech 2020, arXiv 2008.06682 (co-attention).

    Differs from the paper: speech comes from any audio encoder, and its mean frame stands for it; the width of the
    feed-forward part (four times that of the frames) and its activation are ours, as is a third modality.
    """

    class Config(PluginConfig):
        """Options of `co-attention`."""

        layers: int = Field(default=1, ge=1)
        """Co-attentional layers (paper: 1)."""
        heads: int = Field(default=2, ge=1)
        """Attention heads (paper: 2); must divide the width of every modality."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on attention weights and inside the feed-forward part."""
        first: tuple[str, ...] = ("text",)
        """Modalities whose first frame stands for the sequence; of others the mean frame does."""

    order_free = True
    """No positions are added here: the encoders put them into the frames."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        options = CrossAttention.Config(layers=config.layers, heads=config.heads, dropout=config.dropout, ffn=True)
        self.first = config.first
        self.cross = CrossAttention(options, input_dims=input_dims, name="co-attention")
        self.output_dim = self.cross.output_dim

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        frames = self.cross.frames(encoded)
        return torch.cat([sequence_vector(frames[m], m, self.first) for m in sorted(frames)], dim=-1)
