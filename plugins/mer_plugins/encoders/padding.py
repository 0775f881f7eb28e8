"""Padding of a batch. Shape letters: B utterances, T the longest one, `...` what one frame holds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mer_core.types import Inputs, Prepared


def pad(items: Sequence[Prepared], name: str) -> Inputs:
    """Return the items' tensor `name` padded with zeros to (B, T, ...), and `lengths` (B), its real lengths."""
    sequences = [item[name] for item in items]
    lengths_B = torch.tensor([len(sequence) for sequence in sequences])
    return {name: pad_sequence(sequences, batch_first=True), "lengths": lengths_B}


def mask_of(lengths_B: Int[Tensor, " B"], padded: Shaped[Tensor, "B T ..."]) -> Bool[Tensor, "B T"]:
    """Return True where a frame is real."""
    return torch.arange(padded.shape[1], device=padded.device) < lengths_B.to(padded.device)[:, None]
