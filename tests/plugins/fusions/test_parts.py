"""Pooling, positions and blocks against float64 references."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mer_core.errors import SpecError
from mer_core.types import Encoded
from mer_plugins.fusions import parts

CLOSE = {"atol": 1e-6, "rtol": 0.0}


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5), st.integers(0, 9))
def test_pooling_is_numpys_over_the_real_frames(mask, seed):
    x = np.random.default_rng(seed).normal(size=(len(mask), 4, 3))
    encoded = Encoded(torch.from_numpy(x), torch.tensor(mask))
    for row, real in enumerate(np.array(mask)):
        frames = x[row][real]
        expected = {
            "mean": frames.mean(0) if len(frames) else np.zeros(3),
            "max": frames.max(0) if len(frames) else np.zeros(3),
            "last": frames[-1] if len(frames) else x[row, 0],
        }
        found = {"mean": encoded.mean_BD(), "max": parts.max_frame(encoded), "last": parts.last_frame(encoded)}
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][row].numpy(), value, atol=1e-6, rtol=0, err_msg=name)


def test_no_padding_is_left():
    x_BTD = torch.tensor([[[1.0], [math.inf]], [[2.0], [3.0]]])
    encoded = Encoded(x_BTD, torch.tensor([[True, False], [True, True]]))
    assert parts.without_padding(encoded).tolist() == [[[1.0], [0.0]], [[2.0], [3.0]]]


@pytest.mark.parametrize("dim", [1, 4, 7])
def test_positions_are_the_papers_sines_and_cosines(dim):
    found_TD = parts.positions(torch.zeros(2, 50, dim, dtype=torch.float64))
    for place in (0, 1, 49):
        for channel in range(dim):
            angle = place / 10_000 ** (2 * (channel // 2) / dim)
            expected = math.cos(angle) if channel % 2 else math.sin(angle)
            assert float(found_TD[place, channel]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("activation", "name"), [(nn.GELU, "gelu"), (nn.ReLU, "relu")])
def test_a_block_is_torchs_pre_norm_layer_with_the_same_weights(shake, activation, name):
    block = shake(parts.AttentionBlock(8, heads=2, activation=activation, dropout=0.0))
    layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, name, batch_first=True, norm_first=True).double().eval()
    names = {"self_attn": "attend", "linear1": "ffn.1", "linear2": "ffn.4", "norm1": "norm", "norm2": "ffn.0"}
    weights = block.state_dict()
    layer.load_state_dict(
        {key: weights[f"{names[key.partition('.')[0]]}.{key.partition('.')[2]}"] for key in layer.state_dict()}
    )
    x_BTD = torch.randn(3, 5, 8, dtype=torch.float64)
    mask_BT = torch.arange(5) < torch.tensor([5, 3, 1])[:, None]
    found, expected = block(x_BTD, mask_BT), layer(x_BTD, src_key_padding_mask=~mask_BT)
    torch.testing.assert_close(found[mask_BT], expected[mask_BT], **CLOSE)


def test_a_block_with_keys_attends_to_them_alone(shake):
    block = shake(parts.AttentionBlock(8, heads=2, activation=nn.ReLU, dropout=0.0, key_dim=4, expansion=1))
    x_BTD, keys_BSE = torch.randn(2, 3, 8, dtype=torch.float64), torch.randn(2, 6, 4, dtype=torch.float64)
    k = block.key_norm(keys_BSE)
    y = x_BTD + block.attend(block.norm(x_BTD), k, k)[0]
    expected = y + block.ffn[4](block.ffn[1](block.ffn[0](y)).relu())
    torch.testing.assert_close(block(x_BTD, None, keys_BSE), expected, **CLOSE)


@pytest.mark.parametrize(("key", "expected"), [("text", True), ("text-dialog", True), ("texture", False)])
def test_a_key_is_of_the_modality_it_begins_with(key, expected):
    assert parts.is_of(key, "text") is expected


def test_heads_must_divide_what_they_share():
    with pytest.raises(SpecError, match=r"^fusion\.cross_heads: must divide fusion\.dim, 40; got 7$"):
        parts.require_divisor(7, 40, key="cross_heads", of="fusion.dim")
