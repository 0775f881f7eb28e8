"""K layers of multi-head cross attention: the paper's fusion (section 2.3, Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import require_divisor, require_two


class Branch(nn.Module):
    """One modality asks the others: `LN(X_m + sum over others of MHA(Q=X_m, K=V=X_other))`, then the block if any."""

    def __init__(self, config: CrossAttention.Config, dim: int, other_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.attend = nn.ModuleDict(
            {
                other: nn.MultiheadAttention(
                    dim, config.heads, dropout=config.dropout, kdim=width, vdim=width, batch_first=True
                )
                for other, width in other_dims.items()
            }
        )
        self.norm = _norm(config, dim)
        self.ffn: nn.Module | None = None
        if config.ffn:
            hidden = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Dropout(config.dropout))
            self.ffn = nn.Sequential(*hidden, nn.Linear(4 * dim, dim))
            self.ffn_norm = _norm(config, dim)

    def forward(self, own: Encoded, others: Mapping[str, Encoded]) -> Encoded:
        """Return the branch's frames after one layer; the mask stays."""
        x_BTD = own.x_BTD
        for name, attend in self.attend.items():
            keys = others[name]
            x_BTD = (
                x_BTD + attend(own.x_BTD, keys.x_BTD, keys.x_BTD, key_padding_mask=~keys.mask_BT, need_weights=False)[0]
            )
        x_BTD = self.norm(x_BTD)
        if self.ffn is not None:
            x_BTD = self.ffn_norm(x_BTD + self.ffn(x_BTD))
        return Encoded(x_BTD, own.mask_BT)


class CrossAttention(nn.Module):
    """K layers; each has one branch per modality, and layer k+1 reads the outputs of all branches of layer k.

        Y_m = LN(X_m + sum over others o of MHA(Q = X_m, K = V = X_o)), shape (B, T_m, D_m)
        result = concatenation over m of the mean of Y_m over time, shape (B, sum of D_m)

    The branches' means over time, concatenated, are the fused vector (paper, section 2.3). With more than two
    modalities a branch sums its attention to each of the others (ours).

    Source: Sun, He and Han, "Using Auxiliary Tasks In Multimodal Fusion Of Wav2vec 2.0 And BERT For Multimodal
    Emotion Recognition", ICASSP 2023, arXiv 2302.13661, section 2.3 and Figure 3.

    Differs from the paper: layer normalisation after each residual sum, dropout on the attention weights, and more
    than two modalities are ours; the paper states the residual only.
    """

    class Config(PluginConfig):
        """Options of `cross-attn`."""

        layers: int = Field(default=2, ge=1)
        """K, the number of layers (paper, Table 2: 1, 2 or 3; 2 is best)."""
        heads: int = Field(default=8, ge=1)
        """Attention heads (paper, section 3.2); must divide the width of every modality."""
        ffn: bool = False
        """Add a feed-forward block of four times the width to each branch (ours; the paper names none)."""
        norm: Literal["post", "none"] = "post"
        """Layer normalisation after each residual sum, or none (ours; the paper states the residual only)."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on attention weights and inside the feed-forward block (ours)."""

    order_free = True
    """No positions are added here (paper, section 2.3): the encoders put them into the frames."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int], name: str = "cross-attn") -> None:
        super().__init__()
        _check(name, config, input_dims)
        self.output_dim = sum(input_dims.values())
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    modality: Branch(config, dim, {m: d for m, d in sorted(input_dims.items()) if m != modality})
                    for modality, dim in sorted(input_dims.items())
                }
            )
            for _ in range(config.layers)
        )

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        frames = self.frames(encoded)
        return torch.cat([frames[m].mean_BD() for m in sorted(frames)], dim=-1)

    def frames(self, encoded: Mapping[str, Encoded]) -> Mapping[str, Encoded]:
        """Return the frames of each modality after the last layer."""
        return self._through(len(self.layers), encoded)

    def attention(self, encoded: Mapping[str, Encoded]) -> dict[tuple[str, str], Float[Tensor, "B Q K"]]:
        """Return the weights of the last layer, the mean over its heads, for each pair (who asks, who is asked)."""
        encoded = self._through(len(self.layers) - 1, encoded)
        last = cast(nn.ModuleDict, self.layers[-1])
        branches = {m: cast(Branch, branch) for m, branch in last.items()}
        asking = [(m, other, attend) for m, branch in branches.items() for other, attend in branch.attend.items()]
        return {
            (m, other): attend(
                encoded[m].x_BTD, encoded[other].x_BTD, encoded[other].x_BTD, key_padding_mask=~encoded[other].mask_BT
            )[1]
            for m, other, attend in asking
        }

    def _through(self, layers: int, encoded: Mapping[str, Encoded]) -> Mapping[str, Encoded]:
        """Return the frames after the first `layers` layers."""
        for layer in list(self.layers)[:layers]:
            branches = cast(nn.ModuleDict, layer)
            encoded = {modality: branch(encoded[modality], encoded) for modality, branch in branches.items()}
        return encoded


def _norm(config: CrossAttention.Config, dim: int) -> nn.Module:
    return nn.LayerNorm(dim) if config.norm == "post" else nn.Identity()


def _check(name: str, config: CrossAttention.Config, input_dims: Mapping[str, int]) -> None:
    require_two(name, input_dims)
    for modality, dim in input_dims.items():
        require_divisor(config.heads, dim, key="heads", of=f"the width of {modality}")
