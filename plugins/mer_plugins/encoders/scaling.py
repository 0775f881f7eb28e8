"""Fixed features brought to one scale by the training utterances of a fold."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mer_core.data.speakers import spreads
from mer_core.types import Prepared


class Scaler(nn.Module):
    """Takes the mean out of each number of a frame and divides by its standard deviation, as `fit` found them.

    Before `fit` it changes nothing. What does not vary is divided by 1.

    Args:
        dim: numbers in a frame, D.
        limit: what is further from 0 after that, in deviations, is set to the limit.
    """

    mean_D: Tensor
    sd_D: Tensor

    def __init__(self, dim: int, *, limit: float = math.inf) -> None:
        super().__init__()
        self.limit = limit
        self.register_buffer("mean_D", torch.zeros(dim))
        self.register_buffer("sd_D", torch.ones(dim))

    def fit(self, items: Iterable[Prepared], name: str) -> None:
        """Find mean and deviation over all frames of the items' tensors `name`, (T, D) each."""
        found = spreads((("everyone", item) for item in items), [name])["everyone"][name]
        self.mean_D.copy_(found.mean)
        self.sd_D.copy_(found.sd)

    def forward(self, x_BTD: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Return the frames scaled."""
        return ((x_BTD - self.mean_D) / self.sd_D).clamp(-self.limit, self.limit)
