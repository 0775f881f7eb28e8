"""Cross- and self-attention side by side, over convolutions and recurrent layers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.cross_attention import Branch, CrossAttention
from mer_plugins.fusions.parts import is_of, max_frame, positions, require_divisor, require_two, without_padding
from mer_plugins.fusions.recurrent import MeanBiLstm


class Mcsan(nn.Module):
    """The whole network between the features (`mfcc`, `glove`) and the classifier.

        audio: twice ReLU(Conv1d), max-pooling of three frames; then, as of every modality,
        H_m = mean of the two directions of an LSTM + positions, shape (B, T_m', dim)
        cross: Y_m = LN(H_m + MHA(Q = H_m, K = V = H_other)),  C_m = LN(Y_m + W_2 GELU(W_1 Y_m))
        self: the same with K = V = H_m, weights of its own,  S_m
        result = concatenation over m of max over time of C_m and of S_m, shape (B, 2 M dim)

    Source: L. Sun, B. Liu, J. Tao, Z. Lian, "Multimodal Cross- and Self-Attention Network for Speech Emotion
    Recognition", ICASSP 2021.

    Differs from the paper: the number of channels of the convolutions, sines as position embeddings, the width of the
    feed-forward part (four times `dim`), its GELU, and dropout are ours; a third modality is attended to as well.
    """

    class Config(PluginConfig):
        """Options of `mcsan`."""

        dim: int = Field(default=128, ge=1)
        """Width of the recurrent layers and of everything after them (paper: 128)."""
        channels: int = Field(default=128, ge=1)
        """Channels of the audio convolutions (ours)."""
        convolutions: int = Field(default=2, ge=0)
        """Convolutions over audio, each with pooling (paper: 2)."""
        kernel: int = Field(default=3, ge=1)
        """Frames that a convolution sees (paper: 3)."""
        pool: int = Field(default=3, ge=1)
        """Frames that become one after each convolution (paper: 3)."""
        heads: int = Field(default=8, ge=1)
        """Attention heads (paper: 8); must divide `dim`."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on attention weights and inside the feed-forward part (ours)."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("mcsan", input_dims)
        require_divisor(config.heads, config.dim, key="heads", of="fusion.dim")
        modalities = sorted(input_dims)
        self.output_dim = 2 * len(modalities) * config.dim
        self.convolve = nn.ModuleDict({m: Pooled(config, input_dims[m]) for m in modalities if is_of(m, "audio")})
        widths = {m: self._width(m, config, input_dims[m]) for m in modalities}
        self.recur = nn.ModuleDict({m: MeanBiLstm(widths[m], config.dim) for m in modalities})
        options = CrossAttention.Config(heads=config.heads, dropout=config.dropout, ffn=True)
        self.cross = nn.ModuleDict(
            {m: Branch(options, config.dim, {o: config.dim for o in modalities if o != m}) for m in modalities}
        )
        self.own = nn.ModuleDict({m: Branch(options, config.dim, {m: config.dim}) for m in modalities})

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        hidden = {m: self._hidden(m, encoded[m]) for m in self.recur}
        pairs = ((self.cross[m](hidden[m], hidden), self.own[m](hidden[m], hidden)) for m in hidden)
        return torch.cat([max_frame(frames) for pair in pairs for frames in pair], dim=-1)

    def _hidden(self, modality: str, encoded: Encoded) -> Encoded:
        frames = self.convolve[modality](encoded) if modality in self.convolve else encoded
        recurred: Encoded = self.recur[modality](frames)
        return Encoded(recurred.x_BTD + positions(recurred.x_BTD), recurred.mask_BT)

    def _width(self, modality: str, config: Config, input_dim: int) -> int:
        return config.channels if modality in self.convolve and config.convolutions else input_dim


class Pooled(nn.Module):
    """Convolutions over time, each followed by the maximum of every `pool` frames."""

    def __init__(self, config: Mcsan.Config, input_dim: int) -> None:
        super().__init__()
        widths = [input_dim, *[config.channels] * config.convolutions]
        self.pool = config.pool
        self.layers = nn.ModuleList(nn.Conv1d(a, b, config.kernel, padding="same") for a, b in pairwise(widths))

    def forward(self, encoded: Encoded) -> Encoded:
        """Return (B, T', channels); a pooled frame is real where one of its frames is."""
        for layer in self.layers:
            x_BDT = layer(without_padding(encoded).transpose(1, 2)).relu()
            encoded = _pooled(Encoded(x_BDT.transpose(1, 2), encoded.mask_BT), self.pool)
        return encoded


def _pooled(encoded: Encoded, size: int) -> Encoded:
    x_BDT = without_padding(encoded).transpose(1, 2)  # after ReLU no frame is below the zeros of the padding
    mask_B1T = encoded.mask_BT.unsqueeze(1).to(x_BDT.dtype)
    x_BDS = functional.max_pool1d(x_BDT, size, ceil_mode=True)
    mask_BS = functional.max_pool1d(mask_B1T, size, ceil_mode=True).squeeze(1) > 0
    return Encoded(x_BDS.transpose(1, 2), mask_BS)
