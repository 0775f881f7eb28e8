import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from mer_core.losses import emotion_loss


def batch(seed, size=5, classes=4, spread=3.0):
    source = torch.Generator().manual_seed(seed)
    logits_BC = spread * torch.randn(size, classes, generator=source)
    return logits_BC, torch.randint(classes, (size,), generator=source)


@given(seed=st.integers(0, 1000))
def test_without_options_it_is_cross_entropy(seed):
    logits_BC, labels_B = batch(seed)
    expected = functional.cross_entropy(logits_BC, labels_B, reduction="none")
    assert torch.equal(emotion_loss(logits_BC, labels_B), expected)


@given(seed=st.integers(0, 1000), gamma=st.sampled_from([0.5, 1.0, 2.0, 5.0]))
def test_focal_is_its_closed_form(seed, gamma):
    logits_BC, labels_B = batch(seed)
    p_B = logits_BC.double().softmax(-1)[torch.arange(5), labels_B]
    expected = -((1 - p_B) ** gamma) * p_B.log()
    found = emotion_loss(logits_BC, labels_B, gamma=gamma)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)


@given(seed=st.integers(0, 1000), smoothing=st.floats(0.0, 0.9))
def test_smoothing_is_its_closed_form(seed, smoothing):
    logits_BC, labels_B = batch(seed)
    log_p_BC = logits_BC.double().log_softmax(-1)
    expected = -(1 - smoothing) * log_p_BC[torch.arange(5), labels_B] - smoothing * log_p_BC.mean(-1)
    found = emotion_loss(logits_BC, labels_B, smoothing=smoothing)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)


@given(seed=st.integers(0, 1000), gamma=st.sampled_from([0.0, 2.0]), smoothing=st.sampled_from([0.0, 0.2]))
def test_shares_of_one_class_are_a_label(seed, gamma, smoothing):
    logits_BC, labels_B = batch(seed)
    shares_BC = functional.one_hot(labels_B, 4).float()
    hard = emotion_loss(logits_BC, labels_B, gamma=gamma, smoothing=smoothing)
    soft = emotion_loss(logits_BC, torch.zeros_like(labels_B), shares_BC, gamma=gamma, smoothing=smoothing)
    torch.testing.assert_close(soft, hard, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_soft_labels_are_the_expected_loss_of_a_vote(gamma):
    logits_BC, labels_B = batch(1)
    shares_BC = torch.rand(5, 4, generator=torch.Generator().manual_seed(2)).softmax(-1)
    each = [emotion_loss(logits_BC, torch.full_like(labels_B, c), gamma=gamma) for c in range(4)]
    expected = sum(shares_BC[:, c] * each[c] for c in range(4))
    torch.testing.assert_close(emotion_loss(logits_BC, labels_B, shares_BC, gamma=gamma), expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_sure_predictions_have_finite_gradients(gamma):
    logits_BC = torch.tensor([[80.0, -80.0], [-80.0, 80.0]], requires_grad=True)
    loss_B = emotion_loss(logits_BC, torch.tensor([0, 0]), gamma=gamma)
    loss_B.sum().backward()
    assert torch.isfinite(logits_BC.grad).all()
    assert loss_B[0] < 1e-6
    assert loss_B[1] > 100


def test_the_pipeline_passes_its_options_and_weighs_by_class(toys):
    weight_C = torch.tensor([0.5, 1.0, 1.5, 2.0])
    train = {"epochs": 1, "focal_gamma": 2.0, "label_smoothing": 0.1, "dropout": 0.0}
    made = toys(train=train, class_weight_C=weight_C)
    batch = made.batch(0, 1, 2, 7)
    output = made.pipeline(batch, torch.Generator())
    loss_B = emotion_loss(output.logits_BC, batch.labels_B, gamma=2.0, smoothing=0.1)
    torch.testing.assert_close(output.losses["main"], (loss_B * weight_C[batch.labels_B]).mean())
