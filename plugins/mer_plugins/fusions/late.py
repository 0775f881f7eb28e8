"""Late fusion: each modality names the class on its own, and learned weights mix what they say."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded
from mer_plugins.fusions.parts import mixture


class LateFusion(nn.Module):
    """A weighted mean of the modalities' posteriors, with one learned weight per modality.

        p_m = softmax(W_m x_m + b_m), x_m the mean frame of modality m, shape (B, C)
        scores = log(sum over m of w_m p_m), w = softmax(a)

    The fused vector is the x_m side by side. The order of the scores is that of a sum of one part per modality, so
    nothing that depends on two modalities at once can be learned here. One modality alone is its posterior.

    Source: J. Kittler, M. Hatef, R. P. W. Duin, J. Matas, "On Combining Classifiers", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 20(3), 1998, section 2 (sum rule).

    Differs from the paper: the classifiers are trained together through their mean, and its weights are learned, where
    the sum rule weighs separately trained classifiers alike.
    """

    class Config(PluginConfig):
        """`late` has no options."""

    order_free = True
    """Means have no order of frames; the encoders put positions into the frames themselves."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int], num_classes: int) -> None:
        super().__init__()
        self.output_dim = sum(input_dims.values())
        self.heads = nn.ModuleDict({m: nn.Linear(dim, num_classes) for m, dim in sorted(input_dims.items())})
        self.weight_M = nn.Parameter(torch.zeros(len(input_dims)))
        self.widths = [dim for _, dim in sorted(input_dims.items())]

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        return torch.cat([encoded[m].mean_BD() for m in self.heads], dim=-1)

    def classify(self, fused_BF: Float[Tensor, "B F"]) -> Float[Tensor, "B C"]:
        """Return log-probabilities."""
        parts = zip(self.heads.values(), torch.split(fused_BF, self.widths, dim=-1), strict=True)
        log_p_MBC = torch.stack([head(x_BD).log_softmax(-1) for head, x_BD in parts])
        return mixture(self.weight_M.log_softmax(0), log_p_MBC)
