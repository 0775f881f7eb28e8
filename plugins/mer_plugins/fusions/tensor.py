"""Tensor fusion: the outer product of the modalities' embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import embedding_network, is_of, with_one


class TensorFusion(nn.Module):
    """All products of the modalities' embeddings, then two fully connected layers.

        z_m = embedding network of the mean frame of modality m, shape (B, d_m)
        Z = [z_1; 1] x ... x [z_M; 1]  (outer product), shape (B, (d_1 + 1) ... (d_M + 1))
        h = ReLU(W_2 ReLU(W_1 Z)), shape (B, hidden_dim)

    The ones keep the products over fewer modalities in Z, the single embeddings and a constant among them.

    Source: A. Zadeh, M. Chen, S. Poria, E. Cambria, L.-P. Morency, "Tensor Fusion Network for Multimodal Sentiment
    Analysis", EMNLP 2017, arXiv 1707.07250, section 4.

    Differs from the paper: every embedding network reads the mean frame of a trained encoder, where the paper's text
    network is an LSTM over word vectors; the rate of dropout is ours; the pipeline's classifier is the decision layer.
    """

    class Config(PluginConfig):
        """Options of `tfn`."""

        dim: int = Field(default=32, ge=1)
        """d_m, the width of a modality's embedding (paper, section 4.1: 32)."""
        text_dim: int = Field(default=128, ge=1)
        """d_m of the modality `text` (paper, section 4.1: 128)."""
        layers: int = Field(default=3, ge=1)
        """Layers of each embedding network, with ReLU (paper, section 4.1: 3 for audio and video)."""
        hidden_dim: int = Field(default=128, ge=1)
        """Width of the two layers behind the tensor and of the fused vector (paper, section 4.3: 128)."""
        dropout: float = Field(default=0.15, ge=0.0, lt=1.0)
        """Dropout before each embedding network and on the tensor."""

    order_free = True
    """Means have no order of frames; the encoders put positions into the frames themselves."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.output_dim = config.hidden_dim
        self.embed = nn.ModuleDict()
        size = 1
        for modality, input_dim in sorted(input_dims.items()):
            dim = config.text_dim if is_of(modality, "text") else config.dim
            self.embed[modality] = embedding_network(input_dim, dim, layers=config.layers, dropout=config.dropout)
            size *= dim + 1
        self.infer = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(size, config.hidden_dim),
            nn.ReLU(),
            nn.Linear(config.hidden_dim, config.hidden_dim),
            nn.ReLU(),
        )

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        first, *others = (with_one(embed(encoded[m].mean_BD())) for m, embed in self.embed.items())
        tensor_BP = first
        for other_BD in others:
            tensor_BP = (tensor_BP.unsqueeze(-1) * other_BD.unsqueeze(-2)).flatten(1)
        fused_BF: Tensor = self.infer(tensor_BP)
        return fused_BF
