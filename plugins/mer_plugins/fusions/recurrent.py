"""A bidirectional LSTM that knows padding without packing: it runs on any device and can be traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mer_core.types import Encoded
from mer_plugins.fusions.parts import without_padding


class MeanBiLstm(nn.Module):
    """One LSTM reads the frames from the first to the last, another back; the result is the mean of the two.

    Real frames stand in front of the padding, as encoders give them.

    Args:
        input_dim: width of a frame.
        dim: width of each direction, and of the result.
    """

    def __init__(self, input_dim: int, dim: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(input_dim, dim, batch_first=True)
        self.back = nn.LSTM(input_dim, dim, batch_first=True)

    def forward(self, encoded: Encoded) -> Encoded:
        """Return (B, T, dim); the mask stays."""
        x_BTD, mask_BT = without_padding(encoded), encoded.mask_BT
        with _plain_cpu():
            ahead_BTD, _ = self.ahead(x_BTD)
            back_BTD, _ = self.back(turned(x_BTD, mask_BT))
        return Encoded((ahead_BTD + turned(back_BTD, mask_BT)) / 2, mask_BT)


@contextmanager
def _plain_cpu() -> Iterator[None]:
    """Do without oneDNN, whose LSTM lacks bfloat16 on some CPUs."""
    onednn: Any = torch.backends.mkldnn
    was, onednn.enabled = onednn.enabled, False
    try:
        yield
    finally:
        onednn.enabled = was


def turned(x_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
    """Return each utterance's real frames in reverse order, the padding where it was."""
    place_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    index_BT = torch.where(mask_BT, mask_BT.sum(1, keepdim=True) - 1 - place_T, place_T)
    return x_BTD.gather(1, index_BT.unsqueeze(-1).expand_as(x_BTD))
