"""Single-modality learners that also tell the other modality's embedding: an approximation of SMCN."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Encoded, Step
from mer_plugins.fusions.parts import mixture, require_two


class CalibrationNetwork(nn.Module):
    """Each modality has a learner of its own with a branch that predicts what the others' learners make of theirs.

        h_m = ReLU(W_m x_m), x_m the mean frame of modality m, shape (B, dim)
        c_m = B_m ReLU(A_m h_m), shape (B, dim), taught to be the mean over others o of LN(h_o)
        p_m = softmax(U_m [h_m; c_m]);  scores = log(mean over m of p_m), shape (B, C)
        loss of its own: weight * mean over m, utterances and channels of (c_m - mean of LN(h_o))^2

    Features are never mixed: a learner sees its own modality alone, and the mean joins what they say. The order of the
    scores is therefore that of a sum of one part per modality, so nothing that depends on both at once can be learned
    here. The fused vector is the h_m and c_m side by side. No gradient goes into what is predicted.

    Source: Hou et al. 2022 (SMCN: single-modality learners with calibration branches), as described by those who
    compare with it: Sun, He and Han, ICASSP 2023, arXiv 2302.13661.

    Differs from the paper: an approximation, built from a description of a few lines. The shape of learners and
    branches, the loss, its weight, the normalised target and the mean of the posteriors are ours.
    """

    class Config(PluginConfig):
        """Options of `smcn`."""

        dim: int = Field(default=256, ge=1)
        """Width of a learner's embedding (ours)."""
        hidden_dim: int = Field(default=256, ge=1)
        """Hidden units of a calibration branch (ours)."""
        dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Dropout on a learner's embedding (ours)."""
        weight: float = Field(default=1.0, ge=0.0)
        """Weight of the calibration loss beside the main loss (ours)."""

    order_free = True
    """Means have no order of frames; the encoders put positions into the frames themselves."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int], num_classes: int) -> None:
        super().__init__()
        require_two("smcn", input_dims)
        modalities = sorted(input_dims)
        self.dim, self.weight = config.dim, config.weight
        self.output_dim = 2 * len(modalities) * config.dim
        self.learn = nn.ModuleDict(
            {
                m: nn.Sequential(nn.Linear(input_dims[m], config.dim), nn.ReLU(), nn.Dropout(config.dropout))
                for m in modalities
            }
        )
        self.calibrate = nn.ModuleDict(
            {
                m: nn.Sequential(
                    nn.Linear(config.dim, config.hidden_dim), nn.ReLU(), nn.Linear(config.hidden_dim, config.dim)
                )
                for m in modalities
            }
        )
        self.heads = nn.ModuleDict({m: nn.Linear(2 * config.dim, num_classes) for m in modalities})

    def remarks(self) -> list[str]:
        """Say that it is an approximation."""
        return ["an approximation of SMCN (Hou et al. 2022), built from a description of a few lines"]

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        embedded = {m: learn(encoded[m].mean_BD()) for m, learn in self.learn.items()}
        return torch.cat([part for m, h_BD in embedded.items() for part in (h_BD, self.calibrate[m](h_BD))], dim=-1)

    def classify(self, fused_BF: Float[Tensor, "B F"]) -> Float[Tensor, "B C"]:
        """Return log-probabilities."""
        parts = zip(self.heads.values(), torch.split(fused_BF, 2 * self.dim, dim=-1), strict=True)
        log_p_MBC = torch.stack([head(part).log_softmax(-1) for head, part in parts])
        return mixture(log_p_MBC.new_zeros(len(self.heads)).log_softmax(0), log_p_MBC)

    def loss(self, step: Step) -> Float[Tensor, ""]:
        """Return the calibration loss."""
        h_MBD, c_MBD = self._parts(step.fused_BF)
        target_MBD = functional.layer_norm(h_MBD.detach().float(), (self.dim,))
        others_MBD = (target_MBD.sum(0) - target_MBD) / (len(self.heads) - 1)
        return self.weight * functional.mse_loss(c_MBD.float(), others_MBD)

    def _parts(self, fused_BF: Float[Tensor, "B F"]) -> tuple[Float[Tensor, "M B D"], Float[Tensor, "M B D"]]:
        h_MBD, c_MBD = fused_BF.reshape(len(fused_BF), len(self.heads), 2, self.dim).permute(2, 1, 0, 3)
        return h_MBD, c_MBD
