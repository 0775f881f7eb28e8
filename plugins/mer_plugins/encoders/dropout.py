"""Dropout whose masks are cheap on a CPU: torch's Bernoulli draws one number per element with a slow generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 2**16


def dropout(x: Tensor, p: float, *, training: bool = True) -> Tensor:
    """Return x with each element zeroed with probability p (to 1 in 2^17) and the rest scaled to keep the mean.

    Off the CPU it is torch's own. On it, 16 random bits decide about an element; they come from numpy's SFC64, seeded
    by torch's generator, so `torch.manual_seed` decides them.
    """
    if not training or p == 0.0:
        return x
    if x.device.type != "cpu":
        return functional.dropout(x, p)
    return x * _mask(x, p)


class Dropout(nn.Dropout):
    """`nn.Dropout` with `dropout`'s masks."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Drop."""
        return dropout(input, self.p, training=self.training)


def exchange_dropouts(module: nn.Module) -> None:
    """Put `Dropout` where a module has `nn.Dropout`; neither has weights, so a state dict stays as it is."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))


def _mask(x: Tensor, p: float) -> Tensor:
    """Return 0 or the scale for each element of x."""
    dropped = round(p * _LEVELS)
    bits = np.random.SFC64(int(torch.randint(2**62, ()))).random_raw(-(-x.numel() // 4)).view(np.int16)
    kept = torch.from_numpy(bits)[: x.numel()].view(x.shape) >= dropped - _LEVELS // 2
    return kept.to(x.dtype).mul_(_LEVELS / (_LEVELS - dropped) if dropped < _LEVELS else 0.0)
