"""Early fusion by co-attention and late fusion of posteriors, learned together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.cross_attention import CrossAttention
from mer_plugins.fusions.parts import mixture


class MultiLevel(nn.Module):
    """The posterior of an early-fusion branch mixed with the posterior of each modality alone.

        Y_m = LN(X_m + MHA(Q = X_m, K = V = X_other)), shape (B, T_m, D_m)
        e = ReLU(W_1 [mean of Y_m over time, over all m] + b_1), shape (B, hidden_dim)
        p_e = softmax(W_2 e + b_2);  p_m = softmax(W_m x_m + b_m), x_m the mean frame of modality m, shape (B, C)
        scores = log(w_e p_e + sum over m of w_m p_m), w = softmax(a) or as given

    The fused vector is e with the x_m side by side. Segment-level speech embeddings are the encoder
    `wav2vec2-segments`.

    Source: Z. Zhao, Y. Wang, Y. Wang, "Multi-level Fusion of Wav2vec 2.0 and BERT for Multimodal Emotion Recognition",
    Interspeech 2022, arXiv 2207.04697.

    Differs from the paper: its models are trained apart and their posteriors weighted afterwards, here all are trained
    together through their mixture; the weights are learned unless they are given; the hidden width is ours.
    """

    class Config(PluginConfig):
        """Options of `multi-level`."""

        heads: int = Field(default=8, ge=1)
        """Attention heads; must divide the width of every modality."""
        hidden_dim: int = Field(default=256, ge=1)
        """Width of the hidden layer after early fusion (ours)."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on attention weights and on the hidden layer."""
        early_weight: float | None = Field(default=None, gt=0.0, lt=1.0)
        """Weight of the early-fusion posterior, the modalities share the rest; learned where it is not given."""

    order_free = True
    """No positions are added here: the encoders put them into the frames."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int], num_classes: int) -> None:
        super().__init__()
        options = CrossAttention.Config(layers=1, heads=config.heads, dropout=config.dropout)
        self.cross = CrossAttention(options, input_dims=input_dims, name="multi-level")
        widths = dict(sorted(input_dims.items()))
        self.hidden = nn.Sequential(
            nn.Linear(sum(widths.values()), config.hidden_dim), nn.ReLU(), nn.Dropout(config.dropout)
        )
        self.early = nn.Linear(config.hidden_dim, num_classes)
        self.alone = nn.ModuleDict({m: nn.Linear(dim, num_classes) for m, dim in widths.items()})
        self.widths = [config.hidden_dim, *widths.values()]
        self.output_dim = sum(self.widths)
        weight, others = config.early_weight, len(widths)
        start_M = torch.zeros(1 + others)
        if weight is not None:
            start_M = torch.tensor([weight, *[(1.0 - weight) / others] * others]).log()
        self.weight_M = nn.Parameter(start_M, requires_grad=weight is None)

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        means = [encoded[m].mean_BD() for m in self.alone]
        return torch.cat([self.hidden(self.cross(encoded)), *means], dim=-1)

    def classify(self, fused_BF: Float[Tensor, "B F"]) -> Float[Tensor, "B C"]:
        """Return log-probabilities."""
        parts = torch.split(fused_BF, self.widths, dim=-1)
        heads = [self.early, *self.alone.values()]
        log_p_MBC = torch.stack([head(part).log_softmax(-1) for head, part in zip(heads, parts, strict=True)])
        return mixture(self.weight_M.log_softmax(0), log_p_MBC)
