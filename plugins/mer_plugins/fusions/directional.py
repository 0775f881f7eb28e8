"""Directional cross-modal transformers: each modality is retold by each other one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import (
    AttentionBlock,
    is_of,
    last_frame,
    positions,
    require_divisor,
    require_two,
    without_padding,
)


class DirectionalTransformers(nn.Module):
    """One cross-modal transformer per ordered pair of modalities, one self-attention transformer per modality.

        X_m = Conv1d_m(x_m),  Z_m = sqrt(dim) X_m + positions, shape (B, T_m, dim)
        Z_{s->m}: starts as Z_m; each of D blocks adds MHA(Q = LN(Z_{s->m}), K = V = LN(Z_s)), then a feed-forward part
        Y_m = self-attention blocks over the Z_{s->m} of all s side by side, shape (B, T_m, (M - 1) dim)
        h = concatenation over m of the last real frame of Y_m,  result = h + W_2 ReLU(W_1 h)

    so the result has M (M - 1) dim numbers. Every block reads the source modality as it entered, Z_s.

    Source: Y.-H. H. Tsai, S. Bai, P. P. Liang, J. Z. Kolter, L.-P. Morency, R. Salakhutdinov, "Multimodal Transformer
    for Unaligned Multimodal Language Sequences", ACL 2019, arXiv 1906.00295, section 3 and Table 5 (IEMOCAP).

    Differs from the paper: residual sums add the frames before normalisation, as in the authors' code, where equation
    (4) adds them after it; queries and keys have a normalisation each; dropout on the frames acts on every modality,
    in the paper on the text's; the number of self-attention blocks is that of the authors' code.
    """

    class Config(PluginConfig):
        """Options of `mult`."""

        dim: int = Field(default=40, ge=1)
        """Width of every stream (paper, Table 5: 40)."""
        layers: int = Field(default=4, ge=1)
        """D, blocks of each cross-modal transformer (paper, Table 5: 4)."""
        self_layers: int = Field(default=3, ge=1)
        """Blocks of each self-attention transformer (authors' code: at least 3)."""
        heads: int = Field(default=10, ge=1)
        """Attention heads of every block (paper, Table 5: 10); must divide `dim`."""
        kernel: int = Field(default=3, ge=1)
        """Frames that the convolution in front of a stream sees (paper, Table 5: 3)."""
        audio_kernel: int = Field(default=5, ge=1)
        """The same for the modality `audio` (paper, Table 5: 5)."""
        embed_dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
        """Dropout on the encoder's frames (paper, Table 5: 0.3)."""
        dropout: float = Field(default=0.25, ge=0.0, lt=1.0)
        """Dropout inside the blocks (paper, Table 5: 0.25)."""
        out_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout inside the last residual part (paper, Table 5: 0.1)."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("mult", input_dims)
        require_divisor(config.heads, config.dim, key="heads", of="fusion.dim")
        modalities, width = sorted(input_dims), (len(input_dims) - 1) * config.dim
        self.output_dim = len(modalities) * width
        self.embed_dropout = nn.Dropout(config.embed_dropout)
        self.convolve = nn.ModuleDict(
            {
                m: nn.Conv1d(
                    input_dims[m],
                    config.dim,
                    config.audio_kernel if is_of(m, "audio") else config.kernel,
                    padding="same",
                )
                for m in modalities
            }
        )
        self.cross = nn.ModuleDict(
            {
                m: nn.ModuleDict(
                    {s: Stream(config, config.dim, config.layers, cross=True) for s in modalities if s != m}
                )
                for m in modalities
            }
        )
        self.collect = nn.ModuleDict({m: Stream(config, width, config.self_layers, cross=False) for m in modalities})
        self.out = nn.Sequential(
            nn.Linear(self.output_dim, self.output_dim),
            nn.ReLU(),
            nn.Dropout(config.out_dropout),
            nn.Linear(self.output_dim, self.output_dim),
        )

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        streams = {m: self._stream(m, encoded[m]) for m in self.convolve}
        last = []
        for m, sources in self.cross.items():
            assert isinstance(sources, nn.ModuleDict)
            told_BTE = torch.cat([cross(streams[m], streams[s]).x_BTD for s, cross in sources.items()], dim=-1)
            last.append(last_frame(self.collect[m](_placed(Encoded(told_BTE, streams[m].mask_BT)))))
        h_BF = torch.cat(last, dim=-1)
        fused_BF: Tensor = h_BF + self.out(h_BF)
        return fused_BF

    def _stream(self, modality: str, encoded: Encoded) -> Encoded:
        x_BDT = self.embed_dropout(without_padding(encoded)).transpose(1, 2)
        return _placed(Encoded(self.convolve[modality](x_BDT).transpose(1, 2), encoded.mask_BT))


class Stream(nn.Module):
    """A transformer over the frames of one modality, which reads its own frames or those of another, then LN."""

    def __init__(self, config: DirectionalTransformers.Config, dim: int, layers: int, *, cross: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            AttentionBlock(
                dim,
                heads=config.heads,
                activation=nn.ReLU,
                dropout=config.dropout,
                key_dim=config.dim if cross else None,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, own: Encoded, source: Encoded | None = None) -> Encoded:
        """Return the frames after all blocks; the mask stays."""
        x_BTD = own.x_BTD
        for block in self.blocks:
            x_BTD = block(x_BTD, own.mask_BT) if source is None else block(x_BTD, source.mask_BT, source.x_BTD)
        return Encoded(self.norm(x_BTD), own.mask_BT)


def _placed(encoded: Encoded) -> Encoded:
    scale = encoded.x_BTD.shape[-1] ** 0.5
    return Encoded(scale * encoded.x_BTD + positions(encoded.x_BTD), encoded.mask_BT)
