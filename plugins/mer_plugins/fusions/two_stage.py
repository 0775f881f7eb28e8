"""Cross-modal attention over encoders that were fine-tuned alone before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import require_divisor, require_two, sequence_vector


class TwoStage(nn.Module):
    """Each modality's sequence vector asks the frames of the others.

        s_m = the first frame of text, the mean frame of speech, shape (B, D_m)
        a_m = LN(s_m + sum over others o of MHA(Q = s_m, K = V = X_o)), shape (B, D_m)
        result = concatenation over m of a_m, shape (B, sum of D_m)

    The first stage, each encoder fine-tuned alone with a shallow head, is the pipeline's (`stages` in the registry
    file): its weights are kept and shared by every run that needs the same ones.

    Source: Yang et al. 2022, text RoBERTa and speech RoBERTa fine-tuned in two stages, as described by those who
    compare with it: Sun, He and Han, ICASSP 2023, arXiv 2302.13661.

    Differs from the paper: its text was not at hand. That the sequence vectors are the queries, the residual sum, the
    normalisation and every number are ours; the encoders go on learning in the second stage. The pipelines that ship
    have wav2vec 2.0 and BERT in place of its two RoBERTa models.
    """

    class Config(PluginConfig):
        """Options of `two-stage`."""

        heads: int = Field(default=8, ge=1)
        """Attention heads (ours); must divide the width of every modality."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on attention weights (ours)."""
        first: tuple[str, ...] = ("text",)
        """Modalities whose first frame stands for the sequence; of others the mean frame does."""

    order_free = True
    """No positions are added here: the encoders put them into the frames."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("two-stage", input_dims)
        for m, dim in input_dims.items():
            require_divisor(config.heads, dim, key="heads", of=f"the width of {m}")
        self.first, self.output_dim = config.first, sum(input_dims.values())
        self.attend = nn.ModuleDict(
            {
                m: nn.ModuleDict(
                    {
                        o: nn.MultiheadAttention(
                            dim, config.heads, dropout=config.dropout, kdim=width, vdim=width, batch_first=True
                        )
                        for o, width in sorted(input_dims.items())
                        if o != m
                    }
                )
                for m, dim in sorted(input_dims.items())
            }
        )
        self.norm = nn.ModuleDict({m: nn.LayerNorm(dim) for m, dim in sorted(input_dims.items())})

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        return torch.cat([self._asked(m, encoded) for m in self.attend], dim=-1)

    def _asked(self, modality: str, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B D"]:
        s_B1D = a_B1D = sequence_vector(encoded[modality], modality, self.first).unsqueeze(1)
        others = self.attend[modality]
        assert isinstance(others, nn.ModuleDict)
        for other, attend in others.items():
            x_BTD, mask_BT = encoded[other].x_BTD, encoded[other].mask_BT
            a_B1D = a_B1D + attend(s_B1D, x_BTD, x_BTD, key_padding_mask=~mask_BT, need_weights=False)[0]
        normed_BD: Tensor = self.norm[modality](a_B1D.squeeze(1))
        return normed_BD
