import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.aux_tasks.modality_dropout import ModalityDropout, draw_kept

LABELS = [0, 1, 2, 2, 1, 0, 0]


def build(modalities=("audio", "text"), **options):
    config = ModalityDropout.Config(**options)
    return ModalityDropout(config, fused_dim=4, num_classes=3, input_dims=dict.fromkeys(modalities, 2))


@given(st.integers(1, 20), st.integers(2, 4), st.floats(0.01, 0.99), st.integers(0, 2**40))
def test_every_utterance_keeps_a_modality(size, num_modalities, probability, seed):
    kept_BM = draw_kept(size, num_modalities, probability, torch.Generator().manual_seed(seed))
    assert kept_BM.shape == (size, num_modalities)
    assert kept_BM.any(1).all()


@pytest.mark.parametrize(
    ("probability", "share"), [(0.2, 0.8 + 0.04 / 2), (0.5, 0.5 + 0.25 / 2), (0.9, 0.1 + 0.81 / 2)]
)
def test_modalities_stay_as_often_as_the_formula_gives(probability, share):
    """Kept by its own draw, or saved with probability 1/2 where both draws drop."""
    kept_BM = draw_kept(20_000, 2, probability, torch.Generator().manual_seed(0))
    assert kept_BM.double().mean(0).tolist() == pytest.approx([share, share], abs=0.012)


def test_the_loss_is_the_classifiers_on_what_is_left(make_step):
    step, _ = make_step(LABELS)
    seen = []
    step = type(step)(**{name: getattr(step, name) for name in step.__slots__} | {"fuse": lambda e: fused(e, seen)})
    loss = build()(step)
    (left,) = seen
    for m, encoded in left.items():
        dropped_B = ~encoded.x_BTD.flatten(1).any(1)
        dropped_B[0] = False  # the frames of utterance 0 are zero anyway
        assert dropped_B.any()
        kept = ~dropped_B
        assert torch.equal(encoded.x_BTD[kept], step.encoded[m].x_BTD[kept])
        assert torch.equal(encoded.mask_BT, step.encoded[m].mask_BT)
    expected = functional.cross_entropy(step.classify(fused(left, [])), step.labels_B)
    torch.testing.assert_close(loss, expected)


def fused(encoded, seen):
    seen.append(encoded)
    return torch.cat([encoded[m].mean_BD() for m in sorted(encoded)], dim=-1)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_the_probability_is_between_none_and_all(probability):
    with pytest.raises(ValidationError, match="probability"):
        build(probability=probability)


def test_one_modality_is_refused():
    with pytest.raises(SpecError, match=r"^modality-dropout drops modalities, and this pipeline has only text\nUse"):
        build(("text",))
