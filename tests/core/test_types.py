import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mer_core.types import Encoded, Predictions, Utterance


@pytest.fixture
def encoded():
    x_BTD = torch.arange(24.0).reshape(3, 4, 2)
    mask_BT = torch.tensor([[True, True, False, False], [True, True, True, True], [False] * 4])
    return Encoded(x_BTD, mask_BT)


def test_take_gives_utterances_with_their_masks_in_the_order_asked_for(encoded):
    taken = encoded.take(torch.tensor([1, 1, 0, 2]))
    assert torch.equal(taken.x_BTD, torch.stack([encoded.x_BTD[i] for i in (1, 1, 0, 2)]))
    assert taken.mask_BT.sum(1).tolist() == [4, 4, 2, 0]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from([0.0, 1e9, float("nan"), float("inf")]))
def test_the_mean_is_over_real_frames_whatever_the_padding_holds(lengths, padding):
    x_BTD = torch.randn(len(lengths), 4, 3, generator=torch.Generator().manual_seed(0))
    mask_BT = torch.arange(4) < torch.tensor(lengths)[:, None]
    x_BTD[~mask_BT] = padding
    expected = [x[:n].mean(0) if n else torch.zeros(3) for x, n in zip(x_BTD, lengths, strict=True)]
    torch.testing.assert_close(Encoded(x_BTD, mask_BT).mean_BD(), torch.stack(expected))


def test_padding_has_no_gradient(encoded):
    x_BTD = encoded.x_BTD.clone().requires_grad_()
    Encoded(x_BTD, encoded.mask_BT).mean_BD().sum().backward()
    assert torch.equal(x_BTD.grad != 0, encoded.mask_BT[..., None].expand(-1, -1, 2))


def test_shapes_are_checked_in_tests():
    with pytest.raises(Exception, match="mask_BT"):
        Encoded(torch.zeros(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(Exception, match="mask_BT"):
        Encoded(torch.zeros(2, 3, 4), torch.ones(2, 3))


def test_predicted_is_the_name_of_the_most_probable_class():
    predictions = Predictions(["a", "b"], ["x", "y"], ["x", "x"], torch.tensor([[0.6, 0.4], [0.1, 0.9]]))
    assert predictions.predicted == ["x", "y"]


def test_an_utterance_is_frozen_and_knows_nothing_by_default():
    utterance = Utterance(id="u")
    assert (utterance.audio, utterance.text, utterance.label, dict(utterance.fields)) == (None, None, None, {})
    with pytest.raises(AttributeError):
        utterance.id = "v"
