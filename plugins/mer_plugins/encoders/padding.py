"""Padding of a batch. Shape letters: B utterances, T the longest one, `...` what one frame holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
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


def near_equal(lengths: Sequence[int], *, most: int) -> Iterator[list[int]]:
    """Yield the indices in batches of near-equal length, of `most` with padding (a longer one is a batch alone)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and lengths[index] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def masked_group_norm(
    norm: nn.GroupNorm, x_BCT: Float[Tensor, "B C T"], frames_B: Int[Tensor, " B"]
) -> Float[Tensor, "B C T"]:
    """Normalise each channel (a group norm with as many groups as channels) over an utterance's real frames alone."""
    assert norm.num_groups == norm.num_channels
    mask_B1T = (torch.arange(x_BCT.shape[2], device=x_BCT.device) < frames_B[:, None])[:, None]
    count_B11 = frames_B[:, None, None]
    mean_BC1 = (x_BCT * mask_B1T).sum(2, keepdim=True) / count_B11
    centred_BCT = x_BCT - mean_BC1
    variance_BC1 = (centred_BCT.square() * mask_B1T).sum(2, keepdim=True) / count_B11
    scaled_BCT = centred_BCT * (variance_BC1 + norm.eps).rsqrt()
    return scaled_BCT * norm.weight[:, None] + norm.bias[:, None]
