"""Tell one modality's embedding from another's."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Step
from mer_plugins.aux_tasks.pairing import require_two


class CrossModalReconstruction(nn.Module):
    """For each ordered pair of modalities a small network predicts the mean frame of one from that of the other.

        L_ms = mean over utterances and channels of (D_ms(x_m) - LN(x_s))^2,   D_ms(x) = W_2 ReLU(W_1 x)

    x_m is the mean frame of modality m, shape (B, D_m); LN normalises it over its channels without parameters. The loss
    is the mean of L_ms over all ordered pairs. No gradient goes into the target: a pair of encoders could otherwise
    agree by saying nothing.

    Source: J. Zhao, R. Li, Q. Jin, "Missing Modality Imagination Network for Emotion Recognition with Uncertain
    Missing Modalities", ACL 2021, section 3.3 (imagination loss).

    Differs from the paper: one network with a hidden layer per direction stands for its cascade of residual
    autoencoders; the target is normalised and not trained; all modalities are present while it is trained.
    """

    class Config(PluginConfig):
        """Options of `reconstruct`."""

        hidden_dim: int = Field(default=256, ge=1)
        """Hidden units of each network (ours)."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("reconstruct", input_dims, "predicts one modality from another")
        self.predict = nn.ModuleDict(
            {
                m: nn.ModuleDict(
                    {s: _network(input_dims[m], config.hidden_dim, input_dims[s]) for s in sorted(input_dims) if s != m}
                )
                for m in sorted(input_dims)
            }
        )

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the mean over utterances, channels and directions."""
        means = {m: step.encoded[m].mean_BD() for m in sorted(step.encoded)}
        targets = {m: functional.layer_norm(x_BD.detach().float(), x_BD.shape[-1:]) for m, x_BD in means.items()}
        losses = []
        for m, s in permutations(means, 2):
            directions = self.predict[m]
            assert isinstance(directions, nn.ModuleDict)
            losses.append(functional.mse_loss(directions[s](means[m]).float(), targets[s]))
        return torch.stack(losses).mean()


def _network(input_dim: int, hidden_dim: int, output_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, output_dim))
