"""Perceiver: a few latent vectors ask all frames of all modalities."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import AttentionBlock, positions, require_divisor


class Perceiver(nn.Module):
    """Latent queries attend to the frames of all modalities at once, then to each other, several times over.

        k = concatenation over m of (W_m x_m + positions + e_m), shape (B, sum of T_m, dim)
        l = learned latents, shape (B, latents, dim)
        `repeats` times:  l = Cross(Q = l, K = V = k),  then `layers` blocks of self-attention over l

    The mean over the latents of LN(l) is the fused vector. With `share` all repeats use the same self-attention
    blocks, and all but the first the same cross attention.

    Source: A. Jaegle, F. Gimeno, A. Brock, A. Zisserman, O. Vinyals, J. Carreira, "Perceiver: General Perception with
    Iterative Attention", ICML 2021, arXiv 2103.03206, section 3.

    Differs from the paper: it stands on trained encoders and is therefore small (paper, ImageNet: 512 latents of 1,024
    channels, 8 repeats of 6 layers); positions and the learned vector e_m of a modality are added to the frames, in
    the paper Fourier features and the vector are put beside them.
    """

    class Config(PluginConfig):
        """Options of `perceiver`."""

        dim: int = Field(default=128, ge=1)
        """Width of latents, keys and the fused vector (paper: 1,024)."""
        latents: int = Field(default=32, ge=1)
        """Number of latent vectors (paper: 512)."""
        repeats: int = Field(default=2, ge=1)
        """How often the latents read the frames (paper: 8)."""
        layers: int = Field(default=2, ge=1)
        """Self-attention blocks after each reading (paper: 6)."""
        share: bool = True
        """Use the same weights in all repeats, but for the first cross attention (paper, section 3.2)."""
        cross_heads: int = Field(default=1, ge=1)
        """Heads of the cross attention (paper: 1); must divide `dim`."""
        heads: int = Field(default=8, ge=1)
        """Heads of the self-attention (paper: 8); must divide `dim`."""
        expansion: int = Field(default=1, ge=1)
        """Hidden units of the blocks' feed-forward part over `dim` (paper's code: 1)."""
        dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
        """Dropout inside the blocks (paper: none)."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_divisor(config.heads, config.dim, key="heads", of="fusion.dim")
        require_divisor(config.cross_heads, config.dim, key="cross_heads", of="fusion.dim")
        self.output_dim, self.repeats = config.dim, config.repeats
        self.project = nn.ModuleDict({m: nn.Linear(dim, config.dim) for m, dim in sorted(input_dims.items())})
        self.kind = nn.ParameterDict({m: _small(config.dim) for m in sorted(input_dims)})
        self.latent_LD = _small(config.latents, config.dim)
        own = config.repeats if not config.share else min(2, config.repeats)
        self.read = nn.ModuleList(_block(config, config.cross_heads, config.dim) for _ in range(own))
        self.think = nn.ModuleList(
            nn.ModuleList(_block(config, config.heads, None) for _ in range(config.layers))
            for _ in range(1 if config.share else config.repeats)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        keys = [self._keys(m, encoded[m]) for m in self.project]
        keys_BSD, mask_BS = torch.cat(keys, dim=1), torch.cat([encoded[m].mask_BT for m in self.project], dim=1)
        latent_BLD = self.latent_LD.expand(len(mask_BS), -1, -1)
        for number in range(self.repeats):
            latent_BLD = self.read[min(number, len(self.read) - 1)](latent_BLD, mask_BS, keys_BSD)
            blocks = self.think[min(number, len(self.think) - 1)]
            assert isinstance(blocks, nn.ModuleList)
            for block in blocks:
                latent_BLD = block(latent_BLD)
        fused_BF: Tensor = self.norm(latent_BLD).mean(1)
        return fused_BF

    def _keys(self, modality: str, encoded: Encoded) -> Float[Tensor, "B T D"]:
        x_BTD = self.project[modality](encoded.x_BTD)
        keys_BTD: Tensor = x_BTD + positions(x_BTD) + self.kind[modality]
        return keys_BTD


def _block(config: Perceiver.Config, heads: int, key_dim: int | None) -> AttentionBlock:
    return AttentionBlock(
        config.dim,
        heads=heads,
        activation=nn.GELU,
        dropout=config.dropout,
        key_dim=key_dim,
        expansion=config.expansion,
    )


def _small(*shape: int) -> nn.Parameter:
    """Return a parameter from a normal distribution of sd 0.02, cut at 2 (paper, appendix C)."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(*shape), std=0.02))
