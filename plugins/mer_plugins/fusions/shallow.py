"""One vector per modality, side by side: the shallow fusion of jointly fine-tuned models."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import sequence_vector


class Shallow(nn.Module):
    """The sequence vectors of the modalities, concatenated; the pipeline's dropout and linear layer follow.

        s_m = x_m1, the first frame, of text; s_m = the mean frame of speech, shape (B, D_m)
        result = concatenation over m of s_m, shape (B, sum of D_m);  scores = W dropout(result) + b

    Scores are a sum of one part per modality: nothing that depends on both at once can be learned here. The dropout
    is `train.dropout` (paper: 0.1).

    Source: S. Siriwardhana, A. Reis, R. Weerasekera, S. Nanayakkara, "Jointly Fine-Tuning 'BERT-like' Self Supervised
    Models to Improve Multimodal Speech Emotion Recognition", Interspeech 2020, arXiv 2008.06682 (shallow fusion).

    Differs from the paper: speech comes from any audio encoder, and its mean frame stands for it.
    """

    class Config(PluginConfig):
        """Options of `shallow`."""

        first: tuple[str, ...] = ("text",)
        """Modalities whose first frame stands for the sequence (BERT's `[CLS]`); of others the mean frame does."""

    order_free = True
    """Nothing here adds an order to frames."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.first = config.first
        self.output_dim = sum(input_dims.values())

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        return torch.cat([sequence_vector(encoded[m], m, self.first) for m in sorted(encoded)], dim=-1)
