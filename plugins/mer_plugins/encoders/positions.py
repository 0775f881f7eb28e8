"""wav2vec 2.0's positional convolution by way of frequencies: on a CPU its 128 taps are slow as a convolution.

Letters: B utterances, T frames, D width, G groups, K taps, I and O channels of a group in and out, F frequencies.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor


def grouped_conv(
    x_BTD: Float[Tensor, "B T D"], weight_DIK: Float[Tensor, "D I K"], bias_D: Float[Tensor, " D"] | None
) -> Float[Tensor, "B T D"]:
    """Return the convolution over time in D / I groups, padded by K // 2 on either side, the first T frames of it.

    The same as `conv1d(…, padding=K // 2, groups=D // I)` to float32's rounding. Both are taken to frequencies by
    matrix products, which put each frequency's numbers side by side for the product over the channels of a group.
    """
    dim, group_dim, taps = weight_DIK.shape
    groups = dim // group_dim
    with torch.autocast(x_BTD.device.type, enabled=False):  # frequencies need more than bfloat16's eight bits
        x_BTD = x_BTD.to(weight_DIK.dtype)
        to_x, to_weight, back = (basis.to(weight_DIK) for basis in _bases(x_BTD.shape[1], taps))
        x_2FGBI = (to_x @ x_BTD).view(len(x_BTD), -1, groups, group_dim).permute(1, 2, 0, 3)
        weight_2FGOI = (to_weight @ weight_DIK.reshape(-1, taps).t()).view(-1, groups, group_dim, group_dim)
        out_2FGBO = _product(x_2FGBI, weight_2FGOI.transpose(-1, -2))
        out_BTD = back @ out_2FGBO.permute(2, 0, 1, 3).reshape(len(x_BTD), -1, dim)
    return out_BTD if bias_D is None else out_BTD + bias_D


def _product(x_2FGBI: Tensor, weight_2FGIO: Tensor) -> Tensor:
    """Return x times the conjugate of the weight at each frequency; real parts in the first half, imaginary after."""
    (x_re, x_im), (weight_re, weight_im) = x_2FGBI.chunk(2), weight_2FGIO.chunk(2)
    real = x_re @ weight_re + x_im @ weight_im
    return torch.cat([real, x_im @ weight_re - x_re @ weight_im])


@lru_cache(maxsize=4)
def _bases(num_frames: int, taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices that take frames and taps to frequencies, and frequencies back to frames, in float32."""
    size = num_frames + taps - 1
    angle_F = torch.arange(size // 2 + 1, dtype=torch.float64) * (2 * math.pi / size)
    # Frame t of the result is the sum over taps k of frame t + k - taps // 2, so frames are counted from taps // 2.
    to_x = _waves(angle_F, torch.arange(num_frames) + taps // 2)
    to_weight = _waves(angle_F, torch.arange(taps))
    share_F = torch.full_like(angle_F, 2.0 / size)
    share_F[0] /= 2
    if size % 2 == 0:
        share_F[-1] /= 2
    back = _waves(angle_F, torch.arange(num_frames)) * share_F.repeat(2)[:, None]
    return to_x.float(), to_weight.float(), back.t().contiguous().float()


def _waves(angle_F: Tensor, time_T: Tensor) -> Tensor:
    """Return cosines, then negative sines: the real and imaginary parts of a Fourier transform."""
    phase_FT = torch.outer(angle_F, time_T.double())
    return torch.cat([phase_FT.cos(), -phase_FT.sin()])
