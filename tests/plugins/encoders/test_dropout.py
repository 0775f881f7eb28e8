"""Dropout with cheap masks: the same distribution as torch's, decided by torch's seed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare
from torch import nn

from mer_plugins.encoders.dropout import Dropout, dropout, exchange_dropouts

ODD = (7, 13, 31)


@pytest.mark.parametrize("p", [0.05, 0.1, 0.5, 0.9])
def test_share_scale_and_mean(p: float) -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(300_001), p)
    kept = y[y != 0]
    assert binomtest(len(kept), len(y), 1 - p).pvalue > 1e-4
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)), rtol=1e-4, atol=0)


def test_elements_are_independent_of_their_neighbours() -> None:
    """Four elements share one number of 64 bits: each pattern of four is as likely as its probabilities say."""
    torch.manual_seed(0)
    patterns = (dropout(torch.ones(100_000, 4), 0.5) != 0).long() @ torch.tensor([1, 2, 4, 8])
    assert chisquare(torch.bincount(patterns, minlength=16).numpy()).pvalue > 1e-4


def test_the_seed_decides() -> None:
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        draws.append([dropout(torch.ones(ODD), 0.3) for _ in range(2)])
    assert all(torch.equal(a, b) for a, b in zip(*draws[:2], strict=True))
    assert not torch.equal(draws[0][0], draws[0][1])
    assert not torch.equal(draws[0][0], draws[2][0])


@given(st.floats(0, 1), st.lists(st.integers(0, 5), max_size=3))
def test_each_element_is_zero_or_scaled(p: float, shape: list[int]) -> None:
    x = torch.rand(shape) + 1.0
    y = dropout(x, p)
    assert y.shape == x.shape
    assert ((y == 0) | torch.isclose(y, x / max(1 - p, 1e-9), rtol=1e-3 / max(1 - p, 1e-3))).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_gradient_is_dropped_alike(dtype: torch.dtype) -> None:
    x = torch.ones(ODD, dtype=dtype, requires_grad=True)
    y = dropout(x, 0.3)
    y.backward(torch.full_like(y, 2.0))
    assert y.dtype == dtype
    assert torch.equal(x.grad, 2 * y)


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.randn(ODD)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x
    assert Dropout(0.5).eval()(x) is x


def test_off_the_cpu_it_is_torchs() -> None:
    assert dropout(torch.ones(3, device="meta"), 0.5).device.type == "meta"


def test_exchange_keeps_probability_place_and_state() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.25), nn.Dropout1d(0.1)), nn.Dropout(0.75))
    names = list(module.state_dict())
    exchange_dropouts(module)
    assert list(module.state_dict()) == names
    assert [(type(m), m.p) for m in (module[1][0], module[1][1], module[2])] == [
        (Dropout, 0.25),
        (nn.Dropout1d, 0.1),
        (Dropout, 0.75),
    ]
