"""Attention bottlenecks: modalities exchange what passes through a few shared tokens."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import AttentionBlock, positions, require_divisor, require_two


class AttentionBottleneck(nn.Module):
    """A transformer per modality; from one layer on they share a few bottleneck tokens.

        z_m = [cls_m; W_m x_m + positions], shape (B, 1 + T_m, dim)
        below `fusion_layer`:  z_m = Block_m(z_m)
        from it on:            [z_m; f_m] = Block_m([z_m; f]) for each m, then f = mean over m of f_m

    with f of shape (B, bottlenecks, dim). The mean over m of LN(cls_m) is the fused vector: one linear classifier on
    it gives the mean of the scores it would give each modality.

    Source: A. Nagrani, S. Yang, A. Arnab, A. Jansen, C. Schmid, C. Sun, "Attention Bottlenecks for Multimodal Fusion",
    NeurIPS 2021, arXiv 2107.00135, section 3.

    Differs from the paper: the layers stand on trained encoders and are therefore few (paper: 12 layers of 768
    channels are the encoder, fusion from the 8th on); positions are sines, not learned; no stochastic depth.
    """

    class Config(PluginConfig):
        """Options of `bottleneck`."""

        dim: int = Field(default=256, ge=1)
        """Width of every token and of the fused vector (paper: 768)."""
        layers: int = Field(default=4, ge=1)
        """Layers of each modality's transformer (paper: 12)."""
        fusion_layer: int = Field(default=2, ge=0)
        """Layers without exchange, below the others (paper: 8); less than `layers`."""
        bottlenecks: int = Field(default=4, ge=1)
        """Tokens that are shared (paper, section 4.3: 4)."""
        heads: int = Field(default=8, ge=1)
        """Attention heads (paper: 12); must divide `dim`."""
        dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
        """Dropout inside the blocks."""

        @model_validator(mode="after")
        def _is_fused(self) -> AttentionBottleneck.Config:
            if self.fusion_layer >= self.layers:
                raise ValueError(f"fusion_layer must be less than layers, {self.layers}; got {self.fusion_layer}")
            return self

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("bottleneck", input_dims)
        require_divisor(config.heads, config.dim, key="heads", of="fusion.dim")
        self.output_dim, self.fusion_layer = config.dim, config.fusion_layer
        self.modalities = sorted(input_dims)
        self.project = nn.ModuleDict({m: nn.Linear(input_dims[m], config.dim) for m in self.modalities})
        self.cls = nn.ParameterDict({m: _token(1, config.dim) for m in self.modalities})
        self.bottleneck_FD = _token(config.bottlenecks, config.dim)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    m: AttentionBlock(config.dim, heads=config.heads, activation=nn.GELU, dropout=config.dropout)
                    for m in self.modalities
                }
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        tokens = {m: self._tokens(m, encoded[m]) for m in self.modalities}
        shared_BFD = self.bottleneck_FD.expand(len(tokens[self.modalities[0]].x_BTD), -1, -1)
        for number, blocks in enumerate(self.layers):
            assert isinstance(blocks, nn.ModuleDict)
            if number < self.fusion_layer:
                tokens = {
                    m: Encoded(block(tokens[m].x_BTD, tokens[m].mask_BT), tokens[m].mask_BT)
                    for m, block in blocks.items()
                }
            else:
                tokens, shared_BFD = _exchange(blocks, tokens, shared_BFD)
        return torch.stack([self.norm(tokens[m].x_BTD[:, 0]) for m in self.modalities]).mean(0)

    def _tokens(self, modality: str, encoded: Encoded) -> Encoded:
        x_BTD = self.project[modality](encoded.x_BTD)
        cls_B1D = self.cls[modality].expand(len(x_BTD), -1, -1)
        real_B1 = encoded.mask_BT.new_ones(len(x_BTD), 1)
        return Encoded(
            torch.cat([cls_B1D, x_BTD + positions(x_BTD)], dim=1), torch.cat([real_B1, encoded.mask_BT], dim=1)
        )


def _exchange(
    blocks: nn.ModuleDict, tokens: Mapping[str, Encoded], shared_BFD: Float[Tensor, "B F D"]
) -> tuple[dict[str, Encoded], Float[Tensor, "B F D"]]:
    """Run each modality's block over its own tokens and the shared ones; the shared ones become their mean."""
    after, told = {}, []
    for m, block in blocks.items():
        size = tokens[m].mask_BT.shape[1]
        x_BSD = block(torch.cat([tokens[m].x_BTD, shared_BFD], dim=1), _with_shared(tokens[m].mask_BT, shared_BFD))
        after[m] = Encoded(x_BSD[:, :size], tokens[m].mask_BT)
        told.append(x_BSD[:, size:])
    return after, torch.stack(told).mean(0)


def _with_shared(mask_BT: Bool[Tensor, "B T"], shared_BFD: Float[Tensor, "B F D"]) -> Bool[Tensor, "B S"]:
    return torch.cat([mask_BT, mask_BT.new_ones(shared_BFD.shape[:2])], dim=1)


def _token(number: int, dim: int) -> nn.Parameter:
    return nn.Parameter(nn.init.normal_(torch.empty(number, dim), std=0.02))
