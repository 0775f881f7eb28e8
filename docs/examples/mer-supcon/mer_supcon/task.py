"""Supervised contrastive learning across modalities."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.types import Step
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional


class CrossModalSupCon(nn.Module):
    """Draws utterances of one emotion together across modalities, and others apart.

    z is the projection of a modality's mean frame to the unit sphere. For an anchor i of one modality, the candidates
    A(i) are all utterances of the batch in the other modalities and the positives P(i) those of its class, its own
    other modalities among them. The loss is the mean over all anchors of equation 2,

        -1 / |P(i)| * sum over p in P(i) of log( exp(z_i . z_p / tau) / sum over a in A(i) of exp(z_i . z_a / tau) )

    Source: P. Khosla, P. Teterwak, C. Wang, A. Sarna, Y. Tian, P. Isola, A. Maschinot, C. Liu, D. Krishnan, "Supervised
    Contrastive Learning", NeurIPS 2020, arXiv 2004.11362, equation 2.

    Differs from the paper: its views are two augmentations of one image; here they are the modalities of one
    utterance, and pairs within a modality are left out, so that only what modalities share is learned.
    """

    class Config(PluginConfig):
        """Options of `supcon`."""

        dim: int = Field(default=128, ge=1)
        """Width of the sphere's space (paper, section 3.1: 128)."""
        temperature: float = Field(default=0.1, gt=0.0)
        """tau (paper, section 4.4: 0.1)."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        if len(input_dims) < 2:
            raise SpecError(
                f"supcon aligns modalities, and this pipeline has only {', '.join(input_dims)}",
                hint="Use --aux none, or add a modality.",
            )
        self.temperature = config.temperature
        self.heads = nn.ModuleDict(
            {
                m: nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, config.dim))
                for m, dim in sorted(input_dims.items())
            }
        )

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the mean over the utterances and their modalities."""
        z_ND = torch.cat([self._sphere(m, step.encoded[m].mean_BD()) for m in sorted(step.encoded)])
        num_modalities, batch_size = len(step.encoded), len(step.labels_B)
        view_N = torch.arange(num_modalities, device=z_ND.device).repeat_interleave(batch_size)
        return cross_view_supcon(z_ND, step.labels_B.repeat(num_modalities), view_N, self.temperature)

    def _sphere(self, modality: str, mean_BD: Float[Tensor, "B D"]) -> Tensor:
        return functional.normalize(self.heads[modality](mean_BD).float(), dim=-1)


def cross_view_supcon(
    z_ND: Float[Tensor, "N D"], labels_N: Int[Tensor, " N"], view_N: Int[Tensor, " N"], temperature: float
) -> Float[Tensor, ""]:
    """Return the loss of N unit vectors; each one's candidates are those of other views."""
    candidate_NN = view_N[:, None] != view_N[None, :]
    positive_NN = candidate_NN & (labels_N[:, None] == labels_N[None, :])
    # Scores of cosine / tau are at most 1 / tau, so float32 holds their exponentials; logsumexp is safe for any tau.
    score_NN = (z_ND @ z_ND.T / temperature).masked_fill(~candidate_NN, -torch.inf)
    log_p_NN = (score_NN - score_NN.logsumexp(1, keepdim=True)).masked_fill(~positive_NN, 0.0)
    return -(log_p_NN.sum(1) / positive_NN.sum(1)).mean()
