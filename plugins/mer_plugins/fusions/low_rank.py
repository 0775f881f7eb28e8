"""Low-rank fusion: tensor fusion whose weight tensor is a short sum of products of one factor per modality."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import embedding_network, is_of, with_one


class LowRankFusion(nn.Module):
    """A linear map of the tensor of `tfn`, without ever forming the tensor or the map.

        z_m = embedding network of the mean frame of modality m, shape (B, d_m)
        h = b + sum over r = 1..R of a_r * product over m of ([z_m; 1] W_m^(r)), shape (B, dim)

    The product is element by element, W_m^(r) has shape (d_m + 1, dim). The same h is W Z + b with Z the outer product
    of all [z_m; 1] and W = sum over r of a_r * (W_1^(r) x ... x W_M^(r)). The factors have R * dim * sum of (d_m + 1)
    parameters, and a and b have R + dim.

    Source: Z. Liu, Y. Shen, V. B. Lakshminarasimhan, P. P. Liang, A. Zadeh, L.-P. Morency, "Efficient Low-rank
    Multimodal Fusion with Modality-Specific Factors", ACL 2018, arXiv 1806.00064, section 3.

    Differs from the paper: the weights a_r and the bias are those of the authors' code; every embedding network reads
    the mean frame of a trained encoder, where the paper's text network is an LSTM; each factor is initialised as a
    matrix of its own (Glorot normal), a with ones; the defaults are ours, the paper chose by search.
    """

    class Config(PluginConfig):
        """Options of `lmf`."""

        dim: int = Field(default=64, ge=1)
        """Width of the fused vector."""
        rank: int = Field(default=4, ge=1)
        """R, the rank of the weight tensor (paper, section 5.3: small ranks do)."""
        embed_dim: int = Field(default=32, ge=1)
        """d_m, the width of a modality's embedding."""
        text_embed_dim: int = Field(default=128, ge=1)
        """d_m of the modality `text`."""
        layers: int = Field(default=3, ge=1)
        """Layers of each embedding network, with ReLU (as in `tfn`)."""
        dropout: float = Field(default=0.15, ge=0.0, lt=1.0)
        """Dropout before each embedding network."""

    order_free = True
    """Means have no order of frames; the encoders put positions into the frames themselves."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.output_dim = config.dim
        self.embed = nn.ModuleDict()
        self.factors = nn.ParameterDict()
        for modality, input_dim in sorted(input_dims.items()):
            dim = config.text_embed_dim if is_of(modality, "text") else config.embed_dim
            self.embed[modality] = embedding_network(input_dim, dim, layers=config.layers, dropout=config.dropout)
            self.factors[modality] = nn.Parameter(torch.empty(config.rank, dim + 1, config.dim))
        self.rank_weight_R = nn.Parameter(torch.ones(config.rank))
        self.bias_F = nn.Parameter(torch.zeros(config.dim))
        for factor_RDF in self.factors.values():
            for factor_DF in factor_RDF:
                nn.init.xavier_normal_(factor_DF)

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        product_BRF = torch.stack(
            [
                torch.einsum("bd,rdf->brf", with_one(embed(encoded[m].mean_BD())), self.factors[m])
                for m, embed in self.embed.items()
            ]
        ).prod(0)
        return torch.einsum("r,brf->bf", self.rank_weight_R, product_BRF) + self.bias_F
