"""Toy batches, what is done to them, and how results are compared. Shape letters as in `mer_core.types`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mer_core.types import Encoded

CLOSE = 1e-4
"""Results that differ by less than this share of their size are the same in float32."""

Batch = dict[str, Encoded]


def toy_batch(lengths: Mapping[str, Sequence[int]], dims: Mapping[str, int], *, seed: int = 0) -> Batch:
    """Return random frames of these lengths, zeros where they are padded, modalities in the order of `dims`."""
    generator = torch.Generator().manual_seed(seed)
    return {m: _encoded(lengths[m], dim, generator) for m, dim in dims.items()}


def _encoded(lengths: Sequence[int], dim: int, generator: torch.Generator) -> Encoded:
    mask_BT = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    x_BTD = torch.randn(len(lengths), max(lengths), dim, generator=generator)
    return Encoded(x_BTD * mask_BT.unsqueeze(-1), mask_BT)


def with_x(encoded: Encoded, x_BTD: Float[Tensor, "B T D"]) -> Encoded:
    """Return the frames replaced, the mask kept."""
    return replace(encoded, x_BTD=x_BTD)


def to(batch: Batch, device: str, dtype: torch.dtype | None = None) -> Batch:
    """Return the batch on a device, in a precision."""
    return {m: Encoded(e.x_BTD.to(device, dtype), e.mask_BT.to(device)) for m, e in batch.items()}


def leaves(batch: Batch) -> Batch:
    """Return the batch with frames that collect a gradient."""
    return {m: with_x(e, e.x_BTD.detach().clone().requires_grad_()) for m, e in batch.items()}


def dirty(encoded: Encoded, *, seed: int = 1) -> Encoded:
    """Return the same real frames with large numbers in the padding, and three more frames of it."""
    generator = torch.Generator().manual_seed(seed)
    size_B, num_frames, dim = encoded.x_BTD.shape
    x_BTD = 100.0 * torch.randn(size_B, num_frames + 3, dim, generator=generator)
    x_BTD = x_BTD.to(encoded.x_BTD.device, encoded.x_BTD.dtype)
    x_BTD[:, :num_frames][encoded.mask_BT] = encoded.x_BTD[encoded.mask_BT]
    return Encoded(x_BTD, torch.nn.functional.pad(encoded.mask_BT, (0, 3)))


def alone(batch: Batch, index: int) -> Batch:
    """Return one utterance as a batch of its own, without padding."""
    return {
        m: Encoded(e.x_BTD[index : index + 1, e.mask_BT[index]], e.mask_BT[index : index + 1, e.mask_BT[index]])
        for m, e in batch.items()
    }


def take(batch: Batch, index_B: Int[Tensor, " A"]) -> Batch:
    """Return the utterances at `index_B` of every modality."""
    return {m: e.take(index_B.to(e.x_BTD.device)) for m, e in batch.items()}


def reversed_frames(encoded: Encoded) -> Encoded:
    """Return each utterance's real frames in reverse order."""
    x_BTD = encoded.x_BTD.clone()
    for frames_TD, mask_T in zip(x_BTD, encoded.mask_BT, strict=True):
        frames_TD[mask_T] = frames_TD[mask_T].flip(0)
    return with_x(encoded, x_BTD)


def difference(first: Tensor, second: Tensor) -> float:
    """Return the largest difference as a share of the largest value; infinite where shapes differ or NaN is met."""
    if first.shape != second.shape:
        return float("inf")
    if not first.numel():
        return 0.0
    first, second = first.detach().double().cpu(), second.detach().double().cpu()
    found = (first - second).abs().max() / torch.stack([first.abs().max(), second.abs().max()]).max().clamp(min=1e-12)
    return float(torch.nan_to_num(found, nan=float("inf")))


def is_finite(tensor: Tensor) -> bool:
    """Return whether no value is NaN or infinite."""
    return bool(torch.isfinite(tensor).all())
