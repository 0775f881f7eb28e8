"""Supervised contrastive learning from each modality to each other one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import permutations

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Step
from mer_plugins.aux_tasks.pairing import require_two

_LARGEST_SCALE = 100.0


class CrossModalContrast(nn.Module):
    """Draws the modalities of one emotion together, in both directions of every pair of modalities.

    u_m is the projection of the mean frame of modality m to the unit sphere, shape (B, dim). From m to s,

        L_ms = mean over i of -1 / |P(i)| * sum over p in P(i) of log softmax_j(u_m,i . u_s,j / tau) at j = p

    with P(i) the utterances of the batch that have the class of i, i itself among them. The loss is the mean of L_ms
    over all ordered pairs; tau is learned. The example package `mer-supcon` differs: tau is fixed, its heads have a
    hidden layer, and with three modalities an anchor's candidates are those of both others at once.

    Source: J. Yang, C. Li, P. Zhang, B. Xiao, C. Liu, L. Yuan, J. Gao, "Unified Contrastive Learning in
    Image-Text-Label Space", CVPR 2022, arXiv 2204.03610, section 3.2.

    Differs from the paper: the modalities are those of speech, and may be more than two; the mean over directions
    stands for their sum; the scale 1 / tau is held at 100 or less, as in CLIP.
    """

    class Config(PluginConfig):
        """Options of `contrastive`."""

        dim: int = Field(default=128, ge=1)
        """Width of the common space (ours)."""
        temperature: float = Field(default=0.07, ge=1.0 / _LARGEST_SCALE)
        """tau at the start; it is learned (as in CLIP: 0.07)."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("contrastive", input_dims, "compares modalities")
        self.project = nn.ModuleDict(
            {m: nn.Linear(dim, config.dim, bias=False) for m, dim in sorted(input_dims.items())}
        )
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the mean over utterances and directions."""
        scale = self.log_scale.exp().clamp(max=_LARGEST_SCALE)
        sphere = {
            m: functional.normalize(project(step.encoded[m].mean_BD()).float(), dim=-1)
            for m, project in self.project.items()
        }
        losses = [direction_loss(scale * sphere[m] @ sphere[s].T, step.labels_B) for m, s in permutations(sphere, 2)]
        return torch.stack(losses).mean()


def direction_loss(score_BB: Float[Tensor, "B B"], labels_B: Int[Tensor, " B"]) -> Float[Tensor, ""]:
    """Return L_ms of scores (row: anchor, column: candidate)."""
    positive_BB = labels_B[:, None] == labels_B[None, :]
    log_p_BB = score_BB.log_softmax(-1).masked_fill(~positive_BB, 0.0)
    return -(log_p_BB.sum(-1) / positive_BB.sum(-1)).mean()
