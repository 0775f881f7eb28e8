"""Feature-wise linear modulation: one modality scales and shifts the features of the others."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.types import Encoded
from mer_plugins.fusions.parts import last_frame, max_frame, require_two, without_padding


class Film(nn.Module):
    """The words decide how the sound is read: what one modality says becomes scales and shifts for the others.

    The conditioning modality c goes through a GRU, whose state q at its last frame gives the numbers of every block,
    (delta, beta) = V q. Each other modality m is projected to `dim` channels and goes through residual blocks over its
    frames,

        y = ReLU(Conv_1(x)),  result = y + ReLU((1 + delta) * LN(Conv_k(y)) + beta), shape (B, T_m, dim)

    then a projection to `pool_dim` channels, ReLU and the maximum over time. The maxima of all m, side by side, go
    through one layer with ReLU: the fused vector, of width `hidden_dim`.

    Source: E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville, "FiLM: Visual Reasoning with a General
    Conditioning Layer", AAAI 2018, arXiv 1709.07871, section 3.

    Differs from the paper: convolutions run over time instead of over an image, and no coordinates are added;
    layer normalisation without parameters stands for batch normalisation, so that an utterance's result does not
    depend on its batch; the GRU reads a trained encoder's frames and is smaller (paper: 4,096 units).
    """

    class Config(PluginConfig):
        """Options of `film`."""

        condition: str = "text"
        """The modality that modulates the others (the paper's question)."""
        dim: int = Field(default=128, ge=1)
        """Channels of the modulated features (paper, section 3.2: 128)."""
        blocks: int = Field(default=4, ge=1)
        """Residual blocks (paper, section 3.2: 4)."""
        kernel: int = Field(default=3, ge=1)
        """k, the frames that a block's second convolution sees (paper, section 3.2: 3 x 3 pixels)."""
        gru_dim: int = Field(default=256, ge=1)
        """Units of the GRU over the conditioning modality (paper, section 3.2: 4,096)."""
        pool_dim: int = Field(default=512, ge=1)
        """Channels before the maximum over time (paper, section 3.2: 512)."""
        hidden_dim: int = Field(default=1024, ge=1)
        """Width of the fused vector (paper, section 3.2: 1,024 hidden units)."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("film", input_dims)
        if config.condition not in input_dims:
            raise SpecError(
                f"fusion.condition: this pipeline has no modality {config.condition}; it has "
                f"{', '.join(sorted(input_dims))}"
            )
        self.condition, self.output_dim = config.condition, config.hidden_dim
        modulated = sorted(m for m in input_dims if m != config.condition)
        self.read = nn.GRU(input_dims[config.condition], config.gru_dim, batch_first=True)
        self.modulate = nn.ModuleDict({m: Modulated(config, input_dims[m]) for m in modulated})
        self.out = nn.Sequential(nn.Linear(len(modulated) * config.pool_dim, config.hidden_dim), nn.ReLU())

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        asked = encoded[self.condition]
        state_BTQ, _ = self.read(without_padding(asked))
        q_BQ = last_frame(Encoded(state_BTQ, asked.mask_BT))
        pooled = [modulate(encoded[m], q_BQ) for m, modulate in self.modulate.items()]
        fused_BF: Tensor = self.out(torch.cat(pooled, dim=-1))
        return fused_BF


class Modulated(nn.Module):
    """One modality's residual blocks and maximum, with the layer that gives their scales and shifts."""

    def __init__(self, config: Film.Config, input_dim: int) -> None:
        super().__init__()
        self.blocks = config.blocks
        self.project = nn.Linear(input_dim, config.dim)
        self.film = nn.Linear(config.gru_dim, config.blocks * 2 * config.dim)
        self.first = nn.ModuleList(nn.Linear(config.dim, config.dim) for _ in range(config.blocks))
        self.second = nn.ModuleList(
            nn.Conv1d(config.dim, config.dim, config.kernel, padding="same") for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(config.dim, elementwise_affine=False)
        self.pool = nn.Sequential(nn.Linear(config.dim, config.pool_dim), nn.ReLU())

    def forward(self, encoded: Encoded, q_BQ: Float[Tensor, "B Q"]) -> Float[Tensor, "B P"]:
        """Return the maximum over time of the modulated features."""
        x_BTD = self.project(encoded.x_BTD)
        delta_BKD, beta_BKD = self.film(q_BQ).unflatten(-1, (self.blocks, -1)).chunk(2, dim=-1)
        for k, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            y_BTD = first(x_BTD).relu()
            seen_BDT = without_padding(Encoded(y_BTD, encoded.mask_BT)).transpose(1, 2)
            z_BTD = self.norm(second(seen_BDT).transpose(1, 2))
            x_BTD = y_BTD + ((1.0 + delta_BKD[:, k, None]) * z_BTD + beta_BKD[:, k, None]).relu()
        return max_frame(Encoded(self.pool(x_BTD), encoded.mask_BT))
