"""The positional convolution by way of frequencies, against torch's convolution."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv1d

from mer_plugins.encoders.positions import grouped_conv


def by_torch(x_BTD: Tensor, weight_DIK: Tensor, bias_D: Tensor | None) -> Tensor:
    dim, group_dim, taps = weight_DIK.shape
    out_BDT = conv1d(x_BTD.transpose(1, 2), weight_DIK, bias_D, padding=taps // 2, groups=dim // group_dim)
    return out_BDT[..., : x_BTD.shape[1]].transpose(1, 2)


@settings(deadline=None, max_examples=30)
@given(
    frames=st.integers(1, 40),
    batch=st.integers(1, 3),
    groups=st.integers(1, 3),
    group_dim=st.integers(1, 4),
    taps=st.integers(1, 33),
    biased=st.booleans(),
)
def test_equals_torch_in_value_and_gradient(
    frames: int, batch: int, groups: int, group_dim: int, taps: int, biased: bool
) -> None:
    torch.manual_seed(frames)
    dim = groups * group_dim
    x_BTD = torch.randn(batch, frames, dim, requires_grad=True)
    weight_DIK = torch.randn(dim, group_dim, taps, requires_grad=True)
    bias_D = torch.randn(dim, requires_grad=True) if biased else None
    inputs = [tensor for tensor in (x_BTD, weight_DIK, bias_D) if tensor is not None]
    found, expected = grouped_conv(x_BTD, weight_DIK, bias_D), by_torch(x_BTD, weight_DIK, bias_D)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    upper = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs, upper),
        torch.autograd.grad(expected, inputs, upper),
        atol=2e-4,
        rtol=1e-5,
    )


def test_error_at_the_size_of_wav2vec2_base_is_roundings() -> None:
    """48 channels of a group and 128 taps: the sum of 6144 products, in float32 either way."""
    torch.manual_seed(0)
    x_BTD, weight_DIK = torch.randn(2, 150, 96), torch.randn(96, 48, 128)
    exact = by_torch(x_BTD.double(), weight_DIK.double(), None)
    errors = [
        float((made - exact).pow(2).mean().sqrt())
        for made in (grouped_conv(x_BTD, weight_DIK, None), by_torch(x_BTD, weight_DIK, None))
    ]
    assert errors[0] < 1e-6 * float(exact.pow(2).mean().sqrt())
    assert errors[0] < 10 * errors[1]


def test_autocast_does_not_make_it_coarse() -> None:
    torch.manual_seed(0)
    x_BTD, weight_DIK = torch.randn(1, 20, 8), torch.randn(8, 4, 16)
    with torch.autocast("cpu", torch.bfloat16):
        found = grouped_conv(x_BTD, weight_DIK, None)
    torch.testing.assert_close(found, by_torch(x_BTD, weight_DIK, None), atol=1e-4, rtol=1e-5)
